"""A small LSP client of our own server process, for `demo` and `bench`: the real process, over stdio."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, field
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from starcoder_lsp import __version__

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 120.0


@define(eq=False)
class Client:
    """A running server, initialized; utf-16 positions."""

    client: LanguageClient
    statuses: list[dict[str, Any]] = field(factory=list)
    refreshed: list[str] = field(factory=list)
    _changed: asyncio.Event = field(factory=asyncio.Event)
    _drain: asyncio.Future[None] | None = None

    @classmethod
    async def start(
        cls,
        arguments: list[str],
        options: dict[str, Any],
        log_file: Any = None,  # noqa: ANN401 - a file
        folder: Path | None = None,
    ) -> Client:
        """Start `starcoder-lsp ARGUMENTS` in a folder, and initialize it with `options`.

        Raises EOFError-like errors of pygls.
        """
        client = LanguageClient("starcoder-lsp-client", __version__)
        self = cls(client)
        client.feature("starcoder/status")(partial(self._take_status))
        client.feature("starcoder/refresh")(partial(self._take_refresh))
        client.feature(types.WINDOW_SHOW_MESSAGE)(lambda _params: None)
        await client.start_io(sys.executable, "-m", "starcoder_lsp", *arguments)
        self._drain = asyncio.ensure_future(self._keep_log(log_file))
        capabilities = types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf16]),
            text_document=types.TextDocumentClientCapabilities(
                inline_completion=types.InlineCompletionClientCapabilities()
            ),
        )
        options = {"usage.enabled": False, **options}  # nobody typed what a benchmark or the demo types
        folders = [types.WorkspaceFolder(folder.as_uri(), folder.name)] if folder else None
        await client.initialize_async(
            types.InitializeParams(capabilities=capabilities, initialization_options=options, workspace_folders=folders)
        )
        client.initialized(types.InitializedParams())
        return self

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The server's process."""
        assert self.client._server is not None  # noqa: S101, SLF001 - pygls offers no other way; set by start_io
        return self.client._server  # noqa: SLF001 - as above

    async def _keep_log(self, log_file: Any) -> None:  # noqa: ANN401 - a file or None
        """Read the server's stderr, which would block it once the pipe is full."""
        stream = self.process.stderr
        while stream is not None and (line := await stream.readline()):
            if log_file is not None:
                log_file.write(line)

    def _take_status(self, params: Any) -> None:  # noqa: ANN401 - a namedtuple of pygls
        self.statuses.append(params._asdict())
        self._changed.set()

    def _take_refresh(self, params: Any) -> None:  # noqa: ANN401 - a namedtuple of pygls
        self.refreshed.append(params.uri)

    async def ready(self) -> dict[str, Any]:
        """Wait until the model is loaded; return that status. Raises RuntimeError with the server's sentence."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            for status in self.statuses:
                if status["state"] == "error":
                    raise RuntimeError(status["message"])
                if status["state"] == "ready":
                    return status
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), deadline - asyncio.get_running_loop().time())

    def open(self, uri: str, language: str, text: str) -> None:
        """Open a document at version 1."""
        item = types.TextDocumentItem(uri=uri, language_id=language, version=1, text=text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))

    def change(self, uri: str, version: int, text: str) -> None:
        """Send a whole new text."""
        change = types.TextDocumentContentChangeWholeDocument(text=text)
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=uri, version=version), content_changes=[change]
            )
        )

    def close(self, uri: str) -> None:
        """Close a document."""
        identity = types.TextDocumentIdentifier(uri=uri)
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(text_document=identity))

    async def suggest(self, uri: str, line: int, character: int, *, manual: bool = False) -> Any:  # noqa: ANN401 - items
        """Ask for a suggestion; return the items (a list, possibly empty) or None where it was superseded."""
        kind = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            text_document=types.TextDocumentIdentifier(uri=uri),
            position=types.Position(line=line, character=character),
            context=types.InlineCompletionContext(trigger_kind=kind.Invoked if manual else kind.Automatic),
        )
        answer = await self.client.text_document_inline_completion_async(params)
        return None if answer is None else getattr(answer, "items", answer)

    async def command(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 - each command has its own
        """Run a command of docs/protocol.md."""
        params = types.ExecuteCommandParams(command=name, arguments=list(arguments))
        return await self.client.workspace_execute_command_async(params)

    async def stop(self) -> None:
        """Shut the server down."""
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()  # type: ignore[no-untyped-call]
        if self._drain is not None:
            await self._drain
