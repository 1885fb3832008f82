"""Whose turn it is on the one worker, and how long its end may take."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.support.fakes import settle, until
from tests.support.session_bench import TYPING, A, B, answer

if TYPE_CHECKING:
    import pytest

    from tests.support.session_bench import Make, Ready

C = "file:///c.py"


async def test_a_request_that_joins_what_is_made_ahead_goes_before_later_ones(ready: Ready) -> None:
    bench = await ready(TYPING)
    bench.open("one", A)
    bench.stage.free.set()
    offer = await answer(bench.ask(3, A))
    assert offer is not None
    await bench.idle()
    bench.stage.free.clear()
    bench.stage.steps.clear()
    text = "one" + offer.insert
    bench.session.accepted(offer.id)
    bench.type(text, A)
    await until(lambda: bench.at("suggest", text), "work ahead")
    bench.open("two", B)
    bench.open("three", C)
    others = [await bench.asked(3, B)]
    joined = bench.ask(len(text), A)
    await settle()
    others.append(bench.ask(5, C))
    await settle()
    bench.stage.free.set()
    for task in (joined, *others):
        assert await answer(task) is not None
    assert bench.stage.texts() == ["two", text, "three"]


async def test_the_end_waits_a_moment_and_once_for_what_does_not_listen(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    join, waits = threading.Thread.join, []

    def watched(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "engine":
            waits.append(timeout)
        join(thread, timeout)

    bench = make(start=False)
    bench.loads.hold.set()
    bench.session.start()
    await until(lambda: bench.loads.waiting)
    monkeypatch.setattr(threading.Thread, "join", watched)
    bench.session.close()
    bench.session.close()
    assert waits == [0.5]
