from __future__ import annotations

import os
import re
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from gguf.constants import GGMLQuantizationType

from benchmarks.random_model import write_random_model
from benchmarks.vocabulary import BUILTIN_SCALARS, LEARNT, builtin_vocabulary
from starcoder_lsp.errors import (
    ModelError,
    ModelForeign,
    ModelNotFound,
    ModelNotReadable,
    ModelTruncated,
    ModelUnsupported,
)
from starcoder_lsp.models.gguf import GGUFHeader, read_header
from tests.support.gguf_files import Plain, write_gguf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAIRS: dict[str, Plain | Sequence[Plain]] = {
    "general.architecture": "llama",
    "llama.context_length": 4096,
    "llama.embedding_length": 64,
    "llama.block_count": 2,
    "llama.attention.head_count": 8,
}
F32 = int(GGMLQuantizationType.F32)
TENSORS = [("token_embd.weight", (64, 10), F32, 2560), ("output_norm.weight", (64,), F32, 256)]


def header(folder: Path, **pairs: Plain | Sequence[Plain]) -> GGUFHeader:
    path = folder / "model.gguf"
    write_gguf(path, PAIRS | {key.replace("__", "."): value for key, value in pairs.items()}, tensors=TENSORS)
    return read_header(path)


@pytest.fixture(scope="module")
def starcoder2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_random_model(path, arch="starcoder2", quantisation="Q8_0")
    return path


def test_a_model_describes_itself(starcoder2: Path) -> None:
    found = read_header(starcoder2)
    assert found.architecture == "starcoder2"
    assert found.name == "random starcoder2 tiny"
    assert (found.context_length, found.embedding_length, found.block_count) == (16384, 256, 4)
    assert (found.head_count, found.head_count_kv, found.key_length, found.value_length) == (4, 2, 64, 64)
    assert found.feed_forward_length == 1024
    assert found.vocab_size == LEARNT
    assert found.quantisation == "Q8_0"
    assert (found.tokenizer_model, found.tokenizer_pre) == ("gpt2", "starcoder")
    assert found.named_ids == {"eos": 0}
    assert found.file_bytes == starcoder2.stat().st_size
    assert found.parameters == pytest.approx(4 * (256 * 256 * 3 + 2 * 256 * 1024) + 256 * LEARNT, rel=0.01)


def test_the_vocabulary_is_read_when_asked_for(starcoder2: Path) -> None:
    assert read_header(starcoder2).vocabulary() == builtin_vocabulary("starcoder2")


def test_a_big_vocabulary_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "big.gguf"
    write_gguf(path, {**PAIRS, **BUILTIN_SCALARS}, vocabulary=builtin_vocabulary("starcoder2", 49152))
    started = time.thread_time()
    found = read_header(path, vocabulary_only=True)
    assert time.thread_time() - started < 0.5
    assert found.vocab_size == 49152


def test_a_vocabulary_without_weights_is_refused_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.gguf"
    write_gguf(path, PAIRS)
    assert read_header(path, vocabulary_only=True).tensor_count == 0
    with pytest.raises(ModelUnsupported, match="a vocabulary only"):
        read_header(path)


def test_a_file_without_vocabulary_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="no vocabulary"):
        header(tmp_path).vocabulary()


@pytest.mark.parametrize("architecture", ["bert", "clip", "t5"])
def test_what_does_not_write_text_is_refused(tmp_path: Path, architecture: str) -> None:
    with pytest.raises(ModelUnsupported, match=rf"\({architecture}\) does not produce text"):
        header(tmp_path, general__architecture=architecture)


def test_a_model_without_dimensions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="does not state its dimensions"):
        header(tmp_path, llama__context_length=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.context_length", 2**31),
        ("llama.context_length", 2**32 - 1),
        ("llama.context_length", -1),
        ("llama.context_length", "4096"),
        ("llama.context_length", 4096.5),
        ("llama.context_length", True),
        ("llama.block_count", 513),
        ("llama.embedding_length", 2**31 - 1),
        ("llama.attention.head_count", "eight"),
        ("llama.attention.head_count_kv", ["a", "b"]),
        ("llama.feed_forward_length", 2**40),
    ],
)
def test_what_a_header_may_claim_has_bounds(tmp_path: Path, key: str, value: Plain | list[Plain]) -> None:
    with pytest.raises(ModelUnsupported, match=rf"damaged header \({re.escape(key)} is .*download it again"):
        header(tmp_path, **{key.replace(".", "__"): value})


