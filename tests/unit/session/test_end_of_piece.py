"""The user types to the end of what the model has written so far: its work goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from tests.support.fakes import LENGTH, continuation, settle, until
from tests.support.session_bench import AT_ONCE, A, answer, inserted, no_early_piece, superseded

if TYPE_CHECKING:
    import asyncio

    from starcoder_lsp.session import Offer
    from tests.support.session_bench import Bench, Ready

EARLY = evolve(AT_ONCE, refresh=True)
PIECE = LENGTH // 3
WHOLE = continuation("one")


async def first_piece(bench: Bench) -> asyncio.Task[Offer | None]:
    """Ask behind `one`, and let the model write its first piece."""
    bench.open("one")
    with no_early_piece():
        task = await bench.asked(3)
    bench.stage.grant()
    await until(lambda: len(bench.stage.steps) == 1 and bench.stage.waiting)
    await settle()
    return task


@pytest.mark.usefixtures("early_pieces")
async def test_a_request_at_its_end_waits_for_the_next_piece(ready: Ready) -> None:
    bench = await ready(EARLY)
    task = await first_piece(bench)
    bench.type("one" + WHOLE[:PIECE])
    newer = bench.ask(3 + PIECE)
    await settle()
    assert not newer.done()
    bench.stage.grant()
    assert inserted(await answer(newer)) == WHOLE[PIECE : 2 * PIECE]
    assert await superseded(task)
    bench.stage.free.set()
    await until(lambda: bench.ear.refreshes == [A])
    assert inserted(await answer(bench.ask(3 + PIECE))) == WHOLE[PIECE:]
    assert {step.run for step in bench.stage.steps} == {1}


async def test_typing_to_its_end_and_asking_later(ready: Ready) -> None:
    bench = await ready(AT_ONCE)
    await first_piece(bench)
    bench.type("one" + WHOLE[:PIECE])
    await settle()
    bench.stage.free.set()
    await bench.idle()
    assert inserted(await answer(bench.ask(3 + PIECE))) == WHOLE[PIECE:]
    assert {step.run for step in bench.stage.steps} == {1}


async def test_typing_past_its_end_begins_anew(bench: Bench) -> None:
    await first_piece(bench)
    text = "one" + WHOLE[:PIECE] + "!"
    bench.type(text)
    newer = bench.ask(len(text))
    bench.stage.free.set()
    assert inserted(await answer(newer)) == continuation(text)


async def test_a_new_one_is_made_where_nothing_follows_the_piece(ready: Ready) -> None:
    bench = await ready(AT_ONCE)
    await first_piece(bench)
    text = "one" + WHOLE[:PIECE]
    bench.type(text)
    newer = bench.ask(len(text))
    await settle()
    bench.stage.sure = False  # what follows is too doubtful to be shown
    bench.stage.grant(2)
    await until(lambda: bench.at("suggest", text), "a new suggestion")
    bench.stage.sure = True
    bench.stage.free.set()
    assert inserted(await answer(newer)) == continuation(text)


@pytest.mark.usefixtures("early_pieces")
async def test_who_is_shown_a_piece_from_memory_hears_of_the_whole(ready: Ready) -> None:
    bench = await ready(EARLY)
    await first_piece(bench)
    bench.type("one" + WHOLE[0])
    assert inserted(await answer(bench.ask(4))) == WHOLE[1:PIECE]
    bench.stage.free.set()
    await until(lambda: bench.ear.refreshes == [A])


async def test_what_ends_during_the_wait_is_not_made_again(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, debounce_min=200, debounce_max=200))
    bench.open("one")
    bench.type("one ")
    first = bench.ask(4, manual=True)
    await until(lambda: bench.at("suggest", "one "))
    second = bench.ask(4)
    await settle()
    bench.stage.free.set()
    assert await superseded(first)
    assert inserted(await answer(second)) == continuation("one ")
    assert {step.run for step in bench.stage.steps} == {1}
