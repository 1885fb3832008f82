"""The server process and its pipes, nothing between: any bytes can be sent, every byte it says is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from attrs import define, field

from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

Message = dict[str, Any]


def frame(body: bytes) -> bytes:
    """Return a message with its header."""
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@define(eq=False)
class Wire:
    """A server process. What it sends is kept in `inbox`; bytes on its stdout that are no message fail the test."""

    process: asyncio.subprocess.Process
    inbox: list[Message] = field(factory=list)
    log: bytearray = field(factory=bytearray)
    broken: str | None = None
    ended: bool = False
    _ids: itertools.count[int] = field(factory=itertools.count)
    _news: asyncio.Event = field(factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(factory=list)

    @classmethod
    async def start(cls, arguments: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Wire:
        """Start `python -m starcoder_lsp ARGUMENTS`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "starcoder_lsp",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | dict(env or {}),
        )
        wire = cls(process)
        wire._tasks = [asyncio.ensure_future(wire._listen()), asyncio.ensure_future(wire._keep_log())]
        return wire

    async def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        try:
            while line := await stream.readline():
                length = 0
                while line not in (b"\r\n", b""):
                    name, _, value = line.partition(b": ")
                    assert name in (b"Content-Length", b"Content-Type"), f"not a header: {line!r}"
                    length = int(value) if name == b"Content-Length" else length
                    line = await stream.readline()
                message = json.loads(await stream.readexactly(length))
                assert message["jsonrpc"] == "2.0"
                self.inbox.append(message)
                self._news.set()
        except (AssertionError, ValueError, asyncio.IncompleteReadError) as error:
            self.broken = f"{type(error).__name__}: {error}"
        self.ended = True
        self._news.set()

    async def _keep_log(self) -> None:
        assert self.process.stderr is not None
        while piece := await self.process.stderr.read(65536):
            self.log += piece

    # ---- speaking ----------------------------------------------------------------------------------------------

    def send_bytes(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def send(self, message: object) -> None:
        """Send one JSON message."""
        self.send_bytes(frame(json.dumps(message).encode()))

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: object = None) -> int:
        """Send a request; return its id."""
        identity = next(self._ids)
        self.send({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})
        return identity

    # ---- listening ---------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until `condition()` is true after some message, and return what it returned."""

        async def look() -> Any:
            while not (found := condition()):
                assert not self.ended, f"the server ended ({self.broken}) before {what}:\n{self.log.decode()}"
                self._news.clear()
                await self._news.wait()
            return found

        return await asyncio.wait_for(look(), PATIENCE)

    def responses(self, identity: object) -> list[Message]:
        """Return the responses to a request that came until now; there must never be two."""
        return [message for message in self.inbox if "method" not in message and message["id"] == identity]

    def heard(self, method: str) -> list[Any]:
        """Return the parameters of the notifications and requests of this method that came until now."""
        return [message.get("params") for message in self.inbox if message.get("method") == method]

    async def response(self, identity: object) -> Message:
        """Wait for the response to a request, and return it."""
        found: list[Message] = await self.until(lambda: self.responses(identity), f"the answer to {identity}")
        return found[0]

    async def result(self, method: str, params: object = None) -> Any:
        """Ask, and return the result; an error fails the test."""
        message = await self.response(self.request(method, params))
        assert "error" not in message, message
        return message["result"]

    async def error(self, method: str, params: object = None) -> Message:
        """Ask, and return the error; a result fails the test."""
        message = await self.response(self.request(method, params))
        assert "error" in message, message
        error: Message = message["error"]
        return error

    # ---- language server ---------------------------------------------------------------------------------------

    async def initialize(
        self, options: Mapping[str, object] | None = None, capabilities: Mapping[str, object] | None = None
    ) -> Message:
        """Say hello; return the server's capabilities."""
        inline: Message = {"textDocument": {"inlineCompletion": {}}}
        params = {
            "processId": os.getpid(),
            "rootUri": None,
            "capabilities": inline if capabilities is None else dict(capabilities),
            "initializationOptions": None if options is None else dict(options),
        }
        result = await self.result("initialize", params)
        self.notify("initialized", {})
        capabilities_of_server: Message = result["capabilities"]
        return capabilities_of_server

    async def state(self, *states: str) -> Message:
        """Wait until the newest status is one of `states`, and return it."""

        def newest() -> Message | None:
            heard = self.heard("starcoder/status")
            return heard[-1] if heard and heard[-1]["state"] in states else None

        status: Message = await self.until(newest, f"the status {states}")
        return status

    def open(self, uri: str, text: str, language: str = "python") -> None:
        """Open a document."""
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, text: str) -> None:
        """Send a whole new text."""
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def ask(self, uri: str, line: int, character: int, *, manual: bool = True) -> int:
        """Ask for a suggestion; return the request's id."""
        return self.request("textDocument/inlineCompletion", place(uri, line, character, manual=manual))

    async def command(self, name: str, *arguments: object) -> Any:
        """Run a command and return its result."""
        return await self.result("workspace/executeCommand", {"command": name, "arguments": list(arguments)})

    async def stats(self) -> Message:
        """Wait until the engine rests, and return the counters."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            stats: Message = await self.command("starcoder.stats")
            if stats["idle"]:
                return stats
            assert asyncio.get_running_loop().time() < end, "the engine does not rest"
            await asyncio.sleep(0.02)

    # ---- the end -----------------------------------------------------------------------------------------------

    async def shut_down(self) -> int:
        """Say goodbye; return the process's status."""
        assert await self.result("shutdown") is None
        self.notify("exit")
        return await self.wait()

    async def wait(self) -> int:
        """Wait for the end of the process and of what it says, and return its status."""
        status = await asyncio.wait_for(self.process.wait(), PATIENCE)
        await asyncio.wait_for(asyncio.gather(*self._tasks), PATIENCE)
        return status

    async def close(self) -> None:
        """End the process if it is still there, and free the pipes."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self.process.stdin.wait_closed()
        assert self.broken is None, f"something other than messages on stdout: {self.broken}"


def place(uri: str, line: int, character: int, *, manual: bool = True) -> Message:
    """Return the parameters of `textDocument/inlineCompletion`."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": 1 if manual else 2},
    }


@contextlib.asynccontextmanager
async def serving(
    options: Mapping[str, object] | None = None,
    *,
    arguments: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    capabilities: Mapping[str, object] | None = None,
) -> AsyncIterator[Wire]:
    """Run an initialized server with quick, unfiltered suggestions; it is ended hard at the end."""
    wire = await Wire.start(arguments, env)
    try:
        await wire.initialize({**QUICK, **(options or {})}, capabilities)
        yield wire
    finally:
        await wire.close()


QUICK: Message = {"confidence": 0, "debounceMin": 0, "debounceMax": 0, "prefillWhileTyping": "never"}
"""Options under which every request is answered at once, and the engine works for requests only."""
