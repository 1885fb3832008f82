"""The model is loaded, cannot be loaded, or is changed for another."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from attrs import evolve

from starcoder_lsp.errors import Cancelled
from tests.support.fakes import PATIENCE, continuation, settle, until
from tests.support.session_bench import AT_ONCE, answer, inserted, superseded

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from starcoder_lsp.completer import Completer
    from starcoder_lsp.config import Settings
    from starcoder_lsp.engine.base import CancelToken
    from tests.support.session_bench import Bench, Make


async def test_a_request_before_the_model_is_there_waits_for_it(make: Make) -> None:
    bench = make(start=False)
    bench.stage.free.set()
    bench.open("one")
    task = bench.ask(3)
    await settle()
    bench.session.start()
    assert inserted(await answer(task)) == continuation("one")
    assert bench.ear.states == ["loading", "ready", "busy", "ready"]


async def test_a_model_that_cannot_be_loaded_answers_nothing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
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


async def test_another_model_after_one_that_failed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
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
    await until(lambda: bench.at("suggest", "one", model="second"))
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


async def test_a_load_that_ends_after_another_was_asked_for_is_not_taken(make: Make) -> None:
    bench = make(start=False)
    bench.loads.hold.set()
    bench.session.start()
    await until(lambda: bench.loads.begun == ["nano"])
    bench.session.configure(evolve(AT_ONCE, model="second"))
    bench.loads.let_one()
    await until(lambda: bench.loads.begun == ["nano", "second"])
    await settle()
    assert bench.status == "loading"
    assert bench.session.completer is None
    bench.loads.let_one()
    await until(lambda: bench.status == "ready")
    assert bench.session.status.model == "second"
    assert bench.ear.states == ["loading", "ready"]


async def test_a_failed_load_does_not_disturb_the_one_asked_for_after_it(make: Make) -> None:
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


async def test_the_same_model_can_be_asked_for_again_after_a_failed_load(make: Make) -> None:
    missing = evolve(AT_ONCE, model="missing")
    bench = make(missing)
    await until(lambda: bench.status == "error")
    bench.session.configure(missing)
    await until(lambda: bench.loads.begun == ["missing", "missing"])
    await until(lambda: bench.status == "error")


async def test_what_was_wrong_with_a_model_is_forgotten_once_nobody_asks_for_it(bench: Bench) -> None:
    bench.session.configure(evolve(AT_ONCE, model="missing"))
    await until(lambda: bench.status == "ready")
    wrong = bench.session.status
    bench.session.configure(AT_ONCE)
    assert (wrong.message is None, bench.session.status.message) == (False, None)
    assert bench.status == "ready"


async def test_a_load_is_cancelled_once_another_model_is_chosen(make: Make) -> None:
    bench = make(start=False)
    ended = threading.Event()

    def slow(_settings: Settings, report: Callable[[str, int | None], None], cancel: CancelToken) -> Completer:
        with contextlib.ExitStack() as stack:
            stack.callback(ended.set)
            report("Repacking", 1)
            assert cancel._event.wait(PATIENCE)
        raise Cancelled("another model was chosen")

    bench.session._keeper._load_completer = slow
    bench.session.start()
    await until(lambda: bench.session.status.progress)
    bench.session._keeper._load_completer = bench.loads
    bench.session.configure(evolve(AT_ONCE, model="second"))
    await until(lambda: bench.status == "ready")
    assert ended.is_set()
    assert bench.loads.begun == ["second"]


async def test_a_model_chosen_before_the_settings_are_known_stays_and_is_loaded_once(make: Make) -> None:
    bench = make(start=False)
    bench.session.configure(evolve(AT_ONCE, model="second"))
    bench.session.start(evolve(AT_ONCE, model="nano", max_tokens=7))
    await until(lambda: bench.status == "ready")
    await settle()
    assert bench.loads.begun == ["second"]
    assert (bench.session.settings.model, bench.session.settings.max_tokens) == ("second", 7)


async def test_a_switch_warms_the_document_in_use_only(make: Make) -> None:
    typing = evolve(AT_ONCE, prefill_while_typing="always", cache_disk=False)  # with it, each is kept after a rest
    bench = make(typing)
    await until(lambda: bench.status == "ready")
    bench.stage.free.set()
    for number in range(9):
        bench.open("one", f"file:///{number}.py")
        bench.type("one ", f"file:///{number}.py")
        await bench.idle()
    bench.stage.steps.clear()
    bench.session.configure(evolve(typing, model="second"))
    await until(lambda: bench.status == "ready")
    await bench.idle()
    assert [step.ask.document[1] for step in bench.stage.steps] == ["file:///8.py"]
