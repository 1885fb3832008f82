"""Races: random editors against a real session, worker thread and wire, over a model whose steps the test grants.

What must hold, whatever is opened, changed, asked, cancelled, closed, paused or switched, in whatever order:

- every request gets exactly one response;
- no step is done for a request that was cancelled or superseded, after the engine's next checkpoint;
- a suggestion belongs to the text it was asked for;
- when nothing is asked any more, the worker rests and the state is at rest too;
- no document, nor anything that changes, is touched on the worker's thread.
"""

from __future__ import annotations

import asyncio
import random
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from starcoder_lsp.completion.cache import SuggestionCache
from starcoder_lsp.completion.rhythm import Rhythm
from starcoder_lsp.session.document import Document
from starcoder_lsp.session.making import Making
from tests.support.fakes import continuation, settle, until
from tests.support.racing_client import URIS, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
MUTABLE: tuple[type, ...] = (Document, Making, SuggestionCache, Rhythm)


@pytest.fixture(autouse=True)
def _mutable_state_stays_on_its_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail if an attribute of what changes is looked at from the worker's thread."""
    strays: list[str] = []

    def watch(kind: type) -> None:
        def look(self: object, name: str) -> Any:
            if threading.current_thread().name == "engine":
                strays.append(f"{kind.__name__}.{name}")
            return object.__getattribute__(self, name)

        monkeypatch.setattr(kind, "__getattribute__", look)

    for kind in MUTABLE:
        watch(kind)
    yield
    assert strays == []


