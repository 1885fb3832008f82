"""What a worker owns and does in tests: a resource, and jobs that stand at a checkpoint."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from starcoder_lsp.engine.worker import Job, Lane, Worker
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starcoder_lsp.engine.base import CancelToken


class BrokenError(Exception):
    """The resource is broken."""


class Resource:
    """What the worker owns in these tests: notes what was done with it, and on which thread."""

    def __init__(self, name: str = "first") -> None:
        self.name = name
        self.thread = threading.current_thread()
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Gate:
    """A job that stands at a checkpoint until it is let through or cancelled."""

    def __init__(self, result: object = "done") -> None:
        self.entered = threading.Semaphore(0)
        self.proceed = threading.Event()
        self.runs = 0
        self.saw_cancel = 0
        self._result = result

    def __call__(self, _resource: Resource, cancel: CancelToken) -> object:
        self.runs += 1
        self.entered.release()
        while not cancel.cancelled:
            if self.proceed.wait(0.002):
                return self._result
        self.saw_cancel += 1
        return "cut short"

    def wait_until_running(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE)


class Heedless(Gate):
    """A job that goes on though it is cancelled, until it is let through."""

    def __call__(self, _resource: Resource, _cancel: CancelToken) -> object:
        self.runs += 1
        self.entered.release()
        assert self.proceed.wait(PATIENCE)
        return self._result


def result_of(job: Job[Resource] | Future[Resource]) -> object:
    return (job.future if isinstance(job, Job) else job).result(PATIENCE)


def note(into: list[str], what: str) -> Callable[[Resource, CancelToken], str]:
    def run(_resource: Resource, _cancel: CancelToken) -> str:
        into.append(what)
        return what

    return run


def wait_idle(worker: Worker[Resource]) -> None:
    """Return once all that was submitted before has ended: a job of the last lane is run last."""
    result_of(worker.submit(Lane.BACKGROUND, object(), lambda _resource, _cancel: None))
