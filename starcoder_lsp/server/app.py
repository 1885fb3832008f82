"""The language server: LSP's messages to the session's calls, and back. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote

from attrs import evolve
from lsprotocol import types
from lsprotocol.converters import get_converter

from starcoder_lsp import __version__
from starcoder_lsp.completion.refine import adapt, line_end_of
from starcoder_lsp.documents import Encoding, Snapshot
from starcoder_lsp.server.clients import converts_line_ends
from starcoder_lsp.server.commands import COMMANDS
from starcoder_lsp.server.configuration import Configuration, section_of
from starcoder_lsp.server.convert import completion_list, inline_list, offset_at, selected_in
from starcoder_lsp.server.listener import ClientListener
from starcoder_lsp.server.protocol import Protocol, StarcoderServer
from starcoder_lsp.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.config import Settings
    from starcoder_lsp.session import Offer

log = logging.getLogger(__name__)


class App:
    """One client's server: the session is made when the client initializes."""

    def __init__(self, settings: Settings, make_session: Callable[..., Session] = Session) -> None:
        """Register all handlers on a new pygls server."""
        self.server = StarcoderServer(
            "starcoder-lsp",
            __version__,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            protocol_cls=Protocol,
            converter_factory=get_converter,
        )
        self._configuration = Configuration(self.server, settings)
        self._make_session = make_session
        self._session: Session | None = None
        self._listener: ClientListener | None = None
        self._folders: list[str] = []
        self._encoding: Encoding = "utf-16"
        self._markdown = False
        self._plain_newlines = False
        self._started = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._register()

    @property
    def session(self) -> Session:
        """The session; there is one after `initialize`."""
        assert self._session is not None  # noqa: S101 - the protocol lets nothing through before initialize
        return self._session

    def _register(self) -> None:
        feature = self.server.feature  # it sets attributes on handlers, which bound methods refuse: hence partial
        feature(types.INITIALIZE)(partial(self._initialize))
        feature(types.INITIALIZED)(partial(self._initialized))
        feature(types.SHUTDOWN)(partial(self._shutdown))
        feature(types.TEXT_DOCUMENT_DID_OPEN)(partial(self._did_open))
        feature(types.TEXT_DOCUMENT_DID_CHANGE)(partial(self._did_change))
        feature(types.TEXT_DOCUMENT_DID_CLOSE)(partial(self._did_close))
        feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(partial(self._did_change_configuration))
        feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())(
            partial(self._inline_completion)
        )
        for name in COMMANDS:
            self.server.command(name)(partial(self._command, name))

    # ---- life --------------------------------------------------------------------------------------------------

    def _initialize(self, params: types.InitializeParams) -> None:
        settings = self._configuration.initialize(params.initialization_options)
        logging.getLogger("starcoder_lsp").setLevel(settings.log_level.upper())
        self._encoding = _encoding(self.server)
        self._markdown = _renders_markdown(params.capabilities)
        folders = [folder.uri for folder in params.workspace_folders or []] or [params.root_uri or ""]
        self._folders = [folder for folder in folders if folder]
        self._listener = ClientListener(self.server)
        self._session = self._make_session(self._listener, settings=settings)
        self._plain_newlines = converts_line_ends(params.client_info.name if params.client_info else None)
        inline = self.server.protocol.inline_declared
        if settings.plain_completion == "always" or (settings.plain_completion == "auto" and not inline):
            self.server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(resolve_provider=False))(
                partial(self._completion)
            )

    def _initialized(self, _params: types.InitializedParams) -> None:
        # Not a coroutine: notifications that follow must find the session started in the order they were sent.
        self._start_once()

    def _start_once(self) -> None:
        """Start at `initialized`; or at the first document or command of a client that does not send it."""
        if not self._started:
            self._started = True
            self._spawn(self._start())

    async def _start(self) -> None:
        assert self._listener is not None  # noqa: S101 - made in initialize
        self._listener.client_ready()
        self.session.settings = await self._configuration.initialized()
        logging.getLogger("starcoder_lsp").setLevel(self.session.settings.log_level.upper())
        self.session.start()

    def _did_change_configuration(self, params: types.DidChangeConfigurationParams) -> None:
        self._spawn(self._reconfigure(section_of(params.settings)))

    async def _reconfigure(self, pushed: object) -> None:
        before = self._configuration.settings.model
        settings = await self._configuration.pull(pushed)
        if settings.model == before:  # what the user switched to stays until the setting changes
            settings = evolve(settings, model=self.session.settings.model)
        logging.getLogger("starcoder_lsp").setLevel(settings.log_level.upper())
        self.session.configure(settings)

    def _spawn(self, coroutine: Any) -> None:  # noqa: ANN401 - any coroutine
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("Starting or configuring failed.", exc_info=task.exception())

    def _shutdown(self, _params: None = None) -> None:
        self.close()

    def close(self) -> None:
        """End the session; the process goes on until `exit`."""
        if self._session is not None:
            self._session.close()

    # ---- documents ---------------------------------------------------------------------------------------------

    def _did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self._start_once()
        document = params.text_document
        snapshot = Snapshot.of(document.uri, document.version, str(document.language_id), document.text)
        self.session.open(snapshot, self._relative(document.uri))

    def _did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        uri, version = params.text_document.uri, params.text_document.version
        snapshot = self.session.snapshot(uri)
        if snapshot is None:
            log.warning("A change of a document that is not open was ignored.")
            return
        text = snapshot.text
        for change in params.content_changes:
            text = _apply(Snapshot.of(uri, version, snapshot.language, text), change, self._encoding)
        self.session.change(uri, version, text)

    def _did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self.session.close_document(params.text_document.uri)

    def _relative(self, uri: str) -> str:
        for folder in self._folders:
            base = folder.rstrip("/") + "/"
            if uri.startswith(base):
                return unquote(uri[len(base) :])
        return PurePosixPath(unquote(uri)).name

    # ---- suggestions -------------------------------------------------------------------------------------------

    async def _inline_completion(self, params: types.InlineCompletionParams) -> types.InlineCompletionList | None:
        manual = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
        snapshot = self.session.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = offset_at(snapshot, params.position, self._encoding)
        selected = selected_in(snapshot, params.context, self._encoding)
        offer = await self.session.suggest(snapshot.uri, offset, manual=manual, selected=selected)
        return inline_list(self._with_line_ends(offer), self._encoding)

    async def _completion(self, params: types.CompletionParams) -> types.CompletionList | None:
        snapshot = self.session.snapshot(params.text_document.uri)
        if snapshot is None:
            return None
        offset = offset_at(snapshot, params.position, self._encoding)
        offer = await self.session.suggest(snapshot.uri, offset)
        return completion_list(self._with_line_ends(offer), self._encoding, markdown=self._markdown)

    def _with_line_ends(self, offer: Offer | None) -> Offer | None:
        """Return the offer with the file's own line ends, unless the client makes them itself."""
        if offer is None or self._plain_newlines:
            return offer
        return evolve(offer, insert=adapt(offer.insert, line_end=line_end_of(offer.snapshot.text)))

    def _command(self, name: str, *arguments: object) -> object:
        self._start_once()
        return COMMANDS[name](self.session, arguments)


