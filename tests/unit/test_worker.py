"""The worker's promises: lanes, supersede, yield and re-run, and exactly one resolution of every future."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.worker import Job, Lane, Worker
from starcoder_lsp.errors import Cancelled, EngineClosed, Superseded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from starcoder_lsp.engine.base import CancelToken

PATIENCE = 60.0


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


def result_of(job: Job[Resource] | Future[Resource]) -> object:
    return (job.future if isinstance(job, Job) else job).result(PATIENCE)


def note(into: list[str], what: str) -> Callable[[Resource, CancelToken], str]:
    def run(_resource: Resource, _cancel: CancelToken) -> str:
        into.append(what)
        return what

    return run


@pytest.fixture
def worker() -> Iterator[Worker[Resource]]:
    made: Worker[Resource] = Worker("test-engine")
    yield made
    made.close(PATIENCE)


@pytest.fixture
def ready(worker: Worker[Resource]) -> Worker[Resource]:
    result_of(worker.open(Resource, Resource.close))
    return worker


def wait_idle(worker: Worker[Resource]) -> None:
    """Return once all that was submitted before has ended: a job of the last lane is run last."""
    result_of(worker.submit(Lane.BACKGROUND, object(), lambda _resource, _cancel: None))


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


def test_higher_lanes_go_first_and_the_oldest_of_a_lane(ready: Worker[Resource]) -> None:
    gate, order = Gate(), list[str]()
    ready.submit(Lane.INTERACTIVE, "gate", gate)
    gate.wait_until_running()
    jobs = [
        ready.submit(lane, key, note(order, key))
        for lane, key in (
            (Lane.BACKGROUND, "background"),
            (Lane.WARM, "warm 1"),
            (Lane.INTERACTIVE, "interactive 1"),
            (Lane.WARM, "warm 2"),
            (Lane.INTERACTIVE, "interactive 2"),
        )
    ]
    gate.proceed.set()
    for job in jobs:
        result_of(job)
    assert order == ["interactive 1", "interactive 2", "warm 1", "warm 2", "background"]


def test_a_newer_job_of_a_key_drops_the_waiting_one(ready: Worker[Resource]) -> None:
    gate, ran = Gate(), list[str]()
    ready.submit(Lane.INTERACTIVE, "gate", gate)
    gate.wait_until_running()
    old = ready.submit(Lane.INTERACTIVE, "a", note(ran, "old"))
    new = ready.submit(Lane.INTERACTIVE, "a", note(ran, "new"))
    with pytest.raises(Superseded):
        old.future.result(0)
    gate.proceed.set()
    assert result_of(new) == "new"
    assert ran == ["new"]


def test_a_newer_job_of_a_key_ends_the_running_one_at_its_checkpoint(ready: Worker[Resource]) -> None:
    gate = Gate()
    old = ready.submit(Lane.INTERACTIVE, "a", gate)
    gate.wait_until_running()
    new = ready.submit(Lane.INTERACTIVE, "a", lambda _resource, _cancel: "new")
    with pytest.raises(Superseded):
        result_of(old)
    assert result_of(new) == "new"
    assert (gate.runs, gate.saw_cancel) == (1, 1)


@pytest.mark.parametrize(("lane", "key"), [(Lane.INTERACTIVE, "b"), (Lane.WARM, "a")])
def test_other_keys_and_lanes_do_not_supersede(ready: Worker[Resource], lane: Lane, key: str) -> None:
    gate = Gate()
    first = ready.submit(Lane.INTERACTIVE, "a", gate)
    gate.wait_until_running()
    second = ready.submit(lane, key, lambda _resource, _cancel: "second")
    gate.proceed.set()
    assert (result_of(first), result_of(second)) == ("done", "second")


@pytest.mark.parametrize("low", [Lane.WARM, Lane.BACKGROUND])
def test_lower_work_yields_to_higher_and_runs_again(ready: Worker[Resource], low: Lane) -> None:
    gate = Gate()
    patient = ready.submit(low, "a", gate)
    gate.wait_until_running()
    urgent = ready.submit(Lane.INTERACTIVE, "b", lambda _resource, _cancel: "urgent")
    assert result_of(urgent) == "urgent"
    gate.wait_until_running()  # the second run
    assert not patient.future.done()
    gate.proceed.set()
    assert result_of(patient) == "done"
    assert (gate.runs, gate.saw_cancel) == (2, 1)


def test_work_that_yielded_can_be_superseded_while_it_waits(ready: Worker[Resource]) -> None:
    low, high = Gate(), Gate()
    patient = ready.submit(Lane.WARM, "a", low)
    low.wait_until_running()
    urgent = ready.submit(Lane.INTERACTIVE, "b", high)
    high.wait_until_running()
    newer = ready.submit(Lane.WARM, "a", lambda _resource, _cancel: "newer")
    with pytest.raises(Superseded):
        result_of(patient)
    high.proceed.set()
    assert (result_of(urgent), result_of(newer)) == ("done", "newer")
    assert low.runs == 1


def test_work_of_the_same_or_a_lower_lane_does_not_interrupt(ready: Worker[Resource]) -> None:
    gate = Gate()
    first = ready.submit(Lane.WARM, "a", gate)
    gate.wait_until_running()
    others = [ready.submit(lane, "b", lambda _resource, _cancel: None) for lane in (Lane.WARM, Lane.BACKGROUND)]
    gate.proceed.set()
    result_of(first)
    for other in others:
        result_of(other)
    assert (gate.runs, gate.saw_cancel) == (1, 0)


def test_cancelling_before_it_runs(ready: Worker[Resource]) -> None:
    gate, ran = Gate(), list[str]()
    ready.submit(Lane.INTERACTIVE, "gate", gate)
    gate.wait_until_running()
    job = ready.submit(Lane.INTERACTIVE, "a", note(ran, "never"))
    ready.cancel(job)
    with pytest.raises(Cancelled):
        job.future.result(0)
    gate.proceed.set()
    wait_idle(ready)
    assert ran == []


def test_cancelling_while_it_runs(ready: Worker[Resource]) -> None:
    gate = Gate()
    job = ready.submit(Lane.INTERACTIVE, "a", gate)
    gate.wait_until_running()
    ready.cancel(job)
    with pytest.raises(Cancelled):
        result_of(job)
    assert (gate.runs, gate.saw_cancel) == (1, 1)


def test_a_cancelled_job_is_cancelled_even_if_it_comes_to_its_end(ready: Worker[Resource]) -> None:
    entered, proceed = threading.Event(), threading.Event()

    def heedless(_resource: Resource, _cancel: CancelToken) -> str:
        entered.set()
        assert proceed.wait(PATIENCE)
        return "a result nobody wants"

    job = ready.submit(Lane.INTERACTIVE, "a", heedless)
    assert entered.wait(PATIENCE)
    ready.cancel(job)
    proceed.set()
    with pytest.raises(Cancelled):
        result_of(job)


def test_cancelling_after_it_ran_changes_nothing(ready: Worker[Resource]) -> None:
    job = ready.submit(Lane.INTERACTIVE, "a", lambda _resource, _cancel: 42)
    assert result_of(job) == 42
    ready.cancel(job)
    ready.cancel(job)
    assert result_of(job) == 42


def test_cancelling_work_that_waits_after_a_yield(ready: Worker[Resource]) -> None:
    low, high = Gate(), Gate()
    patient = ready.submit(Lane.BACKGROUND, "a", low)
    low.wait_until_running()
    ready.submit(Lane.INTERACTIVE, "b", high)
    high.wait_until_running()
    ready.cancel(patient)
    with pytest.raises(Cancelled):
        patient.future.result(0)
    high.proceed.set()
    wait_idle(ready)
    assert low.runs == 1


def test_cancel_all_of_a_key_spares_other_keys_and_lanes(ready: Worker[Resource]) -> None:
    gate = Gate()
    running = ready.submit(Lane.INTERACTIVE, "a", gate)
    gate.wait_until_running()
    warm = ready.submit(Lane.WARM, "a", lambda _resource, _cancel: "warm")
    background = ready.submit(Lane.BACKGROUND, "a", lambda _resource, _cancel: "background")
    other = ready.submit(Lane.WARM, "b", lambda _resource, _cancel: "other")
    ready.cancel_all("a", Lane.INTERACTIVE, Lane.WARM)
    for job in (running, warm):
        with pytest.raises(Cancelled):
            result_of(job)
    assert (result_of(background), result_of(other)) == ("background", "other")
    again = ready.submit(Lane.WARM, "b", gate)
    ready.cancel_all("b")
    with pytest.raises(Cancelled):
        result_of(again)


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
    assert ready.idle
    gate = Gate()
    job = ready.submit(Lane.WARM, "a", gate)
    gate.wait_until_running()
    assert (ready.idle, ready.wants(Lane.WARM), ready.wants(Lane.INTERACTIVE)) == (False, True, False)
    gate.proceed.set()
    result_of(job)
    wait_idle(ready)
    assert not ready.wants(Lane.WARM)


# ---- the resource ----------------------------------------------------------------------------------------------


def test_a_failed_open_answers_those_who_waited_and_those_who_come(worker: Worker[Resource]) -> None:
    waiting = worker.submit(Lane.INTERACTIVE, "a", lambda _resource, _cancel: None)

    def fail() -> Resource:
        raise OSError("no such model")

    opened = worker.open(fail, Resource.close)
    with pytest.raises(OSError, match="no such model"):
        result_of(opened)
    with pytest.raises(EngineClosed):
        result_of(waiting)
    late = worker.submit(Lane.INTERACTIVE, "a", lambda _resource, _cancel: None)
    with pytest.raises(EngineClosed):
        late.future.result(0)
    result_of(worker.open(Resource, Resource.close))
    assert result_of(worker.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource.name)) == "first"


def test_opening_closes_the_one_before(ready: Worker[Resource]) -> None:
    before = ready.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource).future.result(PATIENCE)
    second = Resource("second")
    assert result_of(ready.open(lambda: second, Resource.close)) is second
    assert isinstance(before, Resource)
    assert before.closed
    assert not second.closed


def test_opening_while_a_job_runs_makes_it_yield_and_run_on_the_new_one(ready: Worker[Resource]) -> None:
    names: list[str] = []
    gate = Gate()

    def run(resource: Resource, cancel: CancelToken) -> object:
        names.append(resource.name)
        return gate(resource, cancel)

    job = ready.submit(Lane.INTERACTIVE, "a", run)
    gate.wait_until_running()
    result_of(ready.open(lambda: Resource("second"), Resource.close))
    gate.wait_until_running()
    gate.proceed.set()
    assert result_of(job) == "done"
    assert names == ["first", "second"]


def test_opening_twice_before_the_first_began_supersedes_it(ready: Worker[Resource]) -> None:
    entered, proceed = threading.Event(), threading.Event()

    def heedless(_resource: Resource, _cancel: CancelToken) -> None:
        entered.set()
        assert proceed.wait(PATIENCE)

    ready.submit(Lane.INTERACTIVE, "a", heedless)
    assert entered.wait(PATIENCE)
    made: list[str] = []

    def make(name: str) -> Resource:
        made.append(name)
        return Resource(name)

    first = ready.open(lambda: make("b"), Resource.close)
    second = ready.open(lambda: make("c"), Resource.close)
    proceed.set()
    with pytest.raises(Superseded):
        result_of(first)
    result_of(second)
    assert made == ["c"]


def test_a_failing_open_leaves_the_waiting_to_the_one_that_follows(worker: Worker[Resource]) -> None:
    entered, proceed = threading.Event(), threading.Event()

    def fail() -> Resource:
        entered.set()
        assert proceed.wait(PATIENCE)
        raise OSError("no such model")

    first = worker.open(fail, Resource.close)
    assert entered.wait(PATIENCE)
    assert not worker.idle
    job = worker.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource.name)
    second = worker.open(lambda: Resource("second"), Resource.close)
    proceed.set()
    assert isinstance(first.exception(PATIENCE), OSError)
    result_of(second)
    assert result_of(job) == "second"


def test_a_resource_that_cannot_be_closed_does_not_end_the_worker(worker: Worker[Resource]) -> None:
    def cannot(_resource: Resource) -> None:
        raise ValueError("busy")

    result_of(worker.open(Resource, cannot))
    result_of(worker.open(lambda: Resource("second"), Resource.close))
    assert result_of(worker.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource.name)) == "second"


# ---- the end ---------------------------------------------------------------------------------------------------


def test_close_ends_what_runs_and_drops_what_waits(ready: Worker[Resource]) -> None:
    resource = ready.submit(Lane.INTERACTIVE, "x", lambda resource, _cancel: resource).future.result(PATIENCE)
    gate = Gate()
    running = ready.submit(Lane.INTERACTIVE, "a", gate)
    gate.wait_until_running()
    waiting = ready.submit(Lane.BACKGROUND, "b", lambda _resource, _cancel: None)
    ready.close(PATIENCE)
    for job in (running, waiting):
        with pytest.raises(Cancelled):
            job.future.result(PATIENCE)
    assert isinstance(resource, Resource)
    assert resource.closed
    late = ready.submit(Lane.INTERACTIVE, "a", gate)
    with pytest.raises(EngineClosed):
        late.future.result(0)
    ready.close(PATIENCE)


def test_close_answers_an_open_that_waits_and_one_that_comes_after(ready: Worker[Resource]) -> None:
    entered, proceed = threading.Event(), threading.Event()

    def heedless(_resource: Resource, _cancel: CancelToken) -> None:
        entered.set()
        assert proceed.wait(PATIENCE)

    ready.submit(Lane.INTERACTIVE, "a", heedless)
    assert entered.wait(PATIENCE)
    opened = ready.open(Resource, Resource.close)
    ready.close(timeout=0)
    proceed.set()
    with pytest.raises(EngineClosed):
        result_of(opened)
    ready.close(PATIENCE)
    with pytest.raises(EngineClosed):
        result_of(ready.open(Resource, Resource.close))


def test_close_does_not_wait_for_a_job_that_does_not_listen(worker: Worker[Resource]) -> None:
    worker.open(Resource, Resource.close)
    entered, proceed = threading.Event(), threading.Event()

    def heedless(_resource: Resource, _cancel: CancelToken) -> None:
        entered.set()
        assert proceed.wait(PATIENCE)

    job = worker.submit(Lane.INTERACTIVE, "a", heedless)
    assert entered.wait(PATIENCE)
    worker.close(timeout=0.01)
    assert not job.future.done()
    proceed.set()
    with pytest.raises(Cancelled):
        result_of(job)


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
