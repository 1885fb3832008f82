"""Pausing all, or one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from tests.support.fakes import until
from tests.support.session_bench import AT_ONCE, TYPING, A, B, answer, superseded

if TYPE_CHECKING:
    from tests.support.session_bench import Bench, Make, Ready


async def test_pausing_ends_the_work_and_resuming_goes_on(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    bench.session.pause(None, on=True)
    assert await superseded(task)
    assert bench.status == "paused"
    assert await answer(bench.ask(3, manual=True)) is None
    await bench.idle()
    assert bench.status == "paused"
    bench.session.pause(None, on=False)
    assert bench.status == "ready"
    bench.stage.free.set()
    assert await answer(bench.ask(3)) is not None


async def test_pausing_one_document_leaves_the_others(bench: Bench) -> None:
    bench.open("one", A)
    bench.open("two", B)
    bench.session.pause(A, on=True)
    bench.stage.free.set()
    assert await answer(bench.ask(3, A)) is None
    assert await answer(bench.ask(3, B)) is not None
    assert list(bench.session.status.paused_uris) == [A]
    assert bench.status == "ready"
    bench.session.close_document(A)
    assert list(bench.session.status.paused_uris) == []


async def test_a_request_that_waits_when_all_is_paused_begins_no_work(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, debounce_min=1000, debounce_max=1000))
    task = await bench.asked_in_the_wait()
    bench.session.pause(None, on=True)
    bench.stage.free.set()
    assert await answer(task) is None
    assert bench.stage.steps == []


async def test_pausing_ends_the_filling_of_the_window(ready: Ready) -> None:
    bench = await ready(TYPING)
    bench.stage.needs_fill = True
    bench.open("one")
    bench.type("one ")
    bench.stage.grant()
    await until(lambda: bench.at("fill", "one "), "the filling")
    bench.session.pause(None, on=True)
    await bench.idle()
    assert [step.kind for step in bench.stage.steps] == ["warm"]


async def test_pausing_while_the_model_loads(make: Make) -> None:
    bench = make(start=False)
    bench.loads.hold.set()
    bench.session.start()
    bench.session.pause(None, on=True)
    assert bench.status == "loading"
    bench.loads.let_one()
    await until(lambda: bench.status == "paused")
