"""The fixtures of a session's tests."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.session import Session
from tests.support.fakes import Ear, Loads, Stage, settle, until
from tests.support.session_bench import AT_ONCE, Bench, no_early_piece

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starcoder_lsp.config import Settings
    from tests.support.session_bench import Make, Ready


@pytest.fixture
def early_pieces() -> None:
    """Who asks is given the first piece after a while, as editors are: for tests of pieces."""


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """In other tests who asks is given the whole, however long the machine stalls."""
    with nullcontext() if "early_pieces" in request.fixturenames else no_early_piece():
        yield


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Bench] = []

    def make_bench(settings: Settings = AT_ONCE, *, start: bool = True) -> Bench:
        stage, ear = Stage(), Ear()
        loads = Loads(stage)
        session = Session(ear, settings=settings, load_completer=loads)
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
def ready(make: Make) -> Ready:
    async def ready_bench(settings: Settings) -> Bench:
        made = make(settings)
        await until(lambda: made.status == "ready" and made.session.stats()["idle"], "the load")
        return made

    return ready_bench


@pytest.fixture
async def bench(ready: Ready) -> Bench:
    return await ready(AT_ONCE)
