"""One process at a time: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PAUSE_S: Final = 0.1

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def locked(path: Path, *, waiting: Callable[[], None], leave: bool = True) -> Iterator[None]:
    """Hold the lock file at `path`, which is made if need be; empty, it stays behind, or goes (not `leave`).

    Calls `waiting` ten times a second while another process holds it; an exception from there ends the wait. Raises
    OSError if the folder cannot be written to, or its file system has no locks.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _try_lock(descriptor):
                waiting()
                time.sleep(_PAUSE_S)
            if _is_at(path, descriptor):  # else its last holder removed it meanwhile: it excludes nobody
                try:
                    yield
                finally:
                    if not leave:
                        with suppress(OSError):  # on Windows, somebody waits for it
                            path.unlink()
                return
        finally:
            os.close(descriptor)  # and with it goes the lock


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
