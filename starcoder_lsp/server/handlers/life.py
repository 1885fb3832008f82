"""Hello and goodbye, and settings: `initialize`, `initialized`, `shutdown`, `exit`, configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from starcoder_lsp import __version__
from starcoder_lsp.server.clients import converts_line_ends
from starcoder_lsp.server.configuration import section_of
from starcoder_lsp.server.handlers.commands import COMMANDS

if TYPE_CHECKING:
    from starcoder_lsp.documents import Encoding
    from starcoder_lsp.server.app import App

_ENCODINGS: dict[str, Encoding] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}


def initialize(app: App, params: types.InitializeParams) -> types.InitializeResult:
    """Take what the client can do and wants, and tell it what the server can do."""
    settings = app.begin(params.initialization_options)
    app.encoding = _encoding(params.capabilities)
    app.markdown = _renders_markdown(params.capabilities)
    app.plain_newlines = converts_line_ends(params.client_info.name if params.client_info else None)
    folders = [folder.uri for folder in params.workspace_folders or []] or [params.root_uri or ""]
    app.folders.change(added=[folder for folder in folders if folder])
    app.server.protocol.initialized_with(params.capabilities)
    inline = app.server.protocol.inline_declared
    plain = settings.plain_completion == "always" or (settings.plain_completion == "auto" and not inline)
    capabilities = types.ServerCapabilities(
        position_encoding=types.PositionEncodingKind(app.encoding),
        text_document_sync=types.TextDocumentSyncOptions(
            open_close=True,
            change=types.TextDocumentSyncKind.Incremental,
            save=types.SaveOptions(include_text=False),
        ),
        inline_completion_provider=types.InlineCompletionOptions(),
        completion_provider=types.CompletionOptions(resolve_provider=False) if plain else None,
        execute_command_provider=types.ExecuteCommandOptions(commands=list(COMMANDS)),
        workspace=types.WorkspaceOptions(
            workspace_folders=types.WorkspaceFoldersServerCapabilities(supported=True, change_notifications=True)
        ),
    )
    return types.InitializeResult(capabilities, types.ServerInfo("starcoder-lsp", __version__))


def initialized(app: App, _params: types.InitializedParams) -> None:
    """Start. Not a coroutine: what follows must find the session started in the order it was sent."""
    app.start_once()


async def did_change_configuration(app: App, params: types.DidChangeConfigurationParams) -> None:
    """Take new settings, pushed or asked for."""
    await app.reconfigure(section_of(params.settings))


def shutdown(app: App, _params: None) -> None:
    """End the session; the process goes on until `exit`."""
    app.server.protocol.shut_down()
    app.close()


def leave(app: App, _params: None) -> None:
    """End the process, whatever a native library is doing: status 0 after a shutdown request, else 1."""
    app.server.protocol.answer_what_is_left()
    app.server.end(0 if app.server.protocol.was_shut_down else 1)


def cancel(app: App, params: types.CancelParams) -> None:
    """End the work for a request; it is answered all the same."""
    app.server.protocol.cancel(params.id)


def cancel_progress(app: App, params: types.WorkDoneProgressCancelParams) -> None:
    """Hear that the user cancelled what a progress shows."""
    future = app.server.work_done_progress.tokens.get(params.token)
    if future is not None:
        future.cancel()


def ignore(_app: App, _params: Any) -> None:  # noqa: ANN401 - whatever it is
    """Do nothing: the message is known, and of no use here."""


def _encoding(capabilities: types.ClientCapabilities) -> Encoding:
    """Return the first of the client's encodings that is known; without any, LSP's own."""
    offered = capabilities.general.position_encodings if capabilities.general else None
    for kind in offered or ():
        name = str(kind.value if isinstance(kind, types.PositionEncodingKind) else kind)
        if name in _ENCODINGS:
            return _ENCODINGS[name]
    return "utf-16"


def _renders_markdown(capabilities: types.ClientCapabilities) -> bool:
    completion = capabilities.text_document and capabilities.text_document.completion
    item = completion and completion.completion_item
    return types.MarkupKind.Markdown in ((item and item.documentation_format) or ())
