"""What the server does with each message: a file for each small group, and one table of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from starcoder_lsp.server.handlers import commands, documents, life, suggestions
from starcoder_lsp.server.traits import Immediate, Suspending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starcoder_lsp.server.traits import Handler

HANDLERS: Mapping[str, Handler] = {
    types.INITIALIZE: Immediate(life.initialize),
    types.INITIALIZED: Immediate(life.initialized),
    types.SHUTDOWN: Immediate(life.shutdown),
    types.EXIT: Immediate(life.leave),
    types.CANCEL_REQUEST: Immediate(life.cancel),
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: Immediate(life.cancel_progress),
    types.SET_TRACE: Immediate(life.ignore),
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: Suspending(life.did_change_configuration),
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: Immediate(documents.did_change_folders),
    types.TEXT_DOCUMENT_DID_OPEN: Immediate(documents.did_open),
    types.TEXT_DOCUMENT_DID_CHANGE: Immediate(documents.did_change),
    types.TEXT_DOCUMENT_DID_SAVE: Immediate(documents.did_save),
    types.TEXT_DOCUMENT_DID_CLOSE: Immediate(documents.did_close),
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: Immediate(documents.did_change_files),
    types.TEXT_DOCUMENT_INLINE_COMPLETION: Suspending(suggestions.inline_completion),
    types.TEXT_DOCUMENT_COMPLETION: Suspending(suggestions.completion),
    types.WORKSPACE_EXECUTE_COMMAND: commands.Execute(),
}