def _renders_markdown(capabilities: types.ClientCapabilities) -> bool:
    completion = capabilities.text_document and capabilities.text_document.completion
    item = completion and completion.completion_item
    return types.MarkupKind.Markdown in ((item and item.documentation_format) or ())


def _encoding(server: StarcoderServer) -> Encoding:
    from pygls.capabilities import ServerCapabilitiesBuilder  # noqa: PLC0415 - pygls chooses before it tells

    chosen = str(ServerCapabilitiesBuilder.choose_position_encoding(server.client_capabilities))
    others: tuple[Encoding, ...] = ("utf-8", "utf-32")
    for encoding in others:
        if chosen.endswith(encoding) or chosen.lower().endswith(encoding.replace("-", "")):
            return encoding
    return "utf-16"


def _apply(snapshot: Snapshot, change: types.TextDocumentContentChangeEvent, encoding: Encoding) -> str:
    """Return the text after a change: the whole text, as asked for, or a range, from clients that send them anyway."""
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return change.text
    start = offset_at(snapshot, change.range.start, encoding)
    end = offset_at(snapshot, change.range.end, encoding)
    return snapshot.text[:start] + change.text + snapshot.text[max(start, end) :]


def serve_stdio(settings: Settings, output: BinaryIO) -> None:
    """Serve one client on stdin and `output` until it says exit or closes stdin; then end the process.

    The process is ended hard, after the session was closed: a daemon thread may sit in a native call for a while yet.
    """
    app = App(settings)
    app.server.end = partial(_end, app)
    signal.signal(signal.SIGTERM, lambda *_: _end(app, 0))
    try:
        app.server.start_io(sys.stdin.buffer, output)
    except (BrokenPipeError, ConnectionError):
        log.info("The client has gone.")
    _end(app, 1)


def serve_tcp(settings: Settings, host: str, port: int) -> None:
    """Serve one client on a TCP port, for debugging."""
    app = App(settings)
    app.server.end = partial(_end, app)
    log.warning("Listening on %s:%d without authentication: for debugging only.", host, port)
    app.server.start_tcp(host, port)
    _end(app, 0)


def _end(app: App, status: int) -> None:
    app.close()
    sys.stderr.flush()
    os._exit(status)
