"""The life of a suggestion: every event in every state, and what each does to those who wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from starcoder_lsp.completion.cache import Suggestion
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.errors import EngineFailed
from starcoder_lsp.session.making import TRANSITIONS, Event, Making, State
from starcoder_lsp.session.turn import Turn
from tests.support.fakes import LENGTH, continuation, settle, until
from tests.support.session_bench import AT_ONCE, A, answer, inserted, no_early_piece

if TYPE_CHECKING:
    from starcoder_lsp.session import Offer
    from tests.support.session_bench import Bench, Make, Ready

EARLY = evolve(AT_ONCE, refresh=True)
PIECE = LENGTH // 3
WHOLE = continuation("one")
PLACE = Place("one", 3)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_event_in_every_state(state: State, event: Event) -> None:
    making, turn = Making("m", PLACE, None, state=state), Turn()
    making.watchers.add(turn)
    expected = TRANSITIONS[state].get(event)
    assert making.happen(event, Suggestion(None, "one", 3, "x")) == (expected is not None)
    assert making.state == (expected or state)
    assert (making.written is not None) == (expected is not None)
    assert turn._news.is_set() == (expected is not None)


def test_what_has_ended_serves_nobody() -> None:
    for event in (Event.FINISH, Event.FAIL, Event.DROP):
        making = Making("m", PLACE, None)
        assert making.serves(PLACE, None)
        making.happen(event)
        assert not making.serves(PLACE, None)


async def cancelled(task: asyncio.Task[Offer | None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def written_by(bench: Bench, pieces: int) -> asyncio.Task[Offer | None]:
    """Ask behind `one`, and let the model write so many pieces."""
    bench.open("one")
    task = await bench.asked(3)
    bench.stage.grant(pieces)
    await until(lambda: len(bench.stage.steps) == pieces and (pieces == LENGTH // PIECE or bench.stage.waiting))
    await settle()
    return task


@pytest.mark.usefixtures("early_pieces")
async def test_a_cancel_does_not_end_what_is_typed_through(ready: Ready) -> None:
    """Every editor cancels the older request at each key, before it asks again."""
    bench = await ready(EARLY)
    task = await written_by(bench, 1)
    assert inserted(await answer(task)) == WHOLE[:PIECE]
    bench.type("one" + WHOLE[0])
    second = bench.ask(4)
    assert inserted(await answer(second)) == WHOLE[1:PIECE]
    with no_early_piece():
        third = bench.ask(4)
        await settle()
    await cancelled(third)
    bench.type("one" + WHOLE[:2])
    fourth = bench.ask(5)
    bench.stage.free.set()
    assert WHOLE[2:].startswith(inserted(await answer(fourth)))
    await until(lambda: bench.ear.refreshes == [A])
    assert inserted(await answer(bench.ask(5))) == WHOLE[2:]
    assert {step.run for step in bench.stage.steps} == {1}


async def test_after_a_cancel_it_is_dropped_unless_somebody_joins(bench: Bench) -> None:
    bench.open("one")
    await cancelled(await bench.asked(3))
    assert bench.at("suggest", "one")  # within the grace
    second = bench.ask(3)
    await settle()
    await asyncio.sleep(0.5)  # longer than the grace
    assert bench.at("suggest", "one")
    await cancelled(second)
    await bench.idle()
    assert bench.stage.steps == []


async def test_a_dropped_piece_is_offered_to_nobody(ready: Ready) -> None:
    bench = await ready(AT_ONCE)
    task = await written_by(bench, 1)
    await cancelled(task)
    bench.type("one!")
    bench.type("one")
    bench.stage.free.set()
    assert inserted(await answer(bench.ask(3))) == WHOLE


@pytest.mark.parametrize("end", ["doubtful", "failed"])
@pytest.mark.usefixtures("early_pieces")
async def test_an_early_piece_is_never_taken_back(ready: Ready, end: str) -> None:
    bench = await ready(EARLY)
    task = await written_by(bench, 1)
    assert inserted(await answer(task)) == WHOLE[:PIECE]
    if end == "doubtful":
        bench.stage.sure = False
    else:
        bench.stage.fail = lambda _step: ZeroDivisionError("oh")
    bench.stage.free.set()
    await bench.idle()
    assert bench.ear.refreshes == []
    if end == "doubtful":
        assert inserted(await answer(bench.ask(3))) == WHOLE[:PIECE]


async def test_a_quick_answer_is_not_given_again_once_the_window_is_filled(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, prefill_while_typing="always"))
    bench.open("one")
    bench.stage.quick = True
    bench.stage.free.set()
    assert inserted(await answer(bench.ask(3))) == WHOLE
    await until(lambda: [step.kind for step in bench.stage.steps][-1] == "fill")
    await bench.idle()
    bench.stage.quick = False
    bench.stage.steps.clear()
    bench.type("one" + WHOLE[0])
    assert inserted(await answer(bench.ask(4))) == WHOLE[1:]  # the user sees it: it stays
    assert not [step for step in bench.stage.steps if step.kind == "suggest"]
    bench.type("one")
    assert inserted(await answer(bench.ask(3))) == WHOLE
    assert [step for step in bench.stage.steps if step.kind == "suggest"]


async def test_an_older_request_is_answered_at_once(ready: Ready) -> None:
    bench = await ready(AT_ONCE)
    first, second = await bench.asked_twice()
    await until(first.done)
    assert not second.done()
    bench.stage.free.set()
    assert inserted(await answer(second)) == WHOLE


async def test_patience_ends_a_request_not_its_work(make: Make) -> None:
    bench = make(start=False)
    bench.loads.hold.set()
    bench.open("one")
    bench.session.start()
    assert await bench.session.suggest(A, 3, patience=0.01) is None
    bench.stage.free.set()
    bench.loads.let_one()
    await bench.idle()
    steps = len(bench.stage.steps)
    assert steps == LENGTH // PIECE
    assert inserted(await answer(bench.ask(3))) == WHOLE
    assert len(bench.stage.steps) == steps


async def test_what_waits_is_not_failed_by_another_job_s_engine_fault(ready: Ready) -> None:
    """Five documents queued, one fault: one reload, four answers."""
    bench = await ready(AT_ONCE)
    uris = [f"file:///{name}.py" for name in "abcde"]
    for uri in uris:
        bench.open("one", uri)
    tasks = [bench.ask(3, uri) for uri in uris]
    await settle()
    bench.stage.fail = lambda step: EngineFailed("broke") if step.ask.document[1] == uris[0] else None
    bench.stage.free.set()
    answers = [await answer(task) for task in tasks]
    assert answers[0] is None
    assert [inserted(one) for one in answers[1:]] == [WHOLE] * 4
    assert bench.loads.begun == ["nano", "nano"]
    assert bench.loads.completers[0].closed


async def test_status_counts_what_was_shown_and_says_why_nothing_was(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, languages={"markdown": False}))
    bench.stage.free.set()
    bench.open("one")
    for _ in range(2):
        await answer(bench.ask(3))
    bench.type("one" + WHOLE[0])
    await answer(bench.ask(4))
    status = bench.session.status
    assert (status.shown, status.hidden, status.reason) == (1, 0, None)
    bench.stage.sure = False
    bench.type("other")
    for _ in range(2):
        assert await answer(bench.ask(5)) is None
    status = bench.session.status
    assert (status.shown, status.hidden, status.reason) == (1, 1, "unsure")
    bench.open("# a", "file:///b.md", language="markdown")
    assert await answer(bench.ask(3, "file:///b.md")) is None
    assert bench.session.status.reason == "off"
