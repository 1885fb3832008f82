"""The processes that read files (child.py), and the queue in front of them."""

from __future__ import annotations

import heapq
import itertools
import logging
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import starcoder_lsp
from starcoder_lsp.repository import child

__all__ = ["BUFFER", "DEEPEN", "SCAN", "ChildFailed", "Children", "ChildrenClosed"]

log = logging.getLogger(__name__)

BUFFER: Final = 0
SCAN: Final = 1
DEEPEN: Final = 2
"""What is asked first: an open buffer or a saved file, then what a scan wants, then what can wait.

Somebody waits for the first, who would wait for long on a machine that is busy: it has a process of its own, which
runs as any other does and not behind a batch of a scan.
"""

_IDLE_S: Final = 60.0
"""A process that nobody asks for so long ends: it holds some 40 MB."""


START = f"import sys; sys.path[:] = {{path!r}}; from {child.__name__} import main; main(quiet={{quiet!r}})"
"""Where this process finds its modules, the other does; the folder that it was started in is none of the places."""


class ChildFailed(Exception):  # noqa: N818 - reads as what happened
    """A request could not be answered: the process raised, or died; the message says with what."""


class ChildrenClosed(ChildFailed):
    """It was ended on purpose: nobody waits for the answer."""


class Children:
    """The process for what is `BUFFER`, and the two for all else. Thread-safe."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._prompt, self._quiet = _Pool(1, quiet=False), _Pool(2, quiet=True)

    def ask(self, priority: int, name: str, /, *arguments: object, **named: object) -> Future[Any]:
        """Return what a function of child.py will answer: ChildFailed where it could not; cancelled by `close`."""
        pool = self._prompt if priority == BUFFER else self._quiet
        return pool.ask(priority, name, *arguments, **named)

    def close(self) -> None:
        """End the processes, and cancel what waits. Idempotent."""
        for pool in (self._prompt, self._quiet):
            pool.close()


class _Pool:
    """Up to `most` processes, started when there is work; `quiet`: of the lowest priority. Thread-safe."""

    def __init__(self, most: int, *, quiet: bool) -> None:
        self._most = most
        self._is_quiet = quiet
        self._queue: list[tuple[int, int, Future[Any], tuple[str, tuple[object, ...], dict[str, object]]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def ask(self, priority: int, name: str, /, *arguments: object, **named: object) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                future.cancel()
                return future
            heapq.heappush(self._queue, (priority, next(self._order), future, (name, arguments, named)))
            if self._idle:
                self._changed.notify()
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name="starcoder-repository-child", daemon=True).start()
        return future

    def close(self) -> None:
        with self._changed:
            self._closed = True
            waiting, self._queue = self._queue, []
            running = list(self._running)
            self._changed.notify_all()
        for _priority, _order, future, _request in waiting:
            future.cancel()
        for process in running:
            with suppress(OSError):
                process.kill()

    def _work(self) -> None:
        """Serve the queue with one process, until there was nothing for a while."""
        process: subprocess.Popen[bytes] | None = None
        try:
            while (job := self._next()) is not None:
                future, request = job
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    process = process or self._start()
                    good, answer = _exchange(process, request)
                except (OSError, EOFError, ValueError) as error:
                    code = self._end(process)
                    process = None
                    kind = ChildrenClosed if self._closed else ChildFailed
                    future.set_exception(kind(f"the reading process ended ({code}): {error!r}"))
                else:
                    if good:
                        future.set_result(answer)
                    else:
                        future.set_exception(ChildFailed(answer))
        finally:
            self._end(process)

    def _next(self) -> tuple[Future[Any], tuple[str, tuple[object, ...], dict[str, object]]] | None:
        with self._changed:
            if not self._queue and not self._closed:
                self._idle += 1
                self._changed.wait_for(lambda: self._queue or self._closed, _IDLE_S)
                self._idle -= 1
            if self._closed or not self._queue:
                self._threads -= 1
                return None
            _priority, _order, future, request = heapq.heappop(self._queue)
            return future, request

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, this package
            [sys.executable, "-c", START.format(path=[one for one in sys.path if one], quiet=self._is_quiet)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(starcoder_lsp.__file__).parents[1],
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        with self._changed:
            self._running.add(process)
            closed = self._closed
        if closed:
            process.kill()
        return process

    def _end(self, process: subprocess.Popen[bytes] | None) -> int | None:
        if process is None:
            return None
        with self._changed:
            self._running.discard(process)
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _exchange(process: subprocess.Popen[bytes], request: object) -> tuple[bool, Any]:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    child.send(process.stdin, request)  # type: ignore[arg-type]
    good, answer = child.receive(process.stdout)  # type: ignore[arg-type]
    return good, answer
