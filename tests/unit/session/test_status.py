"""What the client is told while something is generated: busy, a first piece, ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from tests.support.fakes import LENGTH, continuation, settle, until
from tests.support.session_bench import AT_ONCE, A, B, answer, inserted

if TYPE_CHECKING:
    from tests.support.session_bench import Bench, Ready


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


@pytest.mark.usefixtures("early_pieces")
async def test_an_early_piece_then_more(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, refresh=True))
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
