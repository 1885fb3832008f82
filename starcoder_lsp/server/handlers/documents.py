"""Documents and folders: opened, changed, closed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starcoder_lsp.documents import Snapshot
from starcoder_lsp.server.convert import edits_of
from starcoder_lsp.server.folders import file_of

if TYPE_CHECKING:
    from lsprotocol import types

    from starcoder_lsp.server.app import App

log = logging.getLogger(__name__)


def did_open(app: App, params: types.DidOpenTextDocumentParams) -> None:
    """Take a document."""
    app.start_once()
    document = params.text_document
    snapshot = Snapshot.of(document.uri, document.version, str(document.language_id), document.text)
    app.session.open(snapshot, app.folders.relative(document.uri), file_of(document.uri))


def did_change(app: App, params: types.DidChangeTextDocumentParams) -> None:
    """Take changes, in their order: each is about the text that the one before it left."""
    uri = params.text_document.uri
    snapshot = app.session.snapshot(uri)
    if snapshot is None:
        log.warning("A change of a document that is not open was ignored.")
        return
    text, edits = edits_of(snapshot, params.content_changes, app.encoding)
    app.session.change(uri, params.text_document.version, text, edits)


def missed_change(app: App, uri: str) -> None:
    """Forget a document of which a change could not be read: the text that we have is not the user's any more."""
    if app.session.snapshot(uri) is not None:
        log.error("A change could not be read: no suggestions in that document until it is opened again.")
        app.session.close_document(uri)


def did_close(app: App, params: types.DidCloseTextDocumentParams) -> None:
    """Forget a document."""
    app.session.close_document(params.text_document.uri)


def did_save(app: App, params: types.DidSaveTextDocumentParams) -> None:
    """Hear that a document was saved."""
    app.session.saved(params.text_document.uri)


def did_change_folders(app: App, params: types.DidChangeWorkspaceFoldersParams) -> None:
    """Take the folders that were opened and closed."""
    event = params.event
    app.folders.change(added=[one.uri for one in event.added], removed=[one.uri for one in event.removed])
    app.take_folders()


def did_change_files(app: App, params: types.DidChangeWatchedFilesParams) -> None:
    """Hear of files that were made, changed or deleted by whomever."""
    app.session.files_changed([path for one in params.changes if (path := file_of(one.uri))])
