"""What of the ctransformers engine is not the protocol: builds, GPUs, the context it settles for, its chunks."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.random_model import write_random_model
from starcoder_lsp.engine import ctransformers
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.errors import EngineFailed, ModelTooLarge
from starcoder_lsp.models.gguf import read_header

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.engine.ctransformers import CTransformers
    from starcoder_lsp.models.gguf import GGUFHeader

MIB = 2**20


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ctransformers")


@pytest.fixture(scope="session")
def header(folder: Path) -> GGUFHeader:
    path = folder / "little.gguf"
    write_random_model(path, arch="starcoder", quantisation="Q8_0")
    return read_header(path)


def load(header: GGUFHeader, folder: Path, window: int = 512, gpu_layers: int | None = None) -> CTransformers:
    return ctransformers.load(
        header, end_ids=frozenset(), context_window=window, threads=1, gpu_layers=gpu_layers, folder=folder
    )


def test_metal_is_refused_with_a_way_out(header: GGUFHeader, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EngineFailed, match=r"not with Metal.*engine llama\.cpp"):
        load(header, folder, gpu_layers=10)


@pytest.mark.parametrize("gpu_layers", [None, 0])
def test_no_layers_on_the_gpu_take_the_build_for_the_processor(
    header: GGUFHeader, folder: Path, gpu_layers: int | None
) -> None:
    engine = load(header, folder, gpu_layers=gpu_layers)
    assert any(f"({build})" in engine.info.detail for build in ("avx2", "avx", "basic"))


def test_a_gpu_without_cuda_says_what_to_install(
    header: GGUFHeader, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctransformers.llm as library  # noqa: PLC0415 - loads a native library

    def missing(*_arguments: object, **_keywords: object) -> None:
        raise OSError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(library, "load_library", missing)
    with pytest.raises(EngineFailed, match=r"pip install ctransformers\[cuda\].*libcudart"):
        load(header, folder, gpu_layers=10)


def test_less_context_than_asked_for_is_explained(
    header: GGUFHeader, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ctransformers, "available_memory", lambda: 125 * MIB)
    with caplog.at_level(logging.WARNING):
        engine = load(header, folder, window=8192)
    assert 256 <= engine.info.context_window < 8192
    assert "context cut from 8,192" in engine.info.detail
    assert "context cut from 8,192" in caplog.text


def test_too_little_memory_for_any_context(header: GGUFHeader, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctransformers, "available_memory", lambda: 50 * MIB)
    with pytest.raises(ModelTooLarge):
        load(header, folder)


def test_there_is_one_slot(header: GGUFHeader, folder: Path) -> None:
    engine = load(header, folder)
    with pytest.raises(ValueError, match="one slot"):
        engine.prefill([5], slot=1, cancel=CancelToken())


def test_chunks_are_small_where_tokens_are_slow_and_share_the_copy_where_the_context_is_long(
    header: GGUFHeader, folder: Path
) -> None:
    engine = load(header, folder)
    engine._token_s = 0.05
    assert engine._chunk(0) == 2
    engine._token_s = 10.0
    assert engine._chunk(0) == 1
    assert engine._chunk(1024) == 20
    engine._token_s = 1e-6
    assert engine._chunk(0) == 64
