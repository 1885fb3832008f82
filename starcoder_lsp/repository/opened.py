"""The texts of open documents, and which files were looked at or edited last. Thread-safe; nothing here waits."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Opened"]

_RECENT: Final = 20
_HEAD: Final = (1, 40)
"""Lines that count as looked at in a document of which no more is known than that it was opened or changed."""


class Opened:
    """Documents by their real path: whole, without symbolic links."""

    def __init__(self) -> None:
        """Nothing is open."""
        self._lock = threading.Lock()
        self._reals: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._touched: dict[str, None] = {}
        self._recent: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def put(self, path: str, text: str) -> None:
        """Take a document's text."""
        real = self.real(path)
        with self._lock:
            self._reals[path] = real
            self._texts[real] = text
            self._touched[real] = None
            self._note(real, self._recent.get(real, _HEAD))

    def drop(self, path: str) -> str | None:
        """Forget a document's text, and return its real path; None for one that is not open."""
        real = self.real(path)
        with self._lock:
            self._reals.pop(path, None)
            if self._texts.pop(real, None) is None:
                return None
            self._touched[real] = None
            return real

    def real(self, path: str) -> str:
        """Return a path without symbolic links. That of an open document stays what it was when it was opened."""
        known = self._reals.get(path)
        if known is not None:
            return known
        return _real(path)

    def reals_of(self, paths: Iterable[str]) -> Iterator[str]:
        """The same for many: the links on the way to a folder are looked for once."""
        folders: dict[str, str] = {}
        for path in paths:
            folder, name = os.path.split(path)
            if path in self._reals or name in ("", ".", "..") or os.path.islink(path):  # noqa: PTH114 - a tenth of the time
                yield self.real(path)
                continue
            if folder not in folders:
                folders[folder] = _real(folder)
            yield os.path.join(folders[folder], name)  # noqa: PTH118 - as above

    def text(self, real: str) -> str | None:
        """Return a document's text by its real path; None for one that is not open."""
        return self._texts.get(real)

    def is_open(self, path: str) -> bool:
        """Return whether a file is an open document."""
        return self.real(path) in self._texts

    def reals(self) -> list[str]:
        """Return the real paths of all documents."""
        with self._lock:
            return list(self._texts)

    def touched(self) -> list[str]:
        """Return the documents that were opened, changed or closed since this was asked last."""
        with self._lock:
            touched, self._touched = self._touched, {}
        return list(touched)

    def viewed(self, real: str, lines: tuple[int, int]) -> None:
        """Note that lines of a file, one-based with both ends included, were looked at."""
        with self._lock:
            self._note(real, lines)

    def recent(self) -> list[tuple[str, tuple[int, int]]]:
        """Return the files that were opened, edited or looked at last, the newest first, with their lines."""
        with self._lock:
            return list(reversed(self._recent.items()))

    def _note(self, real: str, lines: tuple[int, int]) -> None:
        self._recent[real] = lines
        self._recent.move_to_end(real)
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path
