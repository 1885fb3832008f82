"""A repository's folder, read to the end for a command that asks once."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from rich.console import Console

from starcoder_lsp.errors import ConfigError
from starcoder_lsp.repository.service import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starcoder_lsp.repository.settings import ContextSettings

_MARKERS = (".git", ".hg", ".jj", ".svn")
"""What stands in the topmost folder of a project's history."""
_PATIENCE_S = 600.0
_TOLD_AFTER_S = 1.0


def root_of(path: Path) -> Path | None:
    """Return the repository that a file is in; None where it is in none."""
    folder = path.resolve().parent
    return next((one for one in (folder, *folder.parents) if any((one / mark).exists() for mark in _MARKERS)), None)


def checked_root(root: Path, path: Path) -> Path:
    """Return a folder's whole path. Raises ConfigError where it is none, or the file is not in it."""
    whole = root.resolve()
    if not whole.is_dir():
        raise ConfigError(f"{root} is not a folder.")
    if not path.resolve().is_relative_to(whole):
        raise ConfigError(f"{path} is not in {root}.")
    return whole


@contextlib.contextmanager
def read_folder(root: Path, settings: ContextSettings) -> Iterator[Repository]:
    """Read a folder, saying so on stderr where it takes long. Raises ConfigError where it takes far too long."""
    repository = Repository(settings)
    try:
        repository.set_roots([root])
        _wait(repository, root)
        yield repository
    finally:
        repository.close()


def _wait(repository: Repository, root: Path) -> None:
    if repository.wait(_TOLD_AFTER_S):
        return
    console = Console(stderr=True)
    with console.status(f"reading {root} …") as shown:
        deadline = time.monotonic() + _PATIENCE_S
        while not repository.wait(_TOLD_AFTER_S):
            status = repository.status
            shown.update(f"reading {root}: {status.files:,} of {status.wanted:,} files")
            if time.monotonic() > deadline:
                raise ConfigError(f"{root} could not be read within {_PATIENCE_S:.0f} seconds.")
