"""Which job goes first: lanes, supersede, yield and re-run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Superseded
from tests.support.worker_jobs import Gate, Resource, note, result_of

if TYPE_CHECKING:
    from starcoder_lsp.engine.worker import Worker


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
