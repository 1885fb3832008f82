"""Closing a document, and closing the session: all that wait are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from tests.support.fakes import continuation, settle, until
from tests.support.session_bench import AT_ONCE, A, B, answer, inserted, superseded

if TYPE_CHECKING:
    from tests.support.session_bench import Bench, Make, Ready


async def test_closing_a_document_supersedes_its_requests(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    bench.session.close_document(A)
    assert await superseded(task)
    assert await answer(bench.ask(3)) is None
    await bench.idle()
    assert bench.loads.completers[0].forgotten == [("", A)]
    bench.session.close_document(A)
    bench.open("two")
    bench.stage.free.set()
    assert inserted(await answer(bench.ask(3))) == continuation("two")


async def test_closing_the_session_answers_all_that_wait(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, debounce_min=9_000, debounce_max=9_000))
    bench.open("one", A)
    bench.open("two", B)
    running = bench.ask(3, A, manual=True)
    await until(lambda: bench.at("suggest", "one"))
    queued = bench.ask(3, B, manual=True)
    await settle()
    bench.session.close()
    bench.session.close()
    for task in (running, queued):
        assert await superseded(task)
    assert await answer(bench.ask(3)) is None
    assert bench.stage.steps == []


async def test_closing_while_the_model_loads(make: Make) -> None:
    bench = make(start=False)
    bench.loads.hold.set()
    bench.open("one")
    task = bench.ask(3)
    await settle()
    bench.session.start()
    await until(lambda: bench.loads.begun)
    bench.loads.let_one()
    bench.session.close()
    assert await superseded(task)


async def test_a_closed_session_loads_nothing_more(bench: Bench) -> None:
    bench.session.close()
    heard = len(bench.ear.statuses)
    bench.session.configure(evolve(AT_ONCE, model="second"))
    await settle()
    assert bench.loads.begun == ["nano"]
    assert len(bench.ear.statuses) == heard
