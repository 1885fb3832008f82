"""One client's server: what the handlers share. Converts and delegates, decides nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from attrs import evolve
from lsprotocol import types
from lsprotocol.converters import get_converter

from starcoder_lsp import __version__
from starcoder_lsp.server.configuration import Configuration
from starcoder_lsp.server.folders import Folders
from starcoder_lsp.server.handlers import HANDLERS
from starcoder_lsp.server.handlers.documents import missed_change
from starcoder_lsp.server.listener import ClientListener
from starcoder_lsp.server.protocol import Protocol, StarcoderServer
from starcoder_lsp.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starcoder_lsp.config import Settings
    from starcoder_lsp.documents import Encoding

log = logging.getLogger(__name__)


class App:
    """One client's server: the session is made when the client initializes.

    `encoding`, `markdown` and `plain_newlines` say what the client understands; `folders` what it has open; `choices`
    how often it chose a model.
    """

    def __init__(self, settings: Settings, make_session: Callable[..., Session] = Session) -> None:
        """Make the pygls server. `settings` are those of the command line."""
        self.server = StarcoderServer(
            "starcoder-lsp", __version__, protocol_cls=Protocol, converter_factory=get_converter
        )
        self.server.app, self.server.handlers = self, HANDLERS
        self.folders = Folders()
        self.encoding: Encoding = "utf-16"
        self.markdown = False
        self.plain_newlines = False
        self.choices = 0
        self._configuration = Configuration(self.server, settings)
        self._make_session = make_session
        self._session: Session | None = None
        self._listener: ClientListener | None = None
        self._start: asyncio.Task[None] | None = None

    @property
    def session(self) -> Session:
        """The session; there is one after `initialize`."""
        assert self._session is not None  # noqa: S101 - the protocol lets nothing through before initialize
        return self._session

    @property
    def listener(self) -> ClientListener:
        """What tells the client; there is one after `initialize`."""
        assert self._listener is not None  # noqa: S101 - as above
        return self._listener

    # ---- life --------------------------------------------------------------------------------------------------

    def begin(self, options: object) -> Settings:
        """Make the session, with the options of `initialize`; no model is loaded yet."""
        settings = self._configuration.initialize(options)
        _log_at(settings)
        self._listener = ClientListener(self.server)
        self._session = self._make_session(self._listener, settings=settings)
        self._listener.cancelled = self._session.go_back
        return settings

    def start_once(self) -> None:
        """Start at `initialized`; or at the first document or command of a client that does not send it."""
        if self._start is None:
            self._start = asyncio.ensure_future(_logged(self._load_first()))

    async def _load_first(self) -> None:
        self.listener.client_ready()
        self._watch_files()
        settings = await self._configuration.initialized()
        _log_at(settings)
        self.session.start(settings)
        self.take_folders()

    def _watch_files(self) -> None:
        """Ask the client for news of files, where it can be asked: it may see what cannot be watched from here."""
        workspace = self.server.client_capabilities.workspace
        watched = workspace.did_change_watched_files if workspace else None
        if watched is None or not watched.dynamic_registration:
            return
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers=[types.FileSystemWatcher("**/*")])
        registration = types.Registration(
            "starcoder-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, register_options=options
        )
        self.server.client_register_capability(types.RegistrationParams(registrations=[registration]))

    def take_folders(self) -> None:
        """Have the session read and follow the folders that are open."""
        self.session.set_folders(self.folders.paths, self.folders.relative)

    async def reconfigure(self, pushed: object) -> None:
        """Take new settings. What the user switched to stays until the setting itself changes."""
        self.start_once()
        if self._start is not None:
            await asyncio.shield(self._start)
        before = self._configuration.settings.model
        settings = await self._configuration.pull(pushed)
        if settings.model == before:
            settings = evolve(settings, model=self.session.settings.model)
        _log_at(settings)
        self.session.configure(settings)

    def switch_model(self, name: str) -> None:
        """Load another model, whose file can be used; a fetch of another ends."""
        self.session.fetching(lambda: None)
        self.session.configure(evolve(self.session.settings, model=name))

    def missed(self, method: str, params: object) -> None:
        """Hear that a notification could not be read."""
        document = params.get("textDocument") if isinstance(params, dict) else None
        uri = document.get("uri") if isinstance(document, dict) else None
        if method == types.TEXT_DOCUMENT_DID_CHANGE and isinstance(uri, str):
            missed_change(self, uri)

    def close(self) -> None:
        """End the session; the process goes on."""
        if self._session is not None:
            self._session.close()


def _log_at(settings: Settings) -> None:
    logging.getLogger("starcoder_lsp").setLevel(settings.log_level.upper())


async def _logged(coroutine: Coroutine[None, None, None]) -> None:
    try:
        await coroutine
    except Exception:
        log.exception("Starting failed.")
