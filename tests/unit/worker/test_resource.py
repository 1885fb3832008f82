"""The resource is opened, cannot be opened, or is opened again over the one before."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import EngineClosed, Superseded
from tests.support.fakes import PATIENCE
from tests.support.worker_jobs import BrokenError, Gate, Heedless, Resource, result_of

if TYPE_CHECKING:
    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.engine.worker import Worker


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
    heedless = Heedless()
    ready.submit(Lane.INTERACTIVE, "a", heedless)
    heedless.wait_until_running()
    made: list[str] = []

    def make(name: str) -> Resource:
        made.append(name)
        return Resource(name)

    first = ready.open(lambda: make("b"), Resource.close)
    second = ready.open(lambda: make("c"), Resource.close)
    heedless.proceed.set()
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


def test_behind_a_failed_open_jobs_wait_for_the_one_that_goes_on(worker: Worker[Resource]) -> None:
    entered, proceed = threading.Event(), threading.Event()

    def fail() -> Resource:
        raise OSError("no such model")

    def make() -> Resource:
        entered.set()
        assert proceed.wait(PATIENCE)
        return Resource("second")

    assert isinstance(worker.open(fail, Resource.close).exception(PATIENCE), OSError)
    second = worker.open(make, Resource.close)
    assert entered.wait(PATIENCE)
    job = worker.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource.name)
    assert not job.future.done()
    proceed.set()
    result_of(second)
    assert result_of(job) == "second"


def test_a_resource_that_cannot_be_closed_does_not_end_the_worker(worker: Worker[Resource]) -> None:
    def cannot(_resource: Resource) -> None:
        raise ValueError("busy")

    result_of(worker.open(Resource, cannot))
    result_of(worker.open(lambda: Resource("second"), Resource.close))
    assert result_of(worker.submit(Lane.INTERACTIVE, "a", lambda resource, _cancel: resource.name)) == "second"


def test_a_broken_resource_is_closed_and_what_waits_is_kept_for_the_next(ready: Worker[Resource]) -> None:
    gate = threading.Event()

    def fail(_resource: Resource, _cancel: CancelToken) -> None:
        gate.wait(PATIENCE)
        raise BrokenError

    first = result_of(ready.submit(Lane.INTERACTIVE, "z", lambda resource, _cancel: resource))
    assert isinstance(first, Resource)
    broken = ready.submit(Lane.INTERACTIVE, "a", fail)
    others = [ready.submit(Lane.INTERACTIVE, key, lambda resource, _cancel: resource.name) for key in "bcde"]
    gate.set()
    assert isinstance(broken.future.exception(PATIENCE), BrokenError)
    assert first.closed
    assert not any(job.future.done() for job in others)
    result_of(ready.open(lambda: Resource("second"), Resource.close))
    assert [job.future.result(PATIENCE) for job in others] == ["second"] * 4


def test_what_waits_for_a_broken_resource_can_be_given_up(ready: Worker[Resource]) -> None:
    gate = threading.Event()

    def fail(_resource: Resource, _cancel: CancelToken) -> None:
        gate.wait(PATIENCE)
        raise BrokenError

    broken = ready.submit(Lane.INTERACTIVE, "a", fail)
    other = ready.submit(Lane.INTERACTIVE, "b", lambda resource, _cancel: resource)
    gate.set()
    broken.future.exception(PATIENCE)
    ready.give_up()
    for job in (other, ready.submit(Lane.WARM, "c", lambda resource, _cancel: resource)):
        assert isinstance(job.future.exception(PATIENCE), EngineClosed)
