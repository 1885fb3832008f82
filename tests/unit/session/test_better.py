"""What a larger model says later takes the place of what was shown, unless that was typed into."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from starcoder_lsp.errors import EngineUnavailable
from tests.support.fakes import FakeCompleter, continuation, settle, until
from tests.support.session_bench import AT_ONCE, A, Bench, answer, inserted

if TYPE_CHECKING:
    from starcoder_lsp.completer import Answer, Ask, Watch
    from starcoder_lsp.engine.base import CancelToken
    from tests.support.session_bench import Ready

REFRESHING = evolve(AT_ONCE, refresh=True)
LARGER = "from the larger model"


class Two:
    """Makes a bench's model answer as a chain does: at once, with something better to come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.better: Future[Answer] = Future()
        self.first: Answer | None = None
        suggest = FakeCompleter.suggest

        def both(completer: FakeCompleter, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
            answer = suggest(completer, ask, cancel, watch)
            if self.first is not None or not ask.replaceable:
                return evolve(answer, model="small")
            self.first = answer
            return evolve(answer, model="small", better=self.better)

        monkeypatch.setattr(FakeCompleter, "suggest", both)

    def say(self, text: str = LARGER, finish: str = "stop") -> None:
        assert self.first is not None
        self.better.set_result(evolve(self.first, text=text, finish=finish, model="large"))


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Two:
    return Two(monkeypatch)


async def shown(bench: Bench) -> None:
    bench.open("one")
    bench.stage.free.set()
    offer = await answer(bench.ask(3))
    assert offer is not None
    assert (offer.insert, offer.model) == (continuation("one"), "small")


async def test_it_takes_its_place(ready: Ready, two: Two) -> None:
    bench = await ready(REFRESHING)
    await shown(bench)
    two.say()
    await until(lambda: bench.ear.refreshes == [A])
    offer = await answer(bench.ask(3))
    assert offer is not None
    assert (offer.insert, offer.model) == (LARGER, "large")
    assert bench.session.stats()["fromMemory"] == 1


async def test_it_goes_on_while_it_is_typed_through(ready: Ready, two: Two) -> None:
    bench = await ready(REFRESHING)
    await shown(bench)
    two.say()
    await until(lambda: bench.ear.refreshes)
    bench.type("one" + LARGER[:3])
    assert inserted(await answer(bench.ask(6))) == LARGER[3:]


async def test_not_where_it_was_typed_into(ready: Ready, two: Two) -> None:
    bench = await ready(REFRESHING)
    await shown(bench)
    whole = continuation("one")
    bench.type("one" + whole[0])
    two.say()
    await settle()
    assert bench.ear.refreshes == []
    assert inserted(await answer(bench.ask(4))) == whole[1:]


async def test_not_where_the_cursor_went_elsewhere(ready: Ready, two: Two) -> None:
    bench = await ready(REFRESHING)
    await shown(bench)
    await answer(bench.ask(1))
    two.say()
    await settle()
    assert bench.ear.refreshes == []


async def test_not_where_the_document_was_closed(ready: Ready, two: Two) -> None:
    bench = await ready(REFRESHING)
    await shown(bench)
    bench.session.close_document(A)
    two.say()
    await settle()
    assert bench.ear.refreshes == []


@pytest.mark.parametrize(
    ("text", "finish"),
    [("", "stop"), (LARGER, "cancelled"), (continuation("one"), "stop")],
)
async def test_not_where_it_is_nothing_better(text: str, finish: str, ready: Ready, two: Two) -> None:
    bench = await ready(REFRESHING)
    await shown(bench)
    two.say(text, finish)
    await settle()
    assert bench.ear.refreshes == []
    assert inserted(await answer(bench.ask(3))) == continuation("one")


async def test_a_failure_of_it_is_nobodys_business(ready: Ready, two: Two) -> None:
    bench = await ready(REFRESHING)
    await shown(bench)
    two.better.set_exception(EngineUnavailable("away"))
    await settle()
    assert bench.ear.refreshes == []


async def test_a_client_that_cannot_refresh_is_not_asked_to(ready: Ready, two: Two) -> None:
    bench = await ready(AT_ONCE)
    await shown(bench)
    await settle()
    assert two.first is None, "it was offered something better"


async def test_a_server_that_is_away_is_said_in_the_status_and_loads_nothing_again(ready: Ready) -> None:
    bench = await ready(AT_ONCE)
    bench.stage.fail = lambda _step: EngineUnavailable("http://gpu cannot be reached.")
    bench.stage.free.set()
    bench.open("one")
    assert await answer(bench.ask(3)) is None
    await until(lambda: bench.session.status.message == "http://gpu cannot be reached.")
    assert bench.loads.begun == ["nano"]
    bench.stage.fail = lambda _step: None
    assert await answer(bench.ask(3)) is not None
    assert bench.session.status.message is None
