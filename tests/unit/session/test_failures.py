"""Something fails in the engine or in who listens: a request is answered all the same."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starcoder_lsp.errors import EngineFailed
from tests.support.fakes import Ear, until
from tests.support.session_bench import answer

if TYPE_CHECKING:
    import pytest

    from tests.support.session_bench import Bench


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
