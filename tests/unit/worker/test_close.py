"""Closing the worker: what runs ends, and what waits or comes later is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Cancelled, EngineClosed
from tests.support.fakes import PATIENCE
from tests.support.worker_jobs import Gate, Heedless, Resource, result_of

if TYPE_CHECKING:
    from starcoder_lsp.engine.worker import Worker


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
    heedless = Heedless()
    ready.submit(Lane.INTERACTIVE, "a", heedless)
    heedless.wait_until_running()
    opened = ready.open(Resource, Resource.close)
    ready.close(timeout=0)
    heedless.proceed.set()
    with pytest.raises(EngineClosed):
        result_of(opened)
    ready.close(PATIENCE)
    with pytest.raises(EngineClosed):
        result_of(ready.open(Resource, Resource.close))


def test_close_does_not_wait_for_a_job_that_does_not_listen(worker: Worker[Resource]) -> None:
    worker.open(Resource, Resource.close)
    heedless = Heedless()
    job = worker.submit(Lane.INTERACTIVE, "a", heedless)
    heedless.wait_until_running()
    worker.close(timeout=0.01)
    assert not job.future.done()
    heedless.proceed.set()
    with pytest.raises(Cancelled):
        result_of(job)
