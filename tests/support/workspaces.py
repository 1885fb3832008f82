"""Workspaces on disk, and a repository that follows one with its real processes and watches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from starcoder_lsp.repository import children
from starcoder_lsp.repository.service import ContextSettings, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starcoder_lsp.repository.query import Selection

_PATIENCE_S: Final = 60.0
"""For a loaded machine; nothing takes as long."""
_QUIET: Final = "{quiet!r}"
PLENTY: Final = 100_000
"""Tokens: more than any workspace of a test has."""


def fill(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, and return it."""
    for path, text in files.items():
        whole = folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text, encoding="utf-8")
    return folder


@contextmanager
def reading_at_once() -> Iterator[None]:
    """The processes that read are processes like any other: at the lowest priority a busy machine may not run them."""
    with pytest.MonkeyPatch.context() as patch:
        assert _QUIET in children.START
        patch.setattr(children, "START", children.START.replace(_QUIET, "False"))
        yield


@contextmanager
def following(
    *roots: Path,
    cache: Path | None = None,
    settings: ContextSettings | None = None,
    progress: Callable[..., None] | None = None,
) -> Iterator[Repository]:
    """Follow folders until the block ends; their first scan is done."""
    repository = Repository(settings, cache_folder=cache, cached=cache is not None, progress=progress)
    try:
        repository.set_roots(roots)
        assert repository.wait(_PATIENCE_S)
        yield repository
    finally:
        repository.close()


def tokens(text: str) -> int:
    """Count tokens, roughly."""
    return len(text) // 3 + 1


def select(repository: Repository, path: Path, text: str, budget: int = PLENTY) -> Selection:
    """Select at the end of a text."""
    return repository.select(path, text, len(text), None, budget, tokens)


def shown(selection: Selection) -> str:
    """Return all that a selection would put into a prompt."""
    return "\n".join(f"{one.path}\n{one.text}" for one in selection.snippets)
