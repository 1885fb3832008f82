"""An editor for tests: pytest-lsp's client of the real server process, with what this server says beyond LSP."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, field
from lsprotocol import types
from pygls.lsp.client import LanguageClient as BaseClient
from pytest_lsp import LanguageClient, make_test_lsp_client

from tests.support.fakes import PATIENCE
from tests.support.wire import QUICK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

Kind = types.InlineCompletionTriggerKind
Status = dict[str, Any]

INLINE = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(inline_completion=types.InlineCompletionClientCapabilities())
)
"""What a client with inline completion says of itself."""


def plain(value: Any) -> Any:
    """Return what was in the JSON: pygls makes named tuples of the objects it does not know."""
    if hasattr(value, "_asdict"):
        return {name: plain(field) for name, field in value._asdict().items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


@define(eq=False)
class Editor:
    """A running, initialized server and the client that talks to it."""

    client: LanguageClient
    capabilities: types.ServerCapabilities = field(factory=types.ServerCapabilities)
    statuses: list[Status] = field(factory=list)
    log: bytearray = field(factory=bytearray)
    _documents: itertools.count[int] = field(factory=itertools.count)
    _news: asyncio.Event = field(factory=asyncio.Event)

    def hear_status(self, params: Any) -> None:
        """Take a `starcoder/status` notification."""
        self.statuses.append(plain(params))
        self._news.set()

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The server's process."""
        assert self.client._server is not None
        return self.client._server

    @property
    def states(self) -> list[str]:
        """The states heard, in order, without repetitions."""
        return [state for state, _group in itertools.groupby(status["state"] for status in self.statuses)]

    async def state(self, *states: str) -> Status:
        """Wait until the newest status is one of `states`, and return it."""

        async def look() -> Status:
            while not self.statuses or self.statuses[-1]["state"] not in states:
                self._news.clear()
                await self._news.wait()
            return self.statuses[-1]

        return await asyncio.wait_for(look(), PATIENCE)

    async def loaded(self, name: str) -> None:
        """Wait until the model of this name is ready."""

        async def look() -> None:
            while not self.statuses or (self.statuses[-1]["state"], self.statuses[-1]["model"]) != ("ready", name):
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(look(), PATIENCE)

    # ---- documents ---------------------------------------------------------------------------------------------

    def open(self, text: str, *, name: str = "sample.py", language: str = "python") -> str:
        """Open a new document, and return its uri."""
        uri = f"file:///project/{next(self._documents)}/{name}"
        self.open_at(uri, text, language=language)
        return uri

    def open_file(self, path: Path, *, language: str = "python") -> str:
        """Open a file as it is on disk, and return its uri."""
        uri = path.as_uri()
        self.open_at(uri, path.read_text(encoding="utf-8"), language=language)
        return uri

    def open_at(self, uri: str, text: str, *, language: str = "python") -> None:
        """Open a document."""
        item = types.TextDocumentItem(uri=uri, language_id=language, version=1, text=text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))

    def change(self, uri: str, version: int, text: str) -> None:
        """Send a whole new text."""
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
        change = types.TextDocumentContentChangeWholeDocument(text=text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    # ---- asking ------------------------------------------------------------------------------------------------

    async def ask(
        self, uri: str, line: int, character: int, *, manual: bool = False, identity: str | None = None
    ) -> asyncio.Task[types.InlineCompletionList | None]:
        """Send a request for a suggestion; the task returned ends with the answer, or with a JsonRpcException."""
        params = types.InlineCompletionParams(
            context=types.InlineCompletionContext(Kind.Invoked if manual else Kind.Automatic),
            text_document=types.TextDocumentIdentifier(uri),
            position=types.Position(line, character),
        )
        method = types.TEXT_DOCUMENT_INLINE_COMPLETION
        asked = self.client.protocol.send_request_async(method, params, msg_id=identity)  # type: ignore[no-untyped-call]
        task = asyncio.ensure_future(asked)
        await asyncio.sleep(0)  # the task's first step sends the request
        return task

    async def items(self, uri: str, line: int, character: int) -> Sequence[types.InlineCompletionItem]:
        """Ask for a suggestion and return the answer's items."""
        answer = await asyncio.wait_for(await self.ask(uri, line, character), PATIENCE)
        assert answer is not None
        return answer.items

    async def suggestion(self, uri: str, line: int, character: int) -> str:
        """Ask for a suggestion; there must be one; return its whole text: the first answer may be a piece of it."""
        await self.items(uri, line, character)
        await self.stats()
        [item] = await self.items(uri, line, character)
        assert isinstance(item.insert_text, str)
        return item.insert_text

    async def complete(self, uri: str, line: int, character: int) -> types.CompletionList:
        """Ask with plain completion, as clients do again and again: on a slow machine the first list may be empty."""
        params = types.CompletionParams(types.TextDocumentIdentifier(uri), types.Position(line, character))
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            answer = await asyncio.wait_for(self.client.text_document_completion_async(params), PATIENCE)
            assert isinstance(answer, types.CompletionList)
            if answer.items or asyncio.get_running_loop().time() > end:
                return answer
            await asyncio.sleep(0.1)

    def cancel(self, identity: str) -> None:
        """Send `$/cancelRequest`."""
        self.client.cancel_request(types.CancelParams(id=identity))

    async def command(self, name: str, *arguments: object) -> Any:
        """Run a command and return its result."""
        params = types.ExecuteCommandParams(command=name, arguments=list(arguments))
        return plain(await asyncio.wait_for(self.client.workspace_execute_command_async(params), PATIENCE))

    async def context(self, wanted: Callable[[dict[str, Any]], bool], uri: str | None = None) -> dict[str, Any]:
        """Wait until what other files say is as wanted, and return it."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            context: dict[str, Any] = await self.command("starcoder.context", uri)
            if wanted(context):
                return context
            assert asyncio.get_running_loop().time() < end, f"not the context that was waited for: {context}"
            await asyncio.sleep(0.05)

    async def evaluated(self, tokens: int) -> None:
        """Wait until the engine has evaluated so many tokens since its load."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while (stats := await self.stats())["evaluatedTokens"] < tokens:
            assert asyncio.get_running_loop().time() < end, f"what was waited for was not evaluated: {stats}"
            await asyncio.sleep(0.05)

    async def stats(self) -> dict[str, Any]:
        """Wait until the engine rests, and return the counters."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            stats: dict[str, Any] = await self.command("starcoder.stats")
            if stats["idle"]:
                return stats
            assert asyncio.get_running_loop().time() < end, "the engine does not rest"
            await asyncio.sleep(0.02)

    async def shown(self, count: int) -> list[types.ShowMessageParams]:
        """Wait until `count` messages were shown to the user, and return them all."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while len(self.client.messages) < count:
            assert asyncio.get_running_loop().time() < end, f"no message was shown; log: {self.log.decode()}"
            await asyncio.sleep(0.02)
        return self.client.messages

    async def keep_log(self) -> None:
        """Read the server's stderr, which would block it once the pipe is full."""
        assert self.process.stderr is not None
        while piece := await self.process.stderr.read(65536):
            self.log += piece


@contextlib.asynccontextmanager
async def editing(  # noqa: PLR0913 - each is a way in which a session may differ
    options: Mapping[str, object] | None = None,
    *,
    capabilities: types.ClientCapabilities = INLINE,
    arguments: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    configuration: Mapping[str, object] | None = None,
    raw_options: object = None,
    folders: Sequence[Path] = (),
    wait: bool = True,
    failing: bool = False,
) -> AsyncIterator[Editor]:
    """Run a server with quick, unfiltered suggestions; wait until its model is loaded (if `wait`); shut it down.

    `raw_options` takes the place of all options; `configuration` is what the client says if it is asked.
    `failing`: the engine is made to fail, and its traceback may stand in the log.
    """
    client = make_test_lsp_client()
    editor = Editor(client)
    client.feature("starcoder/status")(partial(editor.hear_status))  # pygls sets attributes, which methods refuse
    if configuration is not None:
        client.set_configuration({"starcoder": dict(configuration)})
    command = [sys.executable, "-m", "starcoder_lsp", *arguments]
    # The base class's method: pytest-lsp's own forwards stderr to a stream that pytest replaces between tests.
    await BaseClient.start_io(client, *command, env=os.environ | dict(env or {}))
    log = asyncio.ensure_future(editor.keep_log())
    try:
        chosen: Any = {**QUICK, **(options or {})} if raw_options is None else raw_options
        result = await client.initialize_session(
            types.InitializeParams(
                capabilities=capabilities,
                initialization_options=chosen,
                workspace_folders=[types.WorkspaceFolder(one.as_uri(), one.name) for one in folders] or None,
            )
        )
        editor.capabilities = result.capabilities
        if wait:
            await editor.state("ready", "error")
        yield editor
        await asyncio.wait_for(client.shutdown_session(), PATIENCE)
        assert editor.process.returncode == 0
    finally:
        if editor.process.returncode is None:
            editor.process.kill()
        await client.stop()  # type: ignore[no-untyped-call]
        await log
    assert failing or "Traceback" not in editor.log.decode(), editor.log.decode()
