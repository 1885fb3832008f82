"""The newest request of a document wins, and a change that contradicts ends the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from tests.support.fakes import continuation, settle, until
from tests.support.session_bench import AT_ONCE, A, B, answer, inserted, superseded

if TYPE_CHECKING:
    from tests.support.session_bench import Bench, Ready


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
    first, second = await bench.asked_twice()
    bench.stage.free.set()
    assert await superseded(first)
    assert inserted(await answer(second)) == continuation("one")
    assert {step.run for step in bench.stage.steps} == {1}


async def test_work_for_the_old_place_ends_when_the_cursor_moves_not_after_the_wait(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, debounce_min=9_000, debounce_max=9_000))
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


@pytest.mark.usefixtures("early_pieces")
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


async def test_no_work_begins_for_a_text_that_changed_during_the_wait(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, debounce_min=30, debounce_max=30))
    task = await bench.asked_in_the_wait()
    bench.type("one X")
    bench.stage.free.set()
    assert await superseded(task)
    assert bench.stage.steps == []
