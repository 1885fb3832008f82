"""The one thread that owns the engine, and its three lanes.

Interactive work goes before warm work (prefill while typing) before background work (filling the full window). Work of
a higher lane makes running work of a lower one yield at its next checkpoint; what was evaluated until then stays in
the engine's cache, and the job that yielded runs again later, from there. In each lane the newest job of a key
(a document) replaces the older: a waiting one is dropped, a running one is cancelled.

Every submitted job's future is resolved exactly once: with the job's result, its exception, or `Superseded` /
`Cancelled`. Jobs run again after a yield, so they must be safe to repeat.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

from starcoder_lsp.engine.base import CancelToken, Lane
from starcoder_lsp.errors import Cancelled, EngineClosed, Superseded

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Job", "Lane", "Worker"]

log = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")


@define(eq=False)
class Job(Generic[R]):
    """One piece of work: `run(resource, cancel)` on the worker thread."""

    lane: Lane
    key: Hashable
    run: Callable[[R, CancelToken], object]
    future: Future[object] = field(factory=Future)
    token: CancelToken = field(factory=CancelToken)
    gone: type[Superseded | Cancelled] | None = None
    """Set when nobody wants the result any more; None while it is wanted (a yield leaves it None)."""

    def drop(self, why: type[Superseded | Cancelled]) -> None:
        """Nobody wants this job any more: end it if it runs, and answer its future."""
        self.gone = self.gone or why
        self.token.cancel()


@define(eq=False)
class _Opening(Generic[R]):
    make: Callable[[], R]
    close: Callable[[R], None]
    future: Future[R]


class Worker(Generic[R]):
    """Runs jobs over one resource (an engine with what belongs to it), made and closed on its own daemon thread.

    The thread is a daemon, so that a process whose editor has gone can end in the middle of a native call.
    """

    def __init__(
        self,
        name: str = "engine",
        breaks: type[BaseException] | tuple[type[BaseException], ...] = (),
        first: Callable[[Hashable], bool] = lambda _key: True,
    ) -> None:
        """Start the thread, without a resource: jobs wait until `open` has made one.

        An exception of the kind `breaks` from a job says that the resource is broken: it is closed, and the other jobs
        wait for `open`, or end with `give_up`. `first` says whose jobs go before others of their lane.
        """
        self._breaks = breaks
        self._first = first
        self._condition = threading.Condition()
        self._waiting: list[Job[R]] = []
        self._running: Job[R] | None = None
        self._resource: R | None = None
        self._opening: _Opening[R] | None = None
        self._swapping = False
        self._busy = False  # from when a job or an opening is taken until its future was resolved
        self._closing = False
        self._failed = False  # the newest `open` raised: there is no resource to wait for
        self._close_resource: Callable[[R], None] = lambda _resource: None
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def open(self, make: Callable[[], R], close: Callable[[R], None]) -> Future[R]:
        """Make the resource on the worker thread, closing the one before it. Waiting jobs then run over the new one.

        Returns:
            A future of the resource, for its plain data only: its methods belong to the worker thread.
        """
        future: Future[R] = Future()
        with self._condition:
            if self._closing:
                future.set_exception(EngineClosed())
                return future
            if self._opening is not None:
                self._opening.future.set_exception(Superseded("another model was chosen"))
            self._opening = _Opening(make, close, future)
            self._failed = False
            if self._running is not None:
                self._running.token.cancel()
            self._condition.notify()
        return future

    def give_up(self) -> None:
        """There will be no resource until the next `open`: the jobs that wait get `EngineClosed`."""
        with self._condition:
            if self._opening is not None or self._swapping:
                return
            self._failed = True
            waiting, self._waiting = self._waiting, []
        for job in waiting:
            self._answer(job, error=EngineClosed())

    def submit(self, lane: Lane, key: Hashable, run: Callable[[R, CancelToken], T]) -> Job[R]:
        """Queue a job; an older one of the same lane and key gets `Superseded`."""
        job: Job[R] = Job(lane, key, run, token=CancelToken(lane))
        with self._condition:
            if self._closing or self._failed:
                job.future.set_exception(EngineClosed())
                return job
            for old in [*self._waiting, *([self._running] if self._running else [])]:
                if old.lane is lane and old.key == key:
                    self._drop(old, Superseded)
            self._waiting.append(job)
            running = self._running
            if running is not None and running.lane > lane:
                running.token.cancel()
            self._condition.notify()
        return job

    def cancel(self, job: Job[R]) -> None:
        """Nobody waits for `job` any more. It ends at its next checkpoint, and its future gets `Cancelled`."""
        with self._condition:
            self._drop(job, Cancelled)

    def cancel_all(self, key: Hashable, *lanes: Lane) -> None:
        """Cancel the jobs of `key` in `lanes` (all lanes where none is named)."""
        with self._condition:
            for job in [*self._waiting, *([self._running] if self._running else [])]:
                if job.key == key and (not lanes or job.lane in lanes):
                    self._drop(job, Cancelled)

    def promote(self, job: Job[R], lane: Lane) -> None:
        """Move a job up to `lane`, where somebody waits for it now: what runs of a lower lane yields to it."""
        with self._condition:
            if job.lane <= lane:
                return
            job.lane = lane
            job.token.urge(lane)
            if self._running is not None and self._running.lane > lane and job in self._waiting:
                self._running.token.cancel()

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits, and what ran was answered."""
        with self._condition:
            return not (self._busy or self._waiting or self._opening)

    def wants(self, lane: Lane) -> bool:
        """Whether a job of `lane` waits or runs."""
        with self._condition:
            return any(job.lane is lane for job in [*self._waiting, *([self._running] if self._running else [])])

    def close(self, timeout: float = 0.5) -> None:
        """Cancel everything, close the resource, end the thread; give up waiting after `timeout` seconds."""
        with self._condition:
            self._closing = True
            for job in [*self._waiting, *([self._running] if self._running else [])]:
                self._drop(job, Cancelled)
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _drop(self, job: Job[R], why: type[Superseded | Cancelled]) -> None:
        job.drop(why)
        if job in self._waiting:
            self._waiting.remove(job)
            self._answer(job, error=why("the job was dropped before it began"))

    @staticmethod
    def _answer(job: Job[R], result: object = None, error: BaseException | None = None) -> None:
        if job.future.done():
            return
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def _loop(self) -> None:
        while True:
            with self._condition:
                self._busy = False
                while not (self._closing or self._opening or (self._waiting and self._resource is not None)):
                    self._condition.wait()
                opening, self._opening = self._opening, None
                if self._closing:
                    break
                self._busy = True
                self._swapping = opening is not None
                job = None
                if opening is None:
                    # the oldest of the first lane
                    job = min(self._waiting, key=lambda waiting: (waiting.lane, not self._first(waiting.key)))
                    self._waiting.remove(job)
                    if job.token.cancelled and job.gone is None:
                        job.token = CancelToken(job.lane)  # it yielded before; this is a new run
                    self._running = job
            if opening is not None:
                self._swap(opening)
            elif job is not None:
                self._run(job)
        if opening is not None:
            opening.future.set_exception(EngineClosed())
        self._free()

    def _swap(self, opening: _Opening[R]) -> None:
        self._free()
        try:
            resource = opening.make()
        except BaseException as error:  # noqa: BLE001 - the caller's future carries it
            with self._condition:
                self._swapping = False
                self._failed = self._opening is None  # else jobs wait for the model that was chosen meanwhile
                waiting: list[Job[R]] = []
                if self._failed:
                    waiting, self._waiting = self._waiting, []
            for job in waiting:
                self._answer(job, error=EngineClosed())
            opening.future.set_exception(error)
            return
        with self._condition:
            self._swapping = False
        self._resource, self._close_resource = resource, opening.close
        opening.future.set_result(resource)

    def _free(self) -> None:
        resource, self._resource = self._resource, None
        if resource is not None:
            try:
                self._close_resource(resource)
            except Exception:
                log.exception("The engine could not be closed.")

    def _run(self, job: Job[R]) -> None:
        resource = self._resource
        assert resource is not None  # noqa: S101 - _loop starts no job without one
        result: object = None
        error: BaseException | None = None
        try:
            result = job.run(resource, job.token)
        except BaseException as raised:  # noqa: BLE001 - the job's future carries it
            error = raised
        broken = isinstance(error, self._breaks)
        if broken:
            self._free()
        with self._condition:
            self._running = None
            if job.gone is not None:
                error = job.gone("nobody waits for this any more")
            elif ((job.token.cancelled and error is None) or (broken and self._opening)) and not self._closing:
                self._waiting.append(job)  # it yielded to a higher lane, or to another model
                return
        self._answer(job, result, error)
