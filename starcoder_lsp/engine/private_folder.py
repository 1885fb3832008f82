"""The folder with llama.cpp's socket: made for one process, removed by it, or by a later one if it was killed.

A folder of another program, or one with anything else in it, is never touched: only what has our prefix, a dead
process's number, mode 0700, our user, and nothing in it but the socket is removed, the socket first.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SOCKET: Final = "engine.sock"
_PREFIX: Final = "starcoder-lsp-engine-"
_SOCKET_PATH_MOST: Final = 100
"""Bytes: a socket's address holds 104 on macOS, 108 on Linux."""
_SHORT: Final = "/tmp"  # noqa: S108 - for a folder that mkdtemp makes, private and with a name of its own


def make() -> Path:
    """Make a folder that only this user can enter, with a path short enough for a socket in it."""
    prefix = f"{_PREFIX}{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if sys.platform != "win32" and len(os.fsencode(folder / SOCKET)) > _SOCKET_PATH_MOST:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_SHORT))
    return folder


def remove(folder: Path) -> None:
    """Remove the socket and the folder; one that holds anything else stays, and so does one that is gone."""
    with suppress(OSError):
        if _is_ours(folder):
            (folder / SOCKET).unlink(missing_ok=True)
            folder.rmdir()


def remove_own() -> None:
    """Remove the folders of this process: one that ends hard, in the middle of native work, frees nothing else."""
    for folder in _folders(str(os.getpid())):
        remove(folder)


def sweep() -> None:
    """Remove the folders of processes that were killed before they could."""
    import psutil  # noqa: PLC0415 - only a load needs it

    for folder in _folders("*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            remove(folder)


def _folders(process: str) -> Iterator[Path]:
    """Yield the folders that have the name of one of ours, of a process or of all (`*`)."""
    places = {tempfile.gettempdir()} | ({_SHORT} if sys.platform != "win32" else set())
    return (folder for place in places for folder in Path(place).glob(f"{_PREFIX}{process}-*"))


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    if sys.platform != "win32" and (stat.S_IMODE(status.st_mode) != stat.S_IRWXU or status.st_uid != os.geteuid()):
        return False
    return all(entry.name == SOCKET and stat.S_ISSOCK(entry.lstat().st_mode) for entry in folder.iterdir())
