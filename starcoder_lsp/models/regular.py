"""Opening a model file: only regular files are, ever.

A named pipe would make us wait for ever, `/dev/stdin` would eat the client's messages, and some devices act when they
are opened. So a path is looked at before it is opened, and again, opened without blocking, before it is read.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from starcoder_lsp.errors import ModelNotFound, ModelNotReadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open the regular file at `path` for reading bytes.

    Raises:
        ModelNotFound: nothing is there.
        ModelNotReadable: it is a directory, a pipe, a socket, a device; or the system does not let us, also later, in
            the block.
    """
    try:
        _require_regular(path, _status(path))
        with open(path, "rb", opener=_open_at_once) as file:
            _require_regular(path, os.fstat(file.fileno()))
            yield file
    except FileNotFoundError as error:
        raise ModelNotFound(path) from error
    except OSError as error:
        raise ModelNotReadable(path, error.strerror or str(error)) from error


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except ValueError as error:  # a zero byte, or half a surrogate pair
        raise ModelNotReadable(path, "no file can have this name") from error


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ModelNotReadable(
            path, "it is a directory" if stat.S_ISDIR(status.st_mode) else "it is not a regular file"
        )


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
