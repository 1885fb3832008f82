"""A session over a fake model whose steps the test grants: who is answered, with what, and what is worked on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve

from starcoder_lsp.config import Settings
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.errors import EngineFailed, Superseded
from starcoder_lsp.session import Offer, Selected, Session
from tests.support.fakes import LENGTH, PATIENCE, Ear, Loads, Stage, Step, continuation, settle, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

A, B = "file:///a.py", "file:///b.py"
AT_ONCE = Settings(debounce_min=0, debounce_max=0, prefill_while_typing="never")


@define(eq=False)
class Bench:
    """A session, and all that one can see of it from outside."""

    session: Session
    stage: Stage
    loads: Loads
    ear: Ear
    version: int = 1

    def open(self, text: str, uri: str = A, language: str = "python") -> None:
        self.session.open(Snapshot.of(uri, self.version, language, text), uri.rpartition("/")[2])

    def type(self, text: str, uri: str = A) -> None:
        """Change the whole text of a document."""
        self.version += 1
        self.session.change(uri, self.version, text)

    def ask(
        self, offset: int, uri: str = A, *, manual: bool = False, selected: Selected | None = None
    ) -> asyncio.Task[Offer | None]:
        return asyncio.ensure_future(self.session.suggest(uri, offset, manual=manual, selected=selected))

    async def asked(self, offset: int, uri: str = A) -> asyncio.Task[Offer | None]:
        """Ask, and return once the engine stands at the question's first step."""
        task = self.ask(offset, uri)
        place = self.session.snapshot(uri)
        assert place is not None
        await until(lambda: self.at("suggest", place.text[:offset]), "the first step")
        return task

    def at(self, kind: str, prefix: str) -> bool:
        """Whether the engine waits at a step of this kind for the text that ends in `prefix`."""
        step = self.stage.waiting
        return step is not None and step.kind == kind and step.ask.place.text[: step.ask.place.offset] == prefix

    async def idle(self) -> None:
        await until(lambda: self.session.stats()["idle"], "the worker's rest")
        await settle()

    @property
    def status(self) -> str:
        return self.session.status.state


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make_bench(settings: Settings = AT_ONCE, *, start: bool = True) -> Bench:
        stage, ear = Stage(), Ear()
        loads = Loads(stage)
        session = Session(ear, settings=settings, load_runtime=loads)
        made.append(Bench(session, stage, loads, ear))
        if start:
            session.start()
        return made[-1]

    yield make_bench
    for bench in made:
        bench.stage.free.set()
        bench.loads.hold.clear()
        for _ in range(10):
            bench.loads.let_one()
        bench.session.close()
    await settle()


@pytest.fixture
async def bench(make: Callable[..., Bench]) -> Bench:
    made = make()
    await until(lambda: made.status == "ready", "the load")
    return made


def inserted(offer: Offer | None) -> str:
    assert offer is not None
    return offer.insert


async def answer(task: asyncio.Task[Offer | None]) -> Offer | None:
    return await asyncio.wait_for(task, PATIENCE)


async def superseded(task: asyncio.Task[Offer | None]) -> bool:
    with pytest.raises(Superseded):
        await answer(task)
    return True


# ---- the plain case ----------------------------------------------------------------------------------------------


async def test_an_offer_says_what_and_where(bench: Bench) -> None:
    bench.open("x = 1\n")
    bench.stage.free.set()
    offer = await answer(bench.ask(5))
    assert offer is not None
    assert (offer.insert, offer.start, offer.end, offer.snapshot.uri) == (continuation("x = 1"), 5, 5, A)
    assert offer.model == "nano"
    assert bench.status == "ready"
    assert bench.session.status.latency_ms is not None


async def test_a_document_that_is_not_open_has_no_suggestion(bench: Bench) -> None:
    assert await answer(bench.ask(0)) is None
    bench.type("never opened")
    assert bench.session.snapshot(A) is None


