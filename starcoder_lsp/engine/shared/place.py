"""Where the engine process of a model is found: a lock, a socket and a card in a folder that only the user can enter.

The card says where the process listens, and the token that opens it. The lock tells whether it lives: the operating
system drops it when its holder dies. What killed processes left behind is removed by the next one that starts.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from attrs import asdict, frozen

from starcoder_lsp.engine.file_lock import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME: Final = "starcoder-lsp"
_SOCKET_PATH_MOST: Final = 100
"""Bytes: a socket's address holds 104 on macOS, 108 on Linux."""
_SHORT: Final = "/tmp"  # noqa: S108 - for a folder whose owner and mode are checked
_HERE: Final = "127.0.0.1"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class Unsafe(Exception):  # noqa: N818 - reads as what happened
    """There is no folder that only this user can enter: a sentence for the log."""


class Occupied(Exception):  # noqa: N818 - as above
    """Another process holds the lock."""


@frozen
class Card:
    """What a process says of itself."""

    process: int
    token: str
    port: int
    """0 where it listens on the socket of the folder."""
    version: str
    model: str
    """What users see."""


@frozen
class Place:
    """The files of one process. `key` stands for all that must be the same for windows to share it."""

    folder: Path
    key: str

    @property
    def lock(self) -> Path:
        """Held while the process lives."""
        return self.folder / f"{self.key}.lock"

    @property
    def socket_path(self) -> Path:
        """Where it listens."""
        return self.folder / f"{self.key}.sock"

    @property
    def card(self) -> Path:
        """How it is reached."""
        return self.folder / f"{self.key}.json"

    @property
    def words(self) -> Path:
        """What it, and the native library in it, write on stderr."""
        return self.folder / f"{self.key}.log"

    def read(self) -> Card | None:
        """Return the card; None where there is none that can be read."""
        try:
            return Card(**json.loads(self.card.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, card: Card) -> None:
        """Leave the card, in one step. Raises OSError."""
        draft = self.card.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(card), file)
        draft.replace(self.card)

    def open_words(self) -> BinaryIO:
        """Return the file for what a process writes on stderr. Raises OSError."""
        return os.fdopen(os.open(self.words, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def connect(self, card: Card) -> socket.socket:
        """Return a connection. Raises OSError where nobody listens."""
        if card.port:
            return socket.create_connection((_HERE, card.port))
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.socket_path))
        except OSError:
            connection.close()
            raise
        return connection

    def bind(self, *, loopback: bool = sys.platform == "win32") -> tuple[socket.socket, int]:
        """Return a socket that does not listen yet, and its port, 0 for one in the folder. Raises OSError.

        Only for who holds the lock: a socket that is there is a dead process's.
        """
        bound = socket.socket(socket.AF_INET if loopback else socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            if loopback:
                bound.bind((_HERE, 0))
                return bound, int(bound.getsockname()[1])
            self.socket_path.unlink(missing_ok=True)
            bound.bind(str(self.socket_path))
        except OSError:
            bound.close()
            raise
        finally:
            os.umask(before)
        return bound, 0

    @contextmanager
    def held(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock; in the end, remove all files. See `file_lock.locked` for `waiting`. Raises OSError."""
        with locked(self.lock, waiting=waiting, leave=False):
            try:
                yield
            finally:
                self._remove()

    def _remove(self) -> None:
        for path in (self.card, self.socket_path, self.words):
            with suppress(OSError):  # on Windows, one that is open
                path.unlink()

    def sweep(self) -> None:
        """Remove what dead processes left in the folder."""
        for lock in self.folder.glob("*.lock"):
            other = Place(self.folder, lock.stem)
            if other != self:
                with suppress(OSError, Occupied), other.held(_occupied):
                    pass

    def others(self) -> list[Card]:
        """Return the cards of other processes in the folder that live."""
        cards = (Place(self.folder, path.stem).read() for path in self.folder.glob("*.json") if path != self.card)
        return [card for card in cards if card is not None and is_alive(card.process)]


def _occupied() -> None:
    raise Occupied


def is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    import psutil  # noqa: PLC0415 - a window that shares nothing needs none of this

    return process > 0 and psutil.pid_exists(process)


def folder() -> Path:
    """Return the folder for this user's processes, made if need be.

    Raises:
        Unsafe: others could write there.
        OSError: it cannot be made.
    """
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    name = _NAME if sys.platform == "win32" else f"{_NAME}-{os.geteuid()}"
    found = Path(base) / name
    if sys.platform != "win32" and len(os.fsencode(Place(found, "0" * 16).socket_path)) > _SOCKET_PATH_MOST:
        found = Path(_SHORT) / name
    found.mkdir(mode=0o700, exist_ok=True)
    if sys.platform != "win32":
        _check(found)
    return found


def _check(folder: Path) -> None:
    """Raise Unsafe where somebody else could put another socket into the folder, or another folder into its place."""
    parent, own = folder.parent.stat(), folder.lstat()
    safe = parent.st_uid in (0, os.geteuid()) and (not parent.st_mode & _OTHERS_WRITE or parent.st_mode & stat.S_ISVTX)
    if not safe:
        raise Unsafe(f"Others than you can write to {folder.parent}: no engine process is shared through it.")
    if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.geteuid() or own.st_mode & _OTHERS:
        raise Unsafe(
            f"{folder} must be a folder of your own that nobody else can enter, for an engine process to be shared "
            "through it. Remove it, or give it the mode 0700."
        )
