"""Writes counts down on a daemon thread of its own: who counts never waits for a disk."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from typing import TYPE_CHECKING

from starcoder_lsp.usage.follow import kept
from starcoder_lsp.usage.store import Store, Unusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starcoder_lsp.usage.record import Key, Measure, Record

__all__ = ["Writer"]

log = logging.getLogger(__name__)

_MOST_WAITING = 10_000
"""A disk that does not answer must not fill the memory."""
_GOODBYE_S = 1.0


class Writer:
    """A `Sink` that keeps counts in a file. The thread starts with the first of them."""

    def __init__(self, path: Path) -> None:
        """Write to `path`."""
        self._store = Store(path)
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._told = False

    def put(self, record: Record) -> None:
        """See `Sink`."""
        self._take(lambda: self._store.put(record))

    def measure(self, key: Key, when: Measure, accepted: str, now: str) -> None:
        """See `Sink`. The texts are compared on the thread, and forgotten."""
        self._take(lambda: self._store.measure(key, when, len(accepted), kept(accepted, now)))

    def close(self) -> None:
        """See `Sink`. Waits a second at most. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(_GOODBYE_S)

    def _take(self, write: Callable[[], None]) -> None:
        if self._closed or self._waiting.qsize() > _MOST_WAITING:
            return
        self._waiting.put(write)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="usage", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        import rapidfuzz.distance  # noqa: F401, PLC0415 - so that the first text to compare does not wait for it

        while (write := self._waiting.get()) is not None and self._written(write):
            pass
        self._store.close()

    def _written(self, write: Callable[[], None]) -> bool:
        """Write one down; False where no other can be."""
        try:
            write()
        except Unusable as error:
            self._closed = True
            log.warning("%s", error)
            return False
        except sqlite3.Error as error:
            if not self._told:
                log.warning("What helps could not be written down: %s. The next time is tried all the same.", error)
            self._told = True
        else:
            self._told = False
        return True
