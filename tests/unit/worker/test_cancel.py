"""Cancelling a job before, while and after it runs, and all jobs of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Cancelled
from tests.support.worker_jobs import Gate, Heedless, Resource, note, result_of, wait_idle

if TYPE_CHECKING:
    from starcoder_lsp.engine.worker import Worker


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
    heedless = Heedless()
    job = ready.submit(Lane.INTERACTIVE, "a", heedless)
    heedless.wait_until_running()
    ready.cancel(job)
    heedless.proceed.set()
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