async def test_what_a_list_has_selected_is_continued(bench: Bench) -> None:
    """As if it were accepted: asked behind it, offered with it, over what it replaces."""
    bench.open("x = pri\n")
    bench.stage.free.set()
    offer = await answer(bench.ask(7, selected=Selected(4, 7, "print")))
    assert offer is not None
    assert (offer.insert, offer.start, offer.end) == ("print" + continuation("x = print"), 4, 7)


async def test_the_same_place_is_answered_from_memory(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.free.set()
    first = await answer(bench.ask(4))
    before = len(bench.stage.steps)
    again = await answer(bench.ask(4))
    assert inserted(first) == inserted(again)
    assert first is not None
    assert again is not None
    assert first.id == again.id
    assert len(bench.stage.steps) == before
    assert bench.session.stats()["fromMemory"] == 1


async def test_typing_through_a_suggestion_needs_no_engine(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.free.set()
    whole = inserted(await answer(bench.ask(4)))
    before = len(bench.stage.steps)
    bench.type("x = " + whole[:3])
    assert inserted(await answer(bench.ask(7))) == whole[3:]
    assert len(bench.stage.steps) == before


async def test_a_suggestion_has_the_file_s_line_ends(bench: Bench) -> None:
    bench.open("x = 1\r\ny = 2\r\n")
    bench.stage.free.set()
    offer = await answer(bench.ask(12))
    assert inserted(offer) == continuation("x = 1\ny = 2")


async def test_a_new_text_under_an_old_version_number_is_a_new_text(bench: Bench) -> None:
    bench.open("x = 1\r\n")
    bench.stage.free.set()
    assert inserted(await answer(bench.ask(5))) == continuation("x = 1")
    bench.session.change(A, 1, "y = 2\r\n")
    assert inserted(await answer(bench.ask(5))) == continuation("y = 2")


async def test_what_the_model_doubts_is_hidden_and_remembered(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.logprob = -9.0
    bench.stage.free.set()
    assert await answer(bench.ask(4)) is None
    steps = len(bench.stage.steps)
    assert await answer(bench.ask(4)) is None
    assert len(bench.stage.steps) == steps


async def test_a_language_that_is_off_is_answered_only_by_hand(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, languages={"markdown": False}))
    await until(lambda: bench.status == "ready")
    bench.stage.free.set()
    bench.open("# a", language="markdown")
    assert await answer(bench.ask(3)) is None
    assert await answer(bench.ask(3, manual=True)) is not None


# ---- the newest wins ---------------------------------------------------------------------------------------------


async def test_a_newer_request_supersedes_the_older(bench: Bench) -> None:
    bench.open("one two")
    first = await bench.asked(3)
    second = await bench.asked(7)
    assert await superseded(first)
    bench.stage.free.set()
    assert inserted(await answer(second)) == continuation("one two")
    assert bench.stage.texts() == ["one two"]


async def test_many_requests_at_once_are_answered_once_each_and_one_is_worked_on(bench: Bench) -> None:
    bench.open("abcdefgh")
    tasks = [bench.ask(offset) for offset in range(9)]
    await until(lambda: bench.at("suggest", "abcdefgh"))
    bench.stage.free.set()
    for task in tasks[:-1]:
        assert await superseded(task)
    assert inserted(await answer(tasks[-1])) == continuation("abcdefgh")
    assert bench.stage.texts() == ["abcdefgh"]


async def test_documents_do_not_supersede_each_other(bench: Bench) -> None:
    bench.open("one", A)
    bench.open("two", B)
    first, second = bench.ask(3, A), bench.ask(3, B)
    bench.stage.free.set()
    assert inserted(await answer(first)) == continuation("one")
    assert inserted(await answer(second)) == continuation("two")


async def test_a_request_for_the_same_place_joins_the_work(bench: Bench) -> None:
    bench.open("one")
    first = await bench.asked(3)
    second = bench.ask(3)
    await settle()
    bench.stage.free.set()
    assert await superseded(first)
    assert inserted(await answer(second)) == continuation("one")
    assert {step.run for step in bench.stage.steps} == {1}


async def test_work_for_the_old_place_ends_when_the_cursor_moves_not_after_the_wait(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, debounce_min=9_000, debounce_max=9_000))
    await until(lambda: bench.status == "ready")
    bench.open("one two")
    first = bench.ask(3, manual=True)
    await until(lambda: bench.at("suggest", "one"))
    bench.type("one two")  # a key, so that the next request waits
    second = bench.ask(7)
    assert await superseded(first)
    assert not second.done()
    bench.stage.free.set()
    await bench.idle()
    assert bench.stage.steps == []


async def test_a_change_that_contradicts_ends_the_work(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    bench.type("one!")
    assert await superseded(task)
    await bench.idle()
    assert bench.stage.steps == []


async def test_a_change_that_agrees_with_the_piece_there_is_keeps_the_work(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    bench.stage.grant()
    await until(lambda: len(bench.stage.steps) == 1 and bench.stage.waiting)
    await settle()
    whole = continuation("one")
    bench.type("one" + whole[0])
    newer = bench.ask(4)
    assert whole[1:].startswith(inserted(await answer(newer)))
    bench.stage.free.set()
    assert await superseded(task)
    await bench.idle()
    assert inserted(await answer(bench.ask(4))) == whole[1:]
    assert {step.run for step in bench.stage.steps} == {1}


async def test_no_work_begins_for_a_text_that_changed_during_the_wait(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, debounce_min=30, debounce_max=30))
    await until(lambda: bench.status == "ready")
    bench.open("one")
    bench.type("one ")
    task = bench.ask(4)
    await settle()
    bench.type("one X")
    bench.stage.free.set()
    assert await superseded(task)
    assert bench.stage.steps == []


# ---- cancelling --------------------------------------------------------------------------------------------------


async def test_cancelling_reaches_the_engine(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bench.idle()
    assert bench.stage.steps == []
    assert bench.status == "ready"


async def test_asking_again_after_a_cancel_is_answered(bench: Bench) -> None:
    bench.open("one")
    first = await bench.asked(3)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = bench.ask(3)
    bench.stage.free.set()
    assert inserted(await answer(second)) == continuation("one")


async def test_cancelling_the_older_of_two_that_share_the_work(bench: Bench) -> None:
    bench.open("one")
    first = await bench.asked(3)
    second = bench.ask(3)
    await settle()
    first.cancel()
    await settle()
    bench.stage.free.set()
    assert inserted(await answer(second)) == continuation("one")


async def test_cancelling_the_newer_of_two_that_share_the_work_ends_both(bench: Bench) -> None:
    bench.open("one")
    first = await bench.asked(3)
    second = bench.ask(3)
    await settle()
    second.cancel()
    assert await superseded(first)
    await bench.idle()
    assert bench.stage.steps == []


async def test_cancelling_during_the_wait(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, debounce_min=9_000, debounce_max=9_000))
    await until(lambda: bench.status == "ready")
    bench.open("one")
    bench.type("one ")
    task = bench.ask(4)
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.session.stats()["idle"]


# ---- accepting ---------------------------------------------------------------------------------------------------

TYPING = evolve(AT_ONCE, prefill_while_typing="always")


async def accepted_suggestion(bench: Bench) -> str:
    """Offer a suggestion for `one`, put it into the document and report it; return the new text."""
    bench.open("one")
    bench.stage.free.set()
    offer = await answer(bench.ask(3))
    assert offer is not None
    await bench.idle()
    bench.stage.free.clear()
    bench.stage.steps.clear()
    text = "one" + offer.insert
    bench.session.accepted(offer.id)
    bench.type(text)
    return text


async def test_the_next_suggestion_is_made_ahead(make: Callable[..., Bench]) -> None:
    bench = make(TYPING)
    await until(lambda: bench.status == "ready")
    text = await accepted_suggestion(bench)
    await until(lambda: bench.at("suggest", text), "work ahead")
    bench.stage.free.set()
    await bench.idle()
    assert inserted(await answer(bench.ask(len(text)))) == continuation(text)
    assert bench.session.stats()["fromMemory"] == 1


async def test_a_request_joins_what_is_made_ahead(make: Callable[..., Bench]) -> None:
    bench = make(TYPING)
    await until(lambda: bench.status == "ready")
    text = await accepted_suggestion(bench)
    await until(lambda: bench.at("suggest", text))
    task = bench.ask(len(text))
    await settle()
    bench.stage.free.set()
    assert inserted(await answer(task)) == continuation(text)


async def test_typing_what_is_made_ahead_does_not_end_it(make: Callable[..., Bench]) -> None:
    bench = make(TYPING)
    await until(lambda: bench.status == "ready")
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


async def test_an_accept_heard_after_the_next_request_does_not_end_its_work(make: Callable[..., Bench]) -> None:
    bench = make(TYPING)
    await until(lambda: bench.status == "ready")
    bench.open("one")
    bench.stage.free.set()
    offer = await answer(bench.ask(3))
    assert offer is not None
    await bench.idle()
    bench.stage.free.clear()
    text = "one" + offer.insert
    bench.type(text)
    task = await bench.asked(len(text))
    bench.session.accepted(offer.id)
    await settle()
    bench.stage.free.set()
    assert inserted(await answer(task)) == continuation(text)


async def test_reports_are_counted_and_unknown_ids_ignored(bench: Bench) -> None:
    bench.session.accepted("nonsense")
    for event in ("show", "acceptPartial", "reject"):
        bench.session.reported(event, "nonsense")
    assert bench.session.stats()["events"] == {"show": 1, "accept": 1, "acceptPartial": 1, "reject": 1}


# ---- pausing -----------------------------------------------------------------------------------------------------


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


async def test_a_request_that_waits_when_all_is_paused_begins_no_work(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, debounce_min=30, debounce_max=30))
    await until(lambda: bench.status == "ready")
    bench.open("one")
    bench.type("one ")
    task = bench.ask(4)
    await settle()
    bench.session.pause(None, on=True)
    bench.stage.free.set()
    assert await answer(task) is None
    assert bench.stage.steps == []


async def test_pausing_ends_the_filling_of_the_window(make: Callable[..., Bench]) -> None:
    bench = make(TYPING)
    await until(lambda: bench.status == "ready")
    bench.stage.needs_fill = True
    bench.open("one")
    bench.type("one ")
    bench.stage.grant()
    await until(lambda: bench.at("fill", "one "), "the filling")
    bench.session.pause(None, on=True)
    await bench.idle()
    assert [step.kind for step in bench.stage.steps] == ["warm"]


async def test_pausing_while_the_model_loads(make: Callable[..., Bench]) -> None:
    bench = make(start=False)
    bench.loads.hold.set()
    bench.session.start()
    bench.session.pause(None, on=True)
    assert bench.status == "loading"
    bench.loads.let_one()
    await until(lambda: bench.status == "paused")


# ---- the model ---------------------------------------------------------------------------------------------------


async def test_a_request_before_the_model_is_there_waits_for_it(make: Callable[..., Bench]) -> None:
    bench = make(start=False)
    bench.stage.free.set()
    bench.open("one")
    task = bench.ask(3)
    await settle()
    bench.session.start()
    assert inserted(await answer(task)) == continuation("one")
    assert bench.ear.states == ["loading", "ready", "busy", "ready"]


async def test_a_model_that_cannot_be_loaded_answers_nothing(
    make: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    bench = make(evolve(AT_ONCE, model="missing"), start=False)
    bench.open("one")
    task = bench.ask(3)
    await settle()
    bench.session.start()
    assert await answer(task) is None
    await until(lambda: bench.status == "error")
    assert bench.session.status.message == "missing is not there"
    assert bench.ear.ends == ["missing is not there"]
    assert await answer(bench.ask(3)) is None
    assert "missing is not there" in caplog.text


async def test_another_model_after_one_that_failed(
    make: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    bench = make(evolve(AT_ONCE, model="missing"))
    await until(lambda: bench.status == "error")
    caplog.clear()
    bench.session.configure(evolve(AT_ONCE, model="second"))
    await until(lambda: bench.status == "ready")
    assert (bench.session.status.model, bench.session.status.message) == ("second", None)
    bench.stage.free.set()
    bench.open("one")
    assert await answer(bench.ask(3)) is not None


async def test_settings_that_leave_the_engine_alone_do_not_load_it_again(bench: Bench) -> None:
    bench.session.configure(evolve(AT_ONCE, max_tokens=7))
    await settle()
    assert bench.loads.begun == ["nano"]
    assert bench.status == "ready"


async def test_a_request_during_a_switch_is_answered_by_the_new_model(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    bench.session.configure(evolve(AT_ONCE, model="second"))
    assert bench.status == "loading"
    other = bench.ask(2)
    bench.stage.free.set()
    assert await superseded(task)
    assert inserted(await answer(other)) == continuation("on")
    assert {step.model for step in bench.stage.steps} == {"second"}
    await until(lambda: bench.status == "ready")
    assert bench.session.status.model == "second"


async def test_running_work_is_done_again_by_the_new_model(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    bench.stage.grant()
    await until(lambda: len(bench.stage.steps) == 1)
    bench.session.configure(evolve(AT_ONCE, model="second"))
    await until(lambda: bench.at("suggest", "one") and bench.stage.waiting.model == "second")  # type: ignore[union-attr]
    bench.stage.free.set()
    assert inserted(await answer(task)) == continuation("one")
    await bench.idle()
    assert bench.status == "ready"


async def test_what_an_earlier_model_said_is_forgotten(bench: Bench) -> None:
    bench.open("one")
    bench.stage.free.set()
    await answer(bench.ask(3))
    bench.session.configure(evolve(AT_ONCE, model="second"))
    await until(lambda: bench.status == "ready")
    bench.stage.steps.clear()
    await answer(bench.ask(3))
    assert {step.model for step in bench.stage.steps} == {"second"}


async def test_a_load_that_ends_after_another_was_asked_for_is_not_taken(make: Callable[..., Bench]) -> None:
    bench = make(start=False)
    bench.loads.hold.set()
    bench.session.start()
    await until(lambda: bench.loads.begun == ["nano"])
    bench.session.configure(evolve(AT_ONCE, model="second"))
    bench.loads.let_one()
    await until(lambda: bench.loads.begun == ["nano", "second"])
    await settle()
    assert bench.status == "loading"
    assert bench.session.runtime is None
    bench.loads.let_one()
    await until(lambda: bench.status == "ready")
    assert bench.session.status.model == "second"
    assert bench.ear.states == ["loading", "ready"]


async def test_a_failed_load_does_not_disturb_the_one_asked_for_after_it(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, model="missing"), start=False)
    bench.loads.hold.set()
    bench.session.start()
    await until(lambda: bench.loads.begun == ["missing"])
    bench.session.configure(evolve(AT_ONCE, model="second"))
    bench.open("one")
    task = bench.ask(3)
    bench.stage.free.set()
    bench.loads.let_one()
    bench.loads.let_one()
    assert inserted(await answer(task)) == continuation("one")
    assert "error" not in bench.ear.states
    assert bench.status == "ready"


# ---- failures ----------------------------------------------------------------------------------------------------


async def test_a_failure_is_logged_and_answered_with_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.stage.fail = lambda _step: ZeroDivisionError("oh")
    bench.stage.free.set()
    bench.open("one")
    assert await answer(bench.ask(3)) is None
    assert "ZeroDivisionError" in caplog.text
    await bench.idle()
    assert bench.status == "ready"
    bench.stage.fail = lambda _step: None
    assert await answer(bench.ask(3)) is not None


async def test_an_engine_that_fails_is_loaded_again_a_few_times(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.stage.fail = lambda _step: EngineFailed("the library broke.")
    bench.stage.free.set()
    bench.open("one")
    for loads in (2, 3, 4):
        assert await answer(bench.ask(3)) is None
        await until(lambda loads=loads: len(bench.loads.begun) == loads and bench.status == "ready")  # type: ignore[misc]
    assert await answer(bench.ask(3)) is None
    await until(lambda: bench.status == "error")
    assert "the library broke." in str(bench.session.status.message)
    assert await answer(bench.ask(3)) is None
    await bench.idle()
    assert bench.status == "error"
    assert caplog.records


async def test_a_listener_that_fails_loses_no_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object) -> None:
        raise BrokenPipeError("the client has gone")

    bench.open("one")
    task = await bench.asked(3)
    bench.stage.fail = lambda _step: EngineFailed("broke")
    monkeypatch.setattr(Ear, "loading", broken)
    caplog.set_level(logging.CRITICAL + 1)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    bench.stage.free.set()
    assert await answer(task) is None


# ---- status ------------------------------------------------------------------------------------------------------


async def test_busy_while_something_is_generated_and_ready_after(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    await until(lambda: bench.status == "busy")
    bench.stage.free.set()
    await answer(task)
    assert bench.status == "ready"
    assert bench.ear.states == ["loading", "ready", "busy", "ready"]


async def test_busy_until_the_last_document_has_its_answer(bench: Bench) -> None:
    bench.open("one", A)
    bench.open("two", B)
    first = await bench.asked(3, A)
    second = bench.ask(3, B)
    await settle()
    bench.stage.grant(3)
    await answer(first)
    await until(lambda: bench.at("suggest", "two"))
    await settle()
    assert bench.status == "busy"
    bench.stage.free.set()
    await answer(second)
    await bench.idle()
    assert bench.status == "ready"


async def test_an_early_piece_then_more(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, refresh=True))
    await until(lambda: bench.status == "ready")
    bench.open("one")
    task = await bench.asked(3)
    bench.stage.grant()
    piece = inserted(await answer(task))
    assert piece == continuation("one")[: LENGTH // 3]
    assert bench.status == "busy"
    bench.stage.free.set()
    await until(lambda: bench.ear.refreshes == [A])
    whole = inserted(await answer(bench.ask(3)))
    assert whole.startswith(piece)
    assert whole == continuation("one")
    await bench.idle()
    assert bench.status == "ready"


# ---- prefill -----------------------------------------------------------------------------------------------------


async def test_a_key_evaluates_ahead_and_a_request_goes_first(make: Callable[..., Bench]) -> None:
    bench = make(TYPING)
    await until(lambda: bench.status == "ready")
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


async def test_a_broken_prefill_is_logged(make: Callable[..., Bench], caplog: pytest.LogCaptureFixture) -> None:
    bench = make(TYPING)
    await until(lambda: bench.status == "ready")

    def fail(step: Step) -> BaseException | None:
        return ZeroDivisionError("oh") if step.kind == "warm" else None

    bench.stage.fail = fail
    bench.stage.free.set()
    bench.open("one")
    bench.type("one ")
    await until(lambda: "ZeroDivisionError" in caplog.text)
    assert await answer(bench.ask(4)) is not None


# ---- the end -----------------------------------------------------------------------------------------------------


async def test_closing_a_document_supersedes_its_requests(bench: Bench) -> None:
    bench.open("one")
    task = await bench.asked(3)
    bench.session.close_document(A)
    assert await superseded(task)
    assert await answer(bench.ask(3)) is None
    await bench.idle()
    assert bench.loads.runtimes[0].forgotten == [A]
    bench.session.close_document(A)
    bench.open("two")
    bench.stage.free.set()
    assert inserted(await answer(bench.ask(3))) == continuation("two")


async def test_closing_the_session_answers_all_that_wait(make: Callable[..., Bench]) -> None:
    bench = make(evolve(AT_ONCE, debounce_min=9_000, debounce_max=9_000))
    await until(lambda: bench.status == "ready")
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


async def test_closing_while_the_model_loads(make: Callable[..., Bench]) -> None:
    bench = make(start=False)
    bench.loads.hold.set()
    bench.open("one")
    task = bench.ask(3)
    bench.session.start()
    await until(lambda: bench.loads.begun)
    bench.loads.let_one()
    bench.session.close()
    assert await superseded(task)
