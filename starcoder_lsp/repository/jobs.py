"""A thread that does one job after another, at once or after a while."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Jobs"]

log = logging.getLogger(__name__)

_JOIN_S: Final = 5.0


class Jobs:
    """A queue with its thread, which begins with the first job. Thread-safe."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, job: Callable[[], object], delay: float = 0.0) -> None:
        """Do a job after so many seconds, behind those that are due before it. Nothing once this is closed."""
        due = time.monotonic() + delay if delay else 0.0
        with self._wake:
            if self._closed:
                return
            heapq.heappush(self._due, (due, next(self._order), job))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="starcoder-repository", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Do no further job; wait for the one that goes on, a few seconds at most. Idempotent."""
        with self._wake:
            self._closed = True
            self._due.clear()
            thread = self._thread
            self._wake.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=_JOIN_S)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception:  # noqa: PERF203 - each job for itself
                log.exception("Following the workspace failed; the next change is followed all the same")

    def _next(self) -> Callable[[], object] | None:
        with self._wake:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._wake.wait(wait)
        return None
