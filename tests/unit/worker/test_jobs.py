"""A job runs on the thread that owns the resource, and its future is resolved once, whatever it does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Cancelled
from tests.support.fakes import PATIENCE
from tests.support.waiting import until
from tests.support.worker_jobs import Gate, Resource, result_of, wait_idle

if TYPE_CHECKING:
    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.engine.worker import Job, Worker


def test_jobs_run_on_the_daemon_thread_that_made_the_resource(ready: Worker[Resource]) -> None:
    def where(resource: Resource, _cancel: CancelToken) -> tuple[threading.Thread, threading.Thread]:
        return resource.thread, threading.current_thread()

    places: list[tuple[threading.Thread, threading.Thread]] = []
    result_of(ready.submit(Lane.INTERACTIVE, "a", lambda resource, cancel: places.append(where(resource, cancel))))
    [(made_on, run_on)] = places
    assert made_on is run_on is not threading.current_thread()
    assert run_on.daemon


def test_jobs_submitted_before_the_resource_is_there_wait_for_it(worker: Worker[Resource]) -> None:
    job = worker.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource.name)
    assert not job.future.done()
    assert not worker.idle
    worker.open(lambda: Resource("late"), Resource.close)
    assert result_of(job) == "late"


def test_a_job_s_exception_is_its_answer_and_the_worker_goes_on(ready: Worker[Resource]) -> None:
    def fail(_resource: Resource, _cancel: CancelToken) -> None:
        raise ZeroDivisionError

    job = ready.submit(Lane.INTERACTIVE, "a", fail)
    with pytest.raises(ZeroDivisionError):
        result_of(job)
    assert result_of(ready.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource.name)) == "first"


def test_even_system_exit_in_a_job_does_not_end_the_worker(ready: Worker[Resource]) -> None:
    def leave(_resource: Resource, _cancel: CancelToken) -> None:
        raise SystemExit(3)

    job = ready.submit(Lane.INTERACTIVE, "a", leave)
    assert isinstance(job.future.exception(PATIENCE), SystemExit)
    wait_idle(ready)


def test_what_is_wanted_and_idle(ready: Worker[Resource]) -> None:
    until(lambda: ready.idle)
    gate = Gate()
    job = ready.submit(Lane.WARM, "a", gate)
    gate.wait_until_running()
    assert (ready.idle, ready.wants(Lane.WARM), ready.wants(Lane.INTERACTIVE)) == (False, True, False)
    gate.proceed.set()
    result_of(job)
    wait_idle(ready)
    assert not ready.wants(Lane.WARM)


def test_it_is_not_idle_before_what_ran_was_answered(worker: Worker[Resource]) -> None:
    """Whoever waits for its rest finds all answers there."""
    seen: list[bool] = []
    proceed, gate = threading.Event(), Gate()

    def make() -> Resource:
        assert proceed.wait(PATIENCE)
        return Resource()

    worker.open(make, Resource.close).add_done_callback(lambda _done: seen.append(worker.idle))
    proceed.set()
    until(lambda: worker.idle)
    worker.submit(Lane.WARM, "a", gate).future.add_done_callback(lambda _done: seen.append(worker.idle))
    gate.proceed.set()
    until(lambda: worker.idle)
    assert seen == [False, False]


def test_every_future_is_resolved_exactly_once(ready: Worker[Resource]) -> None:
    """Many threads submit, cancel and supersede at once; a second resolution would raise in the worker's thread."""
    resolutions: list[Job[Resource]] = []
    jobs: list[Job[Resource]] = []
    lock = threading.Lock()

    def resolved(job: Job[Resource]) -> None:
        with lock:
            resolutions.append(job)

    def drive(seed: int) -> None:
        for step in range(150):
            lane = Lane((seed + step) % 3)
            job = ready.submit(lane, step % 4, lambda _resource, cancel: cancel.cancelled)
            with lock:
                jobs.append(job)
            job.future.add_done_callback(lambda _done, job=job: resolved(job))  # type: ignore[misc]
            if (seed * step) % 5 == 1:
                ready.cancel(job)
            if (seed + step) % 50 == 7:
                ready.open(Resource, Resource.close)

    threads = [threading.Thread(target=drive, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for job in jobs:
        assert job.future.exception(PATIENCE) is None or isinstance(job.future.exception(), Cancelled)
    wait_idle(ready)
    assert len(resolutions) == len({id(job) for job in resolutions}) == len(jobs)
