"""Files that are not what they should be: a clear error each, before native code sees them, and the process lives."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.repack import repack
from starcoder_lsp.errors import (
    EngineFailed,
    ModelError,
    ModelForeign,
    ModelNotFound,
    ModelNotReadable,
    ModelTruncated,
    ModelUnsupported,
)
from starcoder_lsp.models.gguf import read_header
from tests.support.generation import generate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.conftest import Opener

WORDS = b"".join(struct.pack("<I", 1) + bytes([byte]) for byte in range(97, 107))


@pytest.fixture(scope="session")
def good(model: Callable[[str], Path], folder: Path) -> bytes:
    """Bytes of a good GGML file."""
    return repack(read_header(model("Q8_0")), folder=folder / "good").read_bytes()


def fails(open_model: Opener, path: Path, kind: type[ModelError], *words: str) -> None:
    with pytest.raises(kind) as caught:
        open_model(path)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", ModelForeign, ["empty"]),
        (b"\0" * 4096, ModelForeign, ["zeros"]),
        (b"PK\x03\x04" + b"x" * 100, ModelForeign, ["PyTorch"]),
        (b"lmgf" + b"x" * 100, ModelForeign, ["unknown"]),
        (b"tjgg" + b"x" * 100, ModelForeign, ["GGJT"]),
        (b"GGUF" + b"x" * 100, ModelUnsupported, []),
        (b"GGUF", ModelTruncated, []),
        (b"lmgg", ModelTruncated, []),
        (b"lmgg" + b"\0" * 100, ModelUnsupported, ["tokens = 0"]),
        (b"lmgg" + b"\xff" * 100, ModelUnsupported, ["tokens = -1"]),
    ],
)
def test_foreign_files(
    open_model: Opener, tmp_path: Path, content: bytes, kind: type[ModelError], words: list[str]
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    fails(open_model, path, kind, *words)


def test_no_file(open_model: Opener, tmp_path: Path) -> None:
    fails(open_model, tmp_path / "none.gguf", ModelNotFound)
    fails(open_model, tmp_path, ModelNotReadable, "directory")


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        pytest.param((50400, 2048, 4096, 16, 28, 64, 1, 50400), ["file type 64"], id="GPT-J"),
        pytest.param((50432, 2048, 6144, 64, 44, 24, 1, 2003), ["file type 24"], id="GPT-NeoX"),
        pytest.param((32000, 4096, 256, 32, 32, 128, 2, 0), ["StarCoder"], id="LLaMA"),
        pytest.param((10, 64, 64, 2, 1, 2, 10), ["before June 2023"], id="old quantisation"),
        pytest.param((10, 64, 64, 2, 1, 2006, 10), ["file type 2006"], id="unknown type"),
        pytest.param((10, 64, 60, 2, 1, 2002, 10), ["rows of 60"], id="odd width"),
        pytest.param((10, 64, 64, 7, 1, 1, 10), ["7 heads"], id="odd heads"),
        pytest.param((10, 64, 64, 2, 1, 1, 11), ["vocabulary 11"], id="two vocabularies"),
    ],
)
def test_ggml_files_of_other_models(
    opener: Callable[[str], Opener], tmp_path: Path, numbers: tuple[int, ...], words: list[str]
) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(b"lmgg" + struct.pack(f"<{len(numbers)}i", *numbers) + WORDS + b"\0" * 4096)
    fails(opener("ctransformers"), path, ModelUnsupported, *words)


def test_tensors_of_another_model(opener: Callable[[str], Opener], tmp_path: Path, good: bytes) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(good.replace(b"model/h1/mlp/c_fc/w", b"model/h1/mlp/fc_in/"))
    fails(opener("ctransformers"), path, ModelUnsupported, "fc_in")


def test_truncated_ggml(opener: Callable[[str], Opener], tmp_path: Path, good: bytes) -> None:
    path = tmp_path / "cut.ggml"
    rng = random.Random(0)  # noqa: S311 - chooses places
    for size in [5, 27, 28, 31, 33, 40, len(good) - 1, *rng.sample(range(100, len(good)), 40)]:
        path.write_bytes(good[:size])
        fails(opener("ctransformers"), path, ModelTruncated, "cut off")


def test_a_ggml_file_that_goes_on(opener: Callable[[str], Opener], tmp_path: Path, good: bytes) -> None:
    path = tmp_path / "long.ggml"
    path.write_bytes(good + b"\0" * 100)
    fails(opener("ctransformers"), path, ModelUnsupported)


def test_truncated_gguf(open_model: Opener, model: Callable[[str], Path], tmp_path: Path) -> None:
    content = model("Q8_0").read_bytes()
    path = tmp_path / "cut.gguf"
    for size in [8, 100, 10_000, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:size])
        fails(open_model, path, ModelTruncated, "cut off")


def test_flipped_bits_never_reach_native_code(
    opener: Callable[[str], Opener], tmp_path: Path, good: bytes, text_ids: list[int]
) -> None:
    """What the checks let pass, the library must survive: a changed token or weight, but no changed size."""
    rng = random.Random(1)  # noqa: S311 - chooses places
    path = tmp_path / "flipped.ggml"
    open_model = opener("ctransformers")
    heads = [at for at in range(len(good) - 16) if good[at : at + 6] == b"model/"]
    places = [*range(32), *(rng.randrange(32, 12_000) for _ in range(60)), *(at - rng.randrange(21) for at in heads)]
    passed = 0
    for place in places:
        content = bytearray(good)
        content[place] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        try:
            engine = open_model(path)
            passed += 1
            generate(engine, text_ids[:5], 2)
        except (ModelError, EngineFailed):  # the second: a flipped bit made a weight infinite
            continue
    assert 0 < passed < len(places)


def test_starcoder2_is_not_for_ctransformers(opener: Callable[[str], Opener], folder: Path) -> None:
    from benchmarks.random_model import write_random_model  # noqa: PLC0415 - makes a vocabulary

    path = folder / "second.gguf"
    write_random_model(path, arch="starcoder2")
    fails(opener("ctransformers"), path, ModelUnsupported, "StarCoder2", "sliding window", "llama.cpp")