class Editing(RuleBasedStateMachine):
    """Hypothesis chooses what the user and the engine do next; both sides go on step by step."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.client = self.loop.run_until_complete(self._start())

    @staticmethod
    async def _start() -> Client:
        client = Client()
        await until(lambda: client.loads.completers, "the load")
        await settle()
        return client

    def _do(self, act: Callable[[], T]) -> T:
        """Act on the loop's thread, while the loop runs, and let everything happen that is then ready to."""

        async def acting() -> T:
            done = act()
            await settle()
            return done

        return self.loop.run_until_complete(acting())

    @rule(uri=st.sampled_from(URIS), text=st.sampled_from(["", "x = 1", "def f(a, b):"]))
    def open(self, uri: str, text: str) -> None:
        self._do(lambda: self.client.open(uri, text))

    @precondition(lambda self: self.client.texts)
    @rule(which=st.integers(0, 2), what=st.sampled_from(["(", "x", " = ", "through", "back", "other", "same"]))
    def type(self, which: int, what: str) -> None:
        uri = self._uri(which)
        text = self.client.texts[uri]
        if what == "through":
            asked = [one for one in self.client.asked.values() if one.uri == uri and one.text == text]
            prefix = asked[-1].text[: asked[-1].offset] if asked else text
            new = prefix + continuation(prefix)[:2] + text[len(prefix) :]
        else:
            new = {"back": text[:-1], "other": "y = 2", "same": text}.get(what, text + what)
        self._do(lambda: self.client.type(uri, new))

    @precondition(lambda self: self.client.texts)
    @rule(
        target=requests, which=st.integers(0, 2), at=st.sampled_from(["end", "middle", "start"]), manual=st.booleans()
    )
    def ask(self, which: int, at: str, *, manual: bool) -> Any:
        uri = self._uri(which)
        length = len(self.client.texts[uri])
        offset = {"end": length, "middle": length // 2, "start": 0}[at]
        return self._do(lambda: self.client.ask(uri, offset, manual=manual))

    @precondition(lambda self: self.client.texts)
    @rule(target=requests, which=st.integers(0, 2), count=st.integers(2, 5))
    def ask_in_a_burst(self, which: int, count: int) -> Any:
        uri = self._uri(which)
        length = len(self.client.texts[uri])

        def ask() -> list[int]:
            return [self.client.ask(uri, max(0, length - step), manual=bool(step % 2)) for step in range(count)]

        return multiple(*self._do(ask))

    @rule(identity=requests)
    def cancel(self, identity: int) -> None:
        self._do(lambda: self.client.cancel(identity))

    @rule(identity=consumes(requests))
    def cancel_at_once_what_is_asked_again(self, identity: int) -> None:
        """Cancel, and ask at the same place in the same breath."""
        asked = self.client.asked[identity]

        def act() -> None:
            self.client.cancel(identity)
            if self.client.texts.get(asked.uri) == asked.text:
                self.client.ask(asked.uri, asked.offset, manual=True)

        self._do(act)

    @rule(identity=requests)
    def accept(self, identity: int) -> None:
        self._do(lambda: self.client.accept(identity))

    @precondition(lambda self: self.client.texts)
    @rule(which=st.integers(0, 2))
    def close(self, which: int) -> None:
        self._do(lambda: self.client.close_document(self._uri(which)))

    @rule(on=st.booleans(), uri=st.sampled_from([None, *URIS]))
    def pause(self, uri: str | None, *, on: bool) -> None:
        self._do(lambda: self.client.command("pause" if on else "resume", *([uri] if uri else [])))

    @rule(name=st.sampled_from(["nano", "second", "missing"]), hold=st.booleans())
    def switch(self, name: str, *, hold: bool) -> None:
        if hold:
            self.client.loads.hold.set()
        else:
            self.client.loads.hold.clear()
        self._do(lambda: self.client.switch(name))

    @rule()
    def let_a_load_end(self) -> None:
        self._do(self.client.loads.let_one)

    @rule(count=st.integers(1, 4))
    def grant(self, count: int) -> None:
        """Let the engine do some steps, and wait until it has done them or has nothing to do."""
        self.loop.run_until_complete(self._grant(count))

    async def _grant(self, count: int) -> None:
        stage, loads, stats = self.client.stage, self.client.loads, self.client.app.session.stats
        for _ in range(count):
            self.client.check_steps()
            stage.grant()
            await until(lambda: stage.used_up or stats()["idle"] or loads.waiting, "a granted step")
            stage.revoke()
            await settle()
            self.client.check_steps()

    @invariant()
    def one_response_each(self) -> None:
        self.client.check_responses()

    def teardown(self) -> None:
        try:
            self.loop.run_until_complete(self.client.rest())
        finally:
            self.loop.run_until_complete(self.client.end())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def _uri(self, which: int) -> str:
        known = sorted(self.client.texts)
        return known[which % len(known)]


@pytest.mark.slow
def test_an_editor_that_does_anything_at_any_time() -> None:
    run_state_machine_as_test(
        Editing,
        settings=settings(max_examples=40, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )


def _one_act(client: Client, draw: random.Random) -> None:
    uri = draw.choice(URIS)
    if uri not in client.texts:
        client.open(uri, "y")
        return
    text, recent = client.texts[uri], list(client.asked)[-5:] or [client.ask(uri, 0, manual=True)]
    acts: list[tuple[int, Callable[[], object]]] = [
        (35, lambda: client.type(uri, text[: draw.randrange(40)] + draw.choice("abc("))),
        (40, lambda: client.ask(uri, draw.randrange(len(text) + 1), manual=draw.random() < 0.5)),
        (15, lambda: client.cancel(draw.choice(recent))),
        (3, lambda: client.close_document(uri)),
        (2, lambda: client.command(draw.choice(["pause", "resume"]), uri)),
        (2, lambda: client.switch(draw.choice(["nano", "second", "missing"]))),
        (3, lambda: client.accept(draw.choice(recent))),
    ]
    [act] = draw.choices([act for _weight, act in acts], [weight for weight, _act in acts])
    act()


@pytest.mark.parametrize("seed", range(3))
async def test_a_fast_typist(seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Both sides run freely, as fast as they can: no step is waited for."""
    monkeypatch.setattr(Client, "check_steps", lambda _self: None)
    caplog.set_level("CRITICAL")
    draw = random.Random(seed)  # noqa: S311 - it is no secret
    client = Client()
    client.stage.free.set()
    for uri in URIS:
        client.open(uri, "x = 1")
    for _ in range(200):
        _one_act(client, draw)
        await asyncio.sleep(0)  # as between two messages on a wire: a request's first step comes before the next one
        if draw.random() < 0.1:
            await asyncio.sleep(0.001)
    await client.rest()
    await client.end()
