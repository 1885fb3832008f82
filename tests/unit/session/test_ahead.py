"""What is done before it is asked for: the suggestion behind an accepted one, and the prefill while typing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import evolve

from tests.support.fakes import continuation, settle, until
from tests.support.session_bench import TYPING, B, answer, inserted

if TYPE_CHECKING:
    import pytest

    from starcoder_lsp.session import Offer
    from tests.support.fakes import Step
    from tests.support.session_bench import Bench, Ready


async def offered(bench: Bench) -> Offer:
    """Return what is offered for `one`, once the engine rests and waits for grants again."""
    bench.open("one")
    bench.stage.free.set()
    offer = await answer(bench.ask(3))
    assert offer is not None
    await bench.idle()
    bench.stage.free.clear()
    return offer


async def accepted_suggestion(bench: Bench) -> str:
    """Offer a suggestion for `one`, put it into the document and report it; return the new text."""
    offer = await offered(bench)
    bench.stage.steps.clear()
    text = "one" + offer.insert
    bench.session.accepted(offer.id)
    bench.type(text)
    return text


async def test_the_next_suggestion_is_made_ahead(ready: Ready) -> None:
    bench = await ready(TYPING)
    text = await accepted_suggestion(bench)
    await until(lambda: bench.at("suggest", text), "work ahead")
    bench.stage.free.set()
    await bench.idle()
    assert inserted(await answer(bench.ask(len(text)))) == continuation(text)
    assert bench.session.stats()["fromMemory"] == 1


async def test_a_request_joins_what_is_made_ahead(ready: Ready) -> None:
    bench = await ready(TYPING)
    text = await accepted_suggestion(bench)
    await until(lambda: bench.at("suggest", text))
    task = bench.ask(len(text))
    await settle()
    bench.stage.free.set()
    assert inserted(await answer(task)) == continuation(text)


async def test_typing_what_is_made_ahead_does_not_end_it(ready: Ready) -> None:
    bench = await ready(TYPING)
    text = await accepted_suggestion(bench)
    await until(lambda: bench.at("suggest", text))
    bench.stage.grant()
    await until(lambda: len(bench.stage.steps) == 1 and bench.at("suggest", text))
    await settle()
    bench.type(text + continuation(text)[0])
    await settle()
    bench.stage.free.set()
    await bench.idle()
    assert inserted(await answer(bench.ask(len(text) + 1))) == continuation(text)[1:]
    assert len({step.run for step in bench.stage.steps if step.kind == "suggest"}) == 1


async def test_an_accept_heard_after_the_next_request_does_not_end_its_work(ready: Ready) -> None:
    bench = await ready(TYPING)
    offer = await offered(bench)
    text = "one" + offer.insert
    bench.type(text)
    task = await bench.asked(len(text))
    bench.session.accepted(offer.id)
    await settle()
    bench.stage.free.set()
    assert inserted(await answer(task)) == continuation(text)


async def test_a_key_evaluates_ahead_and_a_request_goes_first(ready: Ready) -> None:
    bench = await ready(TYPING)
    bench.open("one")
    bench.type("one ")
    await until(lambda: bench.at("warm", "one "))
    bench.open("two", B)
    task = await bench.asked(3, B)
    bench.stage.free.set()
    assert await answer(task) is not None
    await bench.idle()
    assert [step.kind for step in bench.stage.steps] == ["suggest"] * 3 + ["warm"]


async def test_no_prefill_where_the_settings_forbid_it(bench: Bench) -> None:
    bench.open("one")
    bench.type("one ")
    await settle()
    assert bench.session.stats()["idle"]


async def test_a_broken_prefill_is_logged(ready: Ready, caplog: pytest.LogCaptureFixture) -> None:
    bench = await ready(TYPING)

    def fail(step: Step) -> BaseException | None:
        return ZeroDivisionError("oh") if step.kind == "warm" else None

    bench.stage.fail = fail
    bench.stage.free.set()
    bench.open("one")
    bench.type("one ")
    await until(lambda: "ZeroDivisionError" in caplog.text)
    assert await answer(bench.ask(4)) is not None


async def test_a_busy_machine_fills_the_window_too_however_often_it_is_asked(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starcoder_lsp.session.prefill._BUSY_S", 1.0)
    monkeypatch.setattr("starcoder_lsp.machine.Machine.has_room", lambda _self, *, busy_too=False, **_engine: busy_too)
    bench = await ready(evolve(TYPING, prefill_while_typing="auto"))
    bench.stage.free.set()
    bench.stage.quick = True
    bench.open("one")

    for number in range(20):
        text = "one" + "x" * number
        bench.type(text)
        await answer(bench.ask(len(text)))
        await asyncio.sleep(0.5)  # each answer asks for a fill after a pause, and moves it
        if any(step.kind == "fill" for step in bench.stage.steps):
            return
    raise AssertionError("the window was never filled")
