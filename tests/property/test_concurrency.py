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
import json
import random
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from attrs import define, field
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
from starcoder_lsp.config import Settings
from starcoder_lsp.server.app import App
from starcoder_lsp.session import Session
from starcoder_lsp.session.document import Document, Making
from tests.support.code import long_text
from tests.support.fakes import Loads, Stage, continuation, is_continuation, settle, until
from tests.support.wire import QUICK, Message, place, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.fakes import Step
    from tests.support.wire import Wire

T = TypeVar("T")
URIS = ("file:///a.py", "file:///b.py", "file:///c.py")
CANCELLED = -32800
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


@define(eq=False)
class Asked:
    """A request, and what it asked about."""

    identity: int
    uri: str
    text: str
    offset: int
    cancelled: bool = False
    superseded: bool = False

    @property
    def wanted(self) -> bool:
        return not self.cancelled and not self.superseded


@define(eq=False)
class Client:
    """A client inside the test's process: real server code, its output kept, a fake model behind it."""

    stage: Stage = field(factory=Stage)
    loads: Loads = field(init=False)
    app: App = field(init=False)
    outbox: list[Message] = field(factory=list)
    asked: dict[int, Asked] = field(factory=dict)
    texts: dict[str, str] = field(factory=dict)
    _answers: dict[Any, list[Message]] = field(factory=dict)
    _version: int = 1
    _seen_steps: int = 0

    def __attrs_post_init__(self) -> None:
        self.loads = Loads(self.stage)
        self.app = App(
            Settings(debounce_min=0, debounce_max=0, prefill_while_typing="always"),
            lambda listener, **rest: Session(listener, load_runtime=self.loads, **rest),
        )
        self.app.server.protocol.set_writer(self, include_headers=False)
        self.send({"id": "hello", "method": "initialize", "params": {"processId": None, "capabilities": {}}})
        self.send({"method": "initialized", "params": {}})

    # What pygls asks of a writer.
    def write(self, data: bytes) -> None:
        message = json.loads(data)
        self.outbox.append(message)
        if "method" not in message:
            self._answers.setdefault(message["id"], []).append(message)

    def close(self) -> None:
        """Nothing is open."""

    def send(self, message: Message) -> None:
        """Hand a message to the server, as if it had just been read."""
        body = json.dumps({"jsonrpc": "2.0"} | message)
        protocol = self.app.server.protocol
        protocol.handle_message(json.loads(body, object_hook=protocol.structure_message))

    def notify(self, method: str, params: object) -> None:
        self.send({"method": method, "params": params})

    # ---- what a user does ------------------------------------------------------------------------------------------

    def open(self, uri: str, text: str) -> None:
        self._supersede(uri)
        self.texts[uri] = text
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def type(self, uri: str, text: str) -> None:
        self._version += 1
        self.texts[uri] = text
        document = {"uri": uri, "version": self._version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def close_document(self, uri: str) -> None:
        self._supersede(uri)
        del self.texts[uri]
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def ask(self, uri: str, offset: int, *, manual: bool) -> int:
        self._supersede(uri)
        identity = len(self.asked)
        self.asked[identity] = Asked(identity, uri, self.texts[uri], offset)
        params = place(uri, 0, offset, manual=manual)
        self.send({"id": identity, "method": "textDocument/inlineCompletion", "params": params})
        return identity

    def cancel(self, identity: int) -> None:
        self.asked[identity].cancelled = True
        self.notify("$/cancelRequest", {"id": identity})

    def command(self, name: str, *arguments: object) -> None:
        identity = f"command-{len(self.outbox)}-{name}"
        params = {"command": f"starcoder.{name}", "arguments": list(arguments)}
        self.send({"id": identity, "method": "workspace/executeCommand", "params": params})

    def _supersede(self, uri: str) -> None:
        for asked in self.asked.values():
            if asked.uri == uri:
                asked.superseded = True

    # ---- what must hold --------------------------------------------------------------------------------------------

    def responses(self, identity: object) -> list[Message]:
        return self._answers.get(identity, [])

    def check_responses(self) -> None:
        """No request was answered twice, and what was answered belongs to what was asked."""
        for identity, messages in self._answers.items():
            assert len(messages) == 1, messages
            asked, message = self.asked.get(identity), messages[0]
            if asked is None:
                continue
            if "error" in message:
                assert message["error"]["code"] == CANCELLED
                assert asked.cancelled
            elif message["result"] is not None:
                for item in message["result"]["items"]:
                    assert is_continuation(asked.text[: asked.offset], item["insertText"])

    def check_steps(self) -> None:
        """Each suggestion's step since the last look was done for a request that was wanted then."""
        steps: list[Step] = self.stage.steps[self._seen_steps :]
        self._seen_steps = len(self.stage.steps)
        newest = {asked.uri: asked for asked in self.asked.values() if asked.wanted}
        for step in steps:
            if step.kind != "suggest" or step.ask.uri in self._ahead:
                continue
            asked = newest.get(step.ask.uri)
            assert asked is not None, f"a step for {step.ask.uri}, of which nothing is wanted"

    _ahead: set[str] = field(factory=set)
    """Documents in which a suggestion was accepted: there the next one is made without being asked for."""

    def accept(self, identity: int) -> None:
        """Accept what was answered to a request, if anything was and its text is still there."""
        asked, answers = self.asked[identity], self.responses(identity)
        if not answers or not (answers[0].get("result") or {}).get("items") or asked.uri not in self.texts:
            return
        [item] = answers[0]["result"]["items"]
        self._ahead.add(asked.uri)
        if self.texts[asked.uri] == asked.text:
            self.type(asked.uri, asked.text[: asked.offset] + item["insertText"] + asked.text[asked.offset :])
        self.command("accept", item["command"]["arguments"][0])

    async def rest(self) -> None:
        """Let everything come to its end, and check how it ended."""
        self.stage.free.set()
        self.loads.hold.clear()
        for _ in range(len(self.loads.begun) + 50):
            self.loads.let_one()
        await until(lambda: all(self.responses(identity) for identity in self.asked), "every request's response")
        await until(lambda: self.app.session.stats()["idle"], "the worker's rest")
        await settle()
        self.check_responses()
        state = self.app.session.status.state
        assert state in {"ready", "paused", "error"}, state

    async def end(self) -> None:
        self.stage.free.set()
        for _ in range(len(self.loads.begun) + 50):
            self.loads.let_one()
        self.app.close()
        await settle()


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
        await until(lambda: client.loads.runtimes, "the load")
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

    @rule(name=st.sampled_from(["nano", "/second.gguf", "/missing.gguf"]), hold=st.booleans())
    def switch(self, name: str, *, hold: bool) -> None:
        if hold:
            self.client.loads.hold.set()
        else:
            self.client.loads.hold.clear()
        self._do(lambda: self.client.command("switchModel", name))

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
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
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
        (2, lambda: client.command("switchModel", draw.choice(["nano", "/second.gguf"]))),
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


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_the_real_server_under_a_random_editor(seed: int) -> None:
    """The process, its pipes and nano: count the responses by id."""
    draw = random.Random(seed)  # noqa: S311 - it is no secret
    texts = {uri: long_text(seed, lines=20) for uri in URIS}
    async with serving(options_of(seed)) as wire:
        for uri, text in texts.items():
            wire.open(uri, text)
        requests = await _random_editing(wire, draw, texts)
        for identity in requests:
            await wire.response(identity)
        await wire.stats()
        await wire.state("ready")
        for identity in requests:
            [message] = wire.responses(identity)
            assert "result" in message or message["error"]["code"] == CANCELLED
        assert await wire.shut_down() == 0
        assert "Traceback" not in wire.log.decode()


def options_of(seed: int) -> Message:
    return {**QUICK, "prefillWhileTyping": "always" if seed % 2 else "never", "debounceMax": 30 * seed}


async def _random_editing(wire: Wire, draw: random.Random, texts: dict[str, str]) -> list[int]:
    requests: list[int] = []
    for version in range(2, 200):
        uri = draw.choice(URIS)
        action = draw.random()
        if action < 0.4:
            lines = texts[uri].split("\n")
            lines[draw.randrange(len(lines))] += draw.choice(["x", " = ", "(", "🦀"])
            texts[uri] = "\n".join(lines)
            wire.change(uri, version, texts[uri])
        elif action < 0.8:
            requests.append(wire.ask(uri, draw.randrange(22), draw.randrange(40), manual=draw.random() < 0.5))
        elif action < 0.95 and requests:
            wire.notify("$/cancelRequest", {"id": draw.choice(requests[-4:])})
        else:
            wire.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
            wire.open(uri, texts[uri])
        if draw.random() < 0.3:
            await asyncio.sleep(draw.choice([0, 0.01, 0.05]))
    return requests