@pytest.mark.parametrize("tokens", [1, 3, 7, 63])
def test_a_context_too_short_for_anything_gets_advice_that_can_help(tmp_path: Path, tokens: int) -> None:
    with pytest.raises(ModelUnsupported, match=rf"context of {tokens} tokens, too short.*another conversion"):
        header(tmp_path, llama__context_length=tokens)


def test_a_context_of_two_thousand_million_is_taken(tmp_path: Path) -> None:
    assert header(tmp_path, llama__context_length=2**31 - 1).context_length == 2**31 - 1


def test_a_vocabulary_of_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match=r"damaged header \(tokenizer\.ggml\.tokens holds INT32 values\)"):
        header(tmp_path, tokenizer__ggml__tokens=[1, 2]).vocabulary()


def test_a_file_cut_off_after_its_header_was_read(tmp_path: Path) -> None:
    found = header(tmp_path, tokenizer__ggml__tokens=["a", "b"])
    found.path.write_bytes(found.path.read_bytes()[:64])
    with pytest.raises(ModelTruncated):
        found.vocabulary()


def test_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="its type is 'adapter'"):
        header(tmp_path, general__type="adapter")


def test_heads_that_differ_by_layer_count_as_the_most(tmp_path: Path) -> None:
    assert header(tmp_path, llama__attention__head_count_kv=[2, 4]).head_count_kv == 4


def test_named_tokens(tmp_path: Path) -> None:
    named = header(
        tmp_path,
        tokenizer__ggml__bos_token_id=1,
        tokenizer__ggml__eos_token_id=2,
        tokenizer__ggml__prefix_token_id=7,
        tokenizer__ggml__fim_suf_token_id=8,
    ).named_ids
    assert named == {"eos": 2, "prefix": 7, "suffix": 8}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ({"tokenizer__ggml__model": "llama"}, True),
        ({"tokenizer__ggml__model": "gpt2"}, False),
        ({"tokenizer__ggml__model": "gpt2", "tokenizer__ggml__pre": "llama-bpe"}, True),
        ({"tokenizer__ggml__model": "llama", "tokenizer__ggml__add_bos_token": False}, False),
    ],
)
def test_who_begins_with_bos(tmp_path: Path, pairs: dict[str, Plain], expected: bool) -> None:  # noqa: FBT001
    assert ("bos" in header(tmp_path, tokenizer__ggml__bos_token_id=1, **pairs).named_ids) is expected


@pytest.mark.parametrize(("file_type", "label"), [(15, "Q4_K_M"), (7, "Q8_0"), (1, "F16"), (0, "F32")])
def test_quantisation_has_a_label(tmp_path: Path, file_type: int, label: str) -> None:
    assert header(tmp_path, general__file_type=file_type).quantisation == label


def test_quantisation_of_a_file_that_does_not_say_is_that_of_most_bytes(tmp_path: Path) -> None:
    assert header(tmp_path).quantisation == "F32"
    assert header(tmp_path, general__file_type=9999).quantisation == "F32"


def test_a_tensor_type_of_the_future_is_left_to_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(path, PAIRS, tensors=[("token_embd.weight", (64, 10), 999, 100)])
    assert read_header(path).quantisation == "type 999"


