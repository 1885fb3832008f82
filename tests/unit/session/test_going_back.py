"""A switch to a model that cannot be loaded brings back the one before; and each load's answers are its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import evolve

from tests.support import fakes
from tests.support.fakes import continuation, settle, until
from tests.support.session_bench import AT_ONCE, answer, inserted

if TYPE_CHECKING:
    import pytest

    from tests.support.session_bench import Bench, Make

MISSING, SECOND = (evolve(AT_ONCE, model=name, max_tokens=7) for name in ("missing", "second"))


async def test_the_model_before_comes_back_and_the_user_is_told(bench: Bench) -> None:
    bench.open("one")
    bench.session.configure(MISSING)
    task = bench.ask(3)
    bench.stage.free.set()
    assert inserted(await answer(task)) == continuation("one")
    await until(lambda: bench.status == "ready")
    sentence = "missing is not there. Going back to nano."
    assert (bench.session.status.model, bench.session.status.message) == ("nano", sentence)
    assert bench.ear.ends == [None, sentence, None]
    assert "error" not in bench.ear.states
    assert bench.loads.begun == ["nano", "missing", "nano"]
    assert bench.session.settings == evolve(AT_ONCE, max_tokens=7)
    assert {step.model for step in bench.stage.steps} == {"nano"}


async def test_what_failed_can_be_asked_for_again(bench: Bench) -> None:
    for loads in (3, 5):
        bench.session.configure(MISSING)
        await until(lambda loads=loads: len(bench.loads.begun) == loads and bench.status == "ready")  # type: ignore[misc]
    bench.session.configure(SECOND)
    await until(lambda: bench.status == "ready")
    assert (bench.session.status.model, bench.session.status.message) == ("second", None)


async def test_the_model_before_is_tried_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr(fakes, "FakeCompleter", fail)
    bench.session.configure(MISSING)
    await until(lambda: bench.status == "error")
    await settle()
    assert bench.session.status.message == "missing is not there"
    assert bench.loads.begun == ["nano", "missing", "nano"]


async def test_nothing_comes_back_in_the_way_of_a_newer_choice(bench: Bench) -> None:
    bench.loads.hold.set()
    bench.session.configure(MISSING)
    await until(lambda: bench.loads.waiting)
    bench.session.configure(SECOND)
    bench.loads.let_one()
    bench.loads.let_one()
    await until(lambda: bench.status == "ready")
    assert bench.loads.begun == ["nano", "missing", "second"]
    assert bench.session.settings.model == "second"


async def test_what_was_asked_during_one_load_is_not_offered_during_the_next(make: Make) -> None:
    bench = make(start=False)
    bench.stage.free.set()
    bench.loads.hold.set()
    bench.open("one")
    bench.session.start()
    task = bench.ask(3)
    await settle()
    bench.loads.let_one()
    assert inserted(await answer(task)) == continuation("one")
    bench.session.configure(evolve(AT_ONCE, model="second"))
    bench.stage.steps.clear()
    task = bench.ask(3)
    await settle()
    assert not task.done()
    bench.loads.let_one()
    assert inserted(await answer(task)) == continuation("one")
    assert {step.model for step in bench.stage.steps} == {"second"}


async def test_what_was_asked_during_a_load_is_remembered_after_it(make: Make) -> None:
    bench = make(start=False)
    bench.stage.free.set()
    bench.open("one")
    bench.session.start()
    assert await answer(bench.ask(3)) is not None
    steps = len(bench.stage.steps)
    assert await answer(bench.ask(3)) is not None
    assert len(bench.stage.steps) == steps


async def test_a_load_that_is_cancelled_brings_the_model_before_back(bench: Bench) -> None:
    bench.loads.hold.set()
    bench.session.configure(SECOND)
    await until(lambda: bench.loads.waiting)
    outcome = asyncio.ensure_future(bench.session.outcome())
    await settle()
    bench.session.go_back()
    bench.loads.hold.clear()
    bench.loads.let_one()
    await until(lambda: bench.status == "ready")
    assert bench.loads.begun == ["nano", "second", "nano"]
    assert bench.session.settings == evolve(AT_ONCE, max_tokens=7)
    assert await outcome == "another model was chosen since"
    assert await bench.session.outcome() is None
    bench.session.go_back()
    await settle()
    assert bench.loads.begun == ["nano", "second", "nano"], "nothing goes on that could be cancelled"


async def test_a_choice_ends_a_fetch_and_a_repair_does_not(bench: Bench) -> None:
    ended: list[str] = []
    bench.session.fetching(lambda: ended.append("first"))
    bench.session.configure(evolve(AT_ONCE, debounce_max=1))
    assert not ended
    bench.session.fetching(lambda: ended.append("second"))
    assert ended == ["first"]
    bench.session.configure(SECOND)
    assert ended == ["first", "second"]
    await until(lambda: bench.status == "ready")
    bench.session.fetching(lambda: ended.append("third"))
    bench.session.close()
    assert ended == ["first", "second", "third"]


async def test_an_outcome_says_why_a_model_is_not_there(bench: Bench) -> None:
    bench.session.configure(MISSING)
    assert await bench.session.outcome() == "missing is not there. Going back to nano."
