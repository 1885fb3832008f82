"""The GGML container: what is written is read, and what is wrong is said."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import attrs
import pytest
from gguf.constants import GGMLQuantizationType

from starcoder_lsp.engine.ctransformers_fit import bytes_needed, fit, largest_chunk, reserved_bytes
from starcoder_lsp.errors import ModelTooLarge, ModelTruncated, ModelUnsupported
from starcoder_lsp.models.ggml.container import (
    Container,
    Shape,
    container_bytes,
    read_container,
    write_head,
    write_tensor_head,
)
from starcoder_lsp.models.read import is_ggml, read_any_header

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from starcoder_lsp.models.ggml.container import TensorSpec

SHAPE = Shape(vocab=4, context=8, width=64, heads=2, layers=2, weights=GGMLQuantizationType.Q4_0)
VOCABULARY = (b"<|endoftext|>", b"a", b"\xff", b"aa")

STARCODER_15B = Shape(49152, 8192, 6144, 48, 40, GGMLQuantizationType.Q4_0)
STARCODER_1B = Shape(49152, 8192, 2048, 16, 24, GGMLQuantizationType.Q4_0)
GIB = 2**30


def write(path: Path, tensors: Iterable[TensorSpec], shape: Shape = SHAPE) -> Path:
    with path.open("wb") as stream:
        write_head(stream, shape, VOCABULARY)
        for tensor in tensors:
            write_tensor_head(stream, tensor)
            stream.write(bytes(tensor.size))
    return path


@pytest.mark.parametrize("tied", [False, True])
def test_what_is_written_is_read(tmp_path: Path, tied: bool) -> None:  # noqa: FBT001 - a parameter of the test
    path = write(tmp_path / "m.ggml", SHAPE.tensors(tied=tied))
    container = read_container(path)
    assert container == Container(path, SHAPE, VOCABULARY, path.stat().st_size, tied)
    assert path.stat().st_size == container_bytes(SHAPE, VOCABULARY, tied=tied)


def test_tensors_may_come_in_any_order(tmp_path: Path) -> None:
    path = write(tmp_path / "m.ggml", reversed(list(SHAPE.tensors(tied=False))))
    assert read_container(path).shape == SHAPE


def test_a_missing_tensor_is_a_truncated_file(tmp_path: Path) -> None:
    without = [tensor for tensor in SHAPE.tensors(tied=False) if tensor.name != "model/h1/ln_2/b"]
    with pytest.raises(ModelTruncated):
        read_container(write(tmp_path / "m.ggml", without))


@pytest.mark.parametrize(
    "changes",
    [{"dims": (64, 5)}, {"dims": (64,)}, {"name": "model/other"}, {"type": GGMLQuantizationType.F16}],
)
def test_a_wrong_tensor_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    tensors = list(SHAPE.tensors(tied=False))
    at = next(at for at, tensor in enumerate(tensors) if tensor.name == "model/wte")
    tensors[at] = attrs.evolve(tensors[at], **changes)  # type: ignore[arg-type]
    with pytest.raises(ModelUnsupported, match=r"model/wte|model/other"):
        read_container(write(tmp_path / "m.ggml", tensors))


def test_a_tensor_that_comes_twice(tmp_path: Path) -> None:
    tensors = list(SHAPE.tensors(tied=False))
    with pytest.raises(ModelUnsupported, match="twice"):
        read_container(write(tmp_path / "m.ggml", [*tensors, tensors[0]]))


def test_a_token_longer_than_any(tmp_path: Path) -> None:
    path = tmp_path / "m.ggml"
    path.write_bytes(b"lmgg" + struct.pack("<7iI", 4, 8, 64, 2, 2, 1, 4, 1 << 31) + b"x" * 64)
    with pytest.raises(ModelUnsupported, match="token of"):
        read_container(path)


def test_the_header_of_a_ggml_file_reads_as_that_of_a_gguf_file(tmp_path: Path) -> None:
    path = write(tmp_path / "my-model.ggml", SHAPE.tensors(tied=False))
    header = read_any_header(path)
    assert is_ggml(header)
    assert (header.architecture, header.name, header.quantisation) == ("starcoder", "my-model", "Q4_0")
    assert (header.context_length, header.block_count, header.vocab_size) == (8, 2, 4)
    assert header.named_ids == {"eos": 0}
    assert header.vocabulary().tokens == ["<|endoftext|>", "a", "ÿ", "aa"]


def test_head_is_what_the_loader_of_ctransformers_reads() -> None:
    stream = io.BytesIO()
    write_head(stream, SHAPE, VOCABULARY)
    assert stream.getvalue()[:36] == struct.pack("<I8i", 0x67676D6C, 4, 8, 64, 2, 2, 2002, 4, 13)


def container(shape: Shape, path: Path) -> Container:
    return Container(path, shape, (), 0, tied=False)


def test_memory_of_the_cache_is_that_of_the_paper_sum() -> None:
    assert STARCODER_1B.cache_bytes_per_token * 8192 == pytest.approx(3.2e9, rel=0.01)
    assert STARCODER_15B.cache_bytes_per_token * 8192 == pytest.approx(16.1e9, rel=0.01)


def test_context_is_cut_to_the_memory_there_is(tmp_path: Path) -> None:
    small = container(STARCODER_1B, tmp_path / "m")
    everything = fit(small, wanted=8192, available=16 * GIB)
    assert (everything.context, everything.reason) == (8192, "")
    cut = fit(small, wanted=8192, available=3 * GIB)
    assert 256 <= cut.context < 8192
    assert cut.bytes == bytes_needed(small, cut.context) <= 0.8 * 3 * GIB
    assert "from 8,192" in cut.reason
    assert "0.39 MB a token" in cut.reason
    assert fit(small, wanted=100, available=3 * GIB).context == 100
    assert fit(small, wanted=100_000, available=16 * GIB).context == 8192


def test_a_model_that_does_not_fit_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelTooLarge, match="use the engine llama"):
        fit(container(STARCODER_15B, tmp_path / "m"), wanted=2048, available=4 * GIB)


def test_a_reservation_that_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_keywords: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("starcoder_lsp.engine.ctransformers_fit.mmap.mmap", refuse)
    small = container(STARCODER_1B, tmp_path / "m")
    with pytest.raises(ModelTooLarge, match="the system refuses"):
        fit(small, wanted=2048, available=16 * GIB)
    assert reserved_bytes(small) > 8192 * STARCODER_1B.cache_bytes_per_token


def test_chunks_shrink_as_the_scratch_buffer_fills() -> None:
    assert largest_chunk(STARCODER_1B, 0) == 64
    assert largest_chunk(STARCODER_15B, 8192 - 32) == 32
    assert largest_chunk(STARCODER_15B, 100_000) == 0
