"""A cancelled request: what of its work ends, and who else is answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from tests.support.fakes import continuation, settle
from tests.support.session_bench import AT_ONCE, answer, inserted, superseded

if TYPE_CHECKING:
    from tests.support.session_bench import Bench, Ready


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
    first, second = await bench.asked_twice()
    first.cancel()
    await settle()
    bench.stage.free.set()
    assert inserted(await answer(second)) == continuation("one")


async def test_cancelling_the_newer_of_two_that_share_the_work_ends_both(bench: Bench) -> None:
    first, second = await bench.asked_twice()
    second.cancel()
    assert await superseded(first)
    await bench.idle()
    assert bench.stage.steps == []


async def test_cancelling_during_the_wait(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, debounce_min=9_000, debounce_max=9_000))
    task = await bench.asked_in_the_wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.session.stats()["idle"]
