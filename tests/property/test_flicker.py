"""Nothing that was shown is taken back: each answer at a place begins with what was answered there before."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest
from attrs import evolve

from starcoder_lsp.session import Session
from tests.support.fakes import Ear, Loads, Stage, settle, until
from tests.support.session_bench import AT_ONCE, A, Bench, answer

EARLY = evolve(AT_ONCE, refresh=True)
WORDS = ["", "f", "fo", "foo", "foo(", "foo(a", "foo(a)", "bar", "b", "foo = 1"]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def race(seed: int) -> tuple[int, int]:
    """Ask while a model writes pieces and a text that need not belong together; return (answers, withdrawn ones)."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    clock, stage, ear = Clock(), Stage(), Ear()
    loads = Loads(stage)
    session = Session(ear, settings=EARLY, load_completer=loads, clock=clock)
    session.start()
    bench = Bench(session, stage, loads, ear)
    try:
        await until(lambda: loads.completers, "the load")
        await settle()
        pieces = [rng.choice(WORDS[1:]) for _ in range(rng.randint(0, 4))]
        stage.script = (pieces, rng.choice(WORDS))
        if rng.random() < 0.2:
            stage.fail = lambda _step: ZeroDivisionError("oh") if len(stage.steps) > 1 else None
        bench.open("x = ")
        shown: list[str] = []
        task = await bench.asked(4)
        for _ in range(len(pieces) + 1):
            clock.now += 1.0  # so that what is there is answered early
            stage.grant()
            await until(lambda: stage.used_up or session.stats()["idle"], "a granted step")
            stage.revoke()
            await settle()
            if task.done():
                offer = task.result()
                shown.append(offer.insert if offer else "")
                refreshed = ear.refreshes.copy()
                ear.refreshes.clear()
                if session.stats()["idle"] and not refreshed:
                    break
                task = bench.ask(4)
                await settle()
        stage.free.set()
        offer = await answer(task)
        shown.append(offer.insert if offer else "")
        await bench.idle()
        if ear.refreshes == [A]:
            offer = await answer(bench.ask(4))
            shown.append(offer.insert if offer else "")
    finally:
        stage.free.set()
        session.close()
        await settle()
    withdrawn = sum(not later.startswith(before) for before, later in pairwise(shown))
    return len(shown), withdrawn


@pytest.mark.parametrize("seeds", [range(start, start + 10) for start in range(0, 60, 10)])
async def test_no_piece_is_withdrawn(seeds: range) -> None:
    results = [await asyncio.wait_for(race(seed), 60) for seed in seeds]
    assert sum(answers for answers, _withdrawn in results) >= len(seeds)
    assert [withdrawn for _answers, withdrawn in results] == [0] * len(seeds)