# What is no model


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r'does not exist\. Correct the setting "model"'):
        read_header(tmp_path / "none.gguf")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelNotReadable, match="it is a directory"):
        read_header(tmp_path)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelNotReadable, match="not a regular file"):
        read_header(tmp_path / "pipe.gguf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.gguf"
    path.write_bytes(b"GGUF")
    path.chmod(0)
    with pytest.raises(ModelNotReadable, match="Permission denied"):
        read_header(path)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", "empty", "but empty"),
        (b"lmgg" + bytes(60), "ggml", "a GGML file"),
        (b"tjgg" + bytes(60), "ggml", "a GGJT file"),
        (b"PK\x03\x04" + bytes(60), "pytorch", "zip archive"),
        (b"\x80\x02}q\x00.", "pytorch", "a pickle"),
        (struct.pack("<Q", 70) + b'{"__metadata__":{}}', "safetensors", "safetensors"),
        (b"<!DOCTYPE html><title>404</title>", "html", "a web page"),
        (b"\n<HTML><body>log in</body>", "html", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "git-lfs", "git lfs pull"),
        (b'{"architectures": ["GPTBigCodeForCausalLM"]}', "json", "a JSON file"),
        (b"\x1f\x8b\x08", "archive", "gzip"),
        (bytes(64), "unknown", "filled with zeros"),
        (b"GGU", "unknown", "it begins with 47 47 55"),
        (b"\x7fELF", "unknown", "it begins with 7f 45 4c 46"),
    ],
)
def test_other_files_are_recognised(tmp_path: Path, content: bytes, kind: str, words: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelForeign) as caught:
        read_header(path)
    assert caught.value.kind == kind
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("lost", [1, 100, 200_000])
def test_lost_data_is_noticed_and_counted(starcoder2: Path, tmp_path: Path, lost: int) -> None:
    whole = starcoder2.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[:-lost])
    with pytest.raises(ModelTruncated) as caught:
        read_header(path)
    assert (caught.value.expected, caught.value.actual) == (len(whole), len(whole) - lost)
    assert f"{len(whole):,}" in str(caught.value)
    assert "download it again" in str(caught.value)


def test_a_header_cut_anywhere_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(path, PAIRS | {"tokenizer.ggml.tokens": ["a", "b"], "x.y": [1, 2, 3]}, tensors=TENSORS)
    whole = path.read_bytes()
    for size in range(4, len(whole), 3):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelTruncated):
            read_header(path)


def test_a_damaged_header_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(path, PAIRS | {"tokenizer.ggml.tokens": ["a", "b"], "x.y": [1, 2, 3]}, tensors=TENSORS)
    whole = path.read_bytes()
    for at in range(4, 400):
        path.write_bytes(whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :])
        with suppress(ModelError):
            read_header(path)


def test_versions_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    for version, order, words in (
        (1, "<", "newer conversion"),
        (4, "<", "Update this program"),
        (3, ">", "big-endian"),
    ):
        write_gguf(path, PAIRS, tensors=TENSORS, version=version, order=order)
        with pytest.raises(ModelUnsupported, match=words):
            read_header(path)


def parts(folder: Path, model: Path, count: int = 2) -> list[Path]:
    paths = [folder / f"big-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    for path in paths:
        path.write_bytes(model.read_bytes())
    return paths


def test_a_model_in_parts_is_one_model(starcoder2: Path, tmp_path: Path) -> None:
    for path in parts(tmp_path, starcoder2):
        found = read_header(path)
        assert found.path == tmp_path / "big-00001-of-00002.gguf"
        assert found.file_bytes == 2 * starcoder2.stat().st_size


def test_a_missing_part_is_named(starcoder2: Path, tmp_path: Path) -> None:
    first, second = parts(tmp_path, starcoder2)
    second.unlink()
    with pytest.raises(ModelNotFound, match=r"these are missing: big-00002-of-00002\.gguf\. Put all parts"):
        read_header(first)


@pytest.mark.slow
def test_a_model_in_very_many_parts_names_a_few(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"big-00003-of-99999\.gguf and 99,996 more\. Put") as caught:
        read_header(tmp_path / "big-00001-of-99999.gguf")
    assert len(str(caught.value)) < 700


def test_part_nought_of_nought_is_a_name_like_others(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="does not exist"):
        read_header(tmp_path / "z-00000-of-00000.gguf")


def test_a_truncated_part_is_named(starcoder2: Path, tmp_path: Path) -> None:
    first, second = parts(tmp_path, starcoder2)
    second.write_bytes(second.read_bytes()[:-5])
    with pytest.raises(ModelTruncated, match="big-00002"):
        read_header(first)
