"""All engines, behind one way to open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from starcoder_lsp.engine import ctransformers, llama_cpp
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.models.read import read_any_header
from starcoder_lsp.tokens.tokenizer import Tokenizer
from tests.conformance.models import CONTEXT, RECIPES, write_model
from tests.support.llama_server import serve_and_connect
from tests.support.shared_engine import SharedProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starcoder_lsp.engine.base import Engine
    from starcoder_lsp.models.gguf import GGUFHeader

_END = frozenset({0})
_NOT_IN_TEXT = 1
"""The id of `<fim_prefix>`: what was evaluated of it is no prefix of any prompt in these tests."""


class Opener(Protocol):
    """Opens a model in one engine; what it opened is closed after the test."""

    def __call__(self, path: Path, *, end_ids: frozenset[int] = _END, window: int = CONTEXT) -> Engine: ...


def _open_llama_cpp(header: GGUFHeader, end_ids: frozenset[int], window: int, _folder: Path) -> Engine:
    engine = llama_cpp.load(header, end_ids=end_ids, context_window=window, slots=1, threads=1, gpu_layers=0)
    # xllamacpp hangs when a server is freed that never answered a request: its loop may start after it was stopped.
    engine.prefill([_NOT_IN_TEXT], slot=0, cancel=CancelToken())
    return engine


def _open_ctransformers(header: GGUFHeader, end_ids: frozenset[int], window: int, folder: Path) -> Engine:
    return ctransformers.load(header, end_ids=end_ids, context_window=window, threads=1, folder=folder)


def _open_llama_server(header: GGUFHeader, end_ids: frozenset[int], window: int, _folder: Path) -> Engine:
    """Open the same llama.cpp through its own HTTP server."""
    return serve_and_connect(header, end_ids=end_ids, window=window)


def _open_shared(header: GGUFHeader, end_ids: frozenset[int], window: int, folder: Path) -> Engine:
    """Open the same llama.cpp behind the socket that windows share."""
    return SharedProcess.over(lambda: _open_llama_cpp(header, end_ids, window, folder)).alone()


ENGINES: dict[str, Callable[[GGUFHeader, frozenset[int], int, Path], Engine]] = {
    "llama.cpp": _open_llama_cpp,
    "ctransformers": _open_ctransformers,
    "llama-server": _open_llama_server,
    "shared": _open_shared,
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session's models and their repacked copies are."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def model(folder: Path) -> Callable[[str], Path]:
    """Return the path of the model made by a recipe of that name."""

    def make(name: str) -> Path:
        path = folder / f"{name}.gguf"
        if not path.exists():
            write_model(path, RECIPES[name])
        return path

    return make


@pytest.fixture(scope="session")
def text_ids(model: Callable[[str], Path]) -> list[int]:
    """Ids of a real text, more than a context holds: all ASCII, so that every one of them has a successor."""
    tokenizer = Tokenizer.from_header(read_any_header(model("F16")))
    text = (
        "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n\n\n"
    )
    return tokenizer.encode(text * 20)


@pytest.fixture
def opener(folder: Path) -> Iterator[Callable[[str], Opener]]:
    """Return, for an engine's name, what opens a model in it."""
    opened: list[Engine] = []

    def choose(engine: str) -> Opener:
        def open_model(path: Path, *, end_ids: frozenset[int] = _END, window: int = CONTEXT) -> Engine:
            header = read_any_header(path)
            opened.append(ENGINES[engine](header, end_ids, window, folder / "repacked"))
            return opened[-1]

        return open_model

    yield choose
    for engine in opened:
        engine.close()


@pytest.fixture(params=ENGINES)
def open_model(request: pytest.FixtureRequest, opener: Callable[[str], Opener]) -> Opener:
    """Open a model in each engine in turn."""
    return opener(request.param)
