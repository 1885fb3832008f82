"""A job for which somebody begins to wait goes up to their lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.engine.worker import Lane
from tests.support.worker_jobs import Gate, note, result_of

if TYPE_CHECKING:
    from starcoder_lsp.engine.worker import Worker
    from tests.support.worker_jobs import Resource


def test_what_runs_of_a_lower_lane_yields_to_it(ready: Worker[Resource]) -> None:
    order: list[str] = []
    gate = Gate()
    running = ready.submit(Lane.WARM, "a", gate)
    gate.wait_until_running()
    raised = ready.submit(Lane.BACKGROUND, "b", note(order, "raised"))
    other = ready.submit(Lane.BACKGROUND, "c", note(order, "other"))
    ready.promote(raised, Lane.INTERACTIVE)
    assert result_of(raised) == "raised"
    gate.wait_until_running()
    assert ready.wants(Lane.WARM)
    gate.proceed.set()
    for job in (running, other):
        result_of(job)
    assert order == ["raised", "other"]


def test_what_runs_does_not_yield_to_itself_nor_go_down(ready: Worker[Resource]) -> None:
    gate = Gate()
    running = ready.submit(Lane.WARM, "a", gate)
    gate.wait_until_running()
    ready.promote(running, Lane.INTERACTIVE)
    ready.promote(running, Lane.BACKGROUND)
    assert running.lane is Lane.INTERACTIVE
    gate.proceed.set()
    assert result_of(running) == "done"
    assert (gate.runs, gate.saw_cancel) == (1, 0)
    ready.promote(running, Lane.INTERACTIVE)
