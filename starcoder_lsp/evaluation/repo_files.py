"""The files of a folder as an evaluation reads them: those that the server would read, as they are on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.errors import ConfigError
from starcoder_lsp.repository.ignore import Ignore
from starcoder_lsp.repository.scan import walk
from starcoder_lsp.repository.settings import ContextSettings
from starcoder_lsp.repository.texts import Text, read, why_generated

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ignore_of", "read_files"]


def ignore_of(root: Path) -> Ignore:
    """Return what is left out of a folder. Raises ConfigError for what is no folder."""
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder.")
    return Ignore(root.resolve(), (), ())


def read_files(root: Path) -> dict[str, str]:
    """Return the texts of a folder's source files by path relative to it, with newlines. Raises ConfigError."""
    ignore = ignore_of(root)
    files = {}
    for path, _size, _time in sorted(walk(ignore, most=ContextSettings().max_files).entries):
        found = read(str(root.resolve() / path))
        if isinstance(found, Text) and not why_generated(found.text):
            files[path] = found.text
    return files
