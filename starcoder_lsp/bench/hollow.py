"""A server with nothing behind it: the real protocol, session, tokenizer and prompts over an engine that does nothing.

For timing what everything but the engine costs; it writes one token and remembers when it was called.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from starcoder_lsp.completer import Speed, TokenCompleter
from starcoder_lsp.config import Settings, apply_options
from starcoder_lsp.engine.base import CancelToken, EngineInfo, Evaluation, Generation, OnToken, Token, common_prefix
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.server.app import App
from starcoder_lsp.server.messages import decode
from starcoder_lsp.session import Session
from starcoder_lsp.tokens.lines import LineEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.loading import Model

_WINDOW = 8192
_SLOTS = 4
_PATIENCE_S = 30.0
_FAST = Speed(prefill=1e6, decode=1e4)
"""So fast that no prompt is divided: every keystroke asks for the full window."""


@define(eq=False)
class HollowEngine:
    """An `Engine` whose evaluation takes no time. `token`: what it writes."""

    token: Token
    happened: Callable[[], None]
    """Called after each call of the engine, from its thread."""
    called: list[float] = field(factory=list)
    """When `generate` or `prefill` was called, perf_counter seconds."""
    returned: float = 0.0
    _slots: list[list[int]] = field(factory=lambda: [[] for _ in range(_SLOTS)])

    @property
    def info(self) -> EngineInfo:
        """What this engine is."""
        return EngineInfo("hollow", _WINDOW, _SLOTS)

    def cached(self, slot: int) -> Sequence[int]:
        """See `Engine.cached`."""
        return self._slots[slot]

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """See `Engine.reusable`."""
        return common_prefix(ids, self._slots[slot])

    def keep(self, slot: int) -> None:
        """See `Engine.keep`; it does nothing here."""

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """See `Engine.prefill`."""
        del cancel
        self.called.append(time.perf_counter())
        known = common_prefix(ids, self._slots[slot])
        self._slots[slot] = list(ids)
        self.happened()
        return Evaluation(cached=known, evaluated=len(ids) - known, ms=0.0, completed=True)

    def generate(
        self,
        ids: Sequence[int],
        *,
        slot: int,
        max_tokens: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: str = "",
        others: bool = False,
    ) -> Generation:
        """See `Engine.generate`."""
        del max_tokens, others
        if begin:
            on_token(Token(self.token.id, begin.encode(), 0.0))
        evaluation = self.prefill(ids, slot=slot, cancel=cancel)
        on_token(self.token)
        self.returned = time.perf_counter()
        return Generation(prefill=evaluation, generated=1, decode_ms=0.0, finish="stop")

    def close(self) -> None:
        """Free nothing."""


@define(eq=False)
class Wire:
    """What the server writes, and when the last of it was written."""

    happened: Callable[[], None]
    """Called after each answer."""
    written: dict[object, float] = field(factory=dict)
    """By the id of the request that was answered, perf_counter seconds."""

    def write(self, data: bytes) -> None:
        """Take one message."""
        now = time.perf_counter()
        message = json.loads(data.partition(b"\r\n\r\n")[2])
        if "id" in message and "method" not in message:
            self.written[message["id"]] = now
            self.happened()

    def close(self) -> None:
        """Close nothing."""


@define(eq=False)
class HollowServer:
    """The app, initialized, in this process. Must be made on a running event loop."""

    app: App
    engine: HollowEngine
    wire: Wire
    _changed: asyncio.Event

    @classmethod
    def start(cls, model: Model, options: dict[str, Any]) -> HollowServer:
        """Start it, with the tokenizer and the tokens of a real model."""
        settings, problems = apply_options(Settings(), options)
        if problems:
            raise ConfigError(" ".join(problems))
        encoder = LineEncoder(model.tokenizer)
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        engine = HollowEngine(
            Token(encoder.encode("x")[0], b"x", -0.1), lambda: _quietly(loop.call_soon_threadsafe, changed.set)
        )
        load: Callable[..., TokenCompleter] = lambda *_arguments: TokenCompleter(  # noqa: E731 - short, and used once
            engine, model.tokenizer, encoder, model.tokens, model.name, speed=_FAST
        )
        app = App(settings, partial(Session, load_completer=load))
        wire = Wire(changed.set)
        app.server.protocol.set_writer(wire)
        server = cls(app, engine, wire, changed)
        capabilities = {"textDocument": {"inlineCompletion": {}}, "general": {"positionEncodings": ["utf-16"]}}
        parameters = {"capabilities": capabilities, "processId": None, "rootUri": None}
        server.take(request(0, "initialize", parameters))
        server.take(notification("initialized", {}))
        return server

    def take(self, body: bytes) -> tuple[float, float]:
        """Take a message as the reader of stdin would; return ms to decode it and ms to handle it."""
        started = time.perf_counter()
        message = decode(body)
        decoded = time.perf_counter()
        self.app.server.protocol.take(message)
        return (decoded - started) * 1e3, (time.perf_counter() - decoded) * 1e3

    async def loaded(self) -> None:
        """Wait until the session has its hollow model."""
        while self.app.session.completer is None:  # noqa: ASYNC110 - a matter of milliseconds, once
            await asyncio.sleep(0.01)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something is so after a call of the engine or an answer. Raises TimeoutError."""
        while not happened():
            self._changed.clear()
            if not happened():
                await asyncio.wait_for(self._changed.wait(), _PATIENCE_S)


def _quietly(call: Callable[[Callable[[], None]], object], function: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed
        call(function)


def request(identity: int, method: str, parameters: dict[str, Any]) -> bytes:
    """Return a request's body."""
    return json.dumps({"jsonrpc": "2.0", "id": identity, "method": method, "params": parameters}).encode()


def notification(method: str, parameters: dict[str, Any]) -> bytes:
    """Return a notification's body."""
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": parameters}).encode()


def did_open(uri: str, text: str) -> bytes:
    """Return the message that opens a Python file."""
    item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    return notification("textDocument/didOpen", {"textDocument": item})


def did_change(uri: str, version: int, text: str) -> bytes:
    """Return the message that changes a file's whole text."""
    parameters = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]}
    return notification("textDocument/didChange", parameters)


def inline_completion(identity: int, uri: str, line: int, character: int) -> bytes:
    """Return the message that asks for a suggestion."""
    return request(
        identity,
        "textDocument/inlineCompletion",
        {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 2},
        },
    )


def long_file(lines: int, source: Path = Path(__file__)) -> str:
    """Return a Python file of so many lines, no two functions alike."""
    template = source.read_text(encoding="utf-8").split("\n")
    return "\n".join(
        line.replace("self", f"self_{index // len(template)}")
        for index in range(lines)
        for line in (template[index % len(template)],)
    )
