"""A client in the test's own process, over a model whose steps the test grants; it checks what must hold in races."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from starcoder_lsp.config import Settings
from starcoder_lsp.server.app import App
from starcoder_lsp.session import Session
from tests.support.fakes import Loads, Stage, is_continuation, settle, until
from tests.support.wire import place

if TYPE_CHECKING:
    from tests.support.fakes import Step
    from tests.support.wire import Message

URIS = ("file:///a.py", "file:///b.py", "file:///c.py")
CANCELLED = -32800


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
        """A cancelled one may go on for a moment: somebody may join."""
        return not self.superseded


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
            lambda listener, **rest: Session(listener, load_completer=self.loads, **rest),
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
        self.app.server.protocol.take_body(json.dumps({"jsonrpc": "2.0"} | message).encode())

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

    def switch(self, model: str) -> None:
        """Choose another model, as the command does once it has found the file."""
        session = self.app.session
        session.configure(evolve(session.settings, model=model))

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
            _client, uri = step.ask.document
            if step.kind != "suggest" or uri in self._ahead:
                continue
            assert newest.get(uri) is not None, f"a step for {uri}, of which nothing is wanted"

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
        assert not self.app.server.protocol.pending.owed()
        state = self.app.session.status.state
        assert state in {"ready", "paused", "error"}, state

    async def end(self) -> None:
        self.stage.free.set()
        for _ in range(len(self.loads.begun) + 50):
            self.loads.let_one()
        self.app.close()
        await settle()
