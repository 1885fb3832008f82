"""The wire: where "exactly one response to every request" is stated and kept.

pygls reads and writes messages; what is changed here, and why:

- a request with malformed parameters, one before `initialize` and one after `shutdown` get an error response (pygls
  gives them none), and a message that is not JSON, or no JSON-RPC, gets an error with id null;
- a handler's exception becomes a sentence, its traceback goes to the log (pygls sends the traceback to the client);
- nothing pops up: errors that nobody waits for go to the log;
- documents are not kept twice: the session has the only copy, with a line index that counts lines as LSP does;
- `exit` ends the process with the status that LSP asks for, whatever a native library is doing at that moment.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from cattrs import ClassValidationError
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from starcoder_lsp.errors import ConfigError, StarcoderError, Superseded
from starcoder_lsp.server.clients import declares_inline_completion

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

log = logging.getLogger(__name__)


class Protocol(LanguageServerProtocol):
    """LSP over any transport. See the module for what differs from pygls."""

    _server: StarcoderServer
    inline_declared = False
    """Whether the client named inline completion among its capabilities."""

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 - any LSP message
        """Leave a decoded object as it is: pygls calls this for every object inside a message, too."""
        return data

    def handle_message(self, message: Any) -> None:  # noqa: ANN401 - whatever JSON can say
        """Handle a message if its form and its time are right, else answer it with the error that LSP names."""
        wrong = _wrong_form(message) or self._wrong_time(message)
        if wrong is not None:
            identity = message.get("id") if isinstance(message, dict) else None
            if not isinstance(message, dict) or {"id", "method"} <= message.keys():
                self._respond_error(identity if _is_identity(identity) else None, *wrong)
            log.info("A message was refused: %s", wrong[1])
            return
        structured = self._structured(message)
        if structured is not None:
            super().handle_message(structured)

    def _wrong_time(self, message: dict[str, Any]) -> tuple[int, str] | None:
        method = message.get("method")
        if method is None or method == types.EXIT:
            return None
        if self._workspace is None:
            early = (types.ErrorCodes.ServerNotInitialized, "The first request is initialize.")
            return None if method == types.INITIALIZE else early
        if self._shutdown:
            return types.ErrorCodes.InvalidRequest, "The server was shut down."
        if method == types.INITIALIZE:
            return types.ErrorCodes.InvalidRequest, "The server is initialized already."
        return None

    def _structured(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 - any LSP message
        """Return the message that `data` is; None where it is none, which is answered here if an answer is owed."""
        method = data.get("method")
        kind = self.get_message_type(method) if isinstance(method, str) else None
        if method == types.INITIALIZE:
            self.inline_declared = declares_inline_completion(data.get("params"))
        try:
            if kind is None:
                return super().structure_message(data)
            # pygls would log the whole message, with the user's text in it, before raising its own error.
            structured = self._converter.structure(data, kind)
        except Exception as error:  # noqa: BLE001 - answered and logged
            if "method" in data and "id" in data:
                self._respond_error(data["id"], types.ErrorCodes.InvalidParams, _what_is_wrong(str(method), error))
            log.warning("A malformed message was ignored: %s", _what_is_wrong(str(method), error))
            return None
        if "id" in data and not hasattr(structured, "id") and method != types.EXIT:
            self._respond_error(data["id"], types.ErrorCodes.InvalidRequest, f"{method} is a notification: without id.")
            return None
        return structured

    def _send_handler_result(self, future: Any, *, msg_id: str | int) -> None:  # noqa: ANN401 - pygls' own type
        """Answer a request with its handler's result, or with a sentence on why there is none."""
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._respond_error(msg_id, types.LSPErrorCodes.RequestCancelled, "The request was cancelled.")
            return
        error = future.exception()
        if error is None:
            self._send_response(msg_id, result=future.result())
        elif isinstance(error, Superseded):
            self._send_response(msg_id, result=None)
        elif isinstance(error, JsonRpcException):
            self._respond_error(msg_id, error.code, error.message)
        elif isinstance(error, ConfigError):
            self._respond_error(msg_id, types.ErrorCodes.InvalidParams, str(error))
        elif isinstance(error, StarcoderError):
            self._respond_error(msg_id, types.LSPErrorCodes.RequestFailed, str(error))
        else:
            log.error("A request failed.", exc_info=error)
            message = f"Internal error ({type(error).__name__}); the server's log has the details."
            self._respond_error(msg_id, types.ErrorCodes.InternalError, message)

    def _check_handler_result(self, future: Any) -> None:  # noqa: ANN401 - pygls' own type
        """Log what went wrong with a notification; nobody waits for it."""
        error = None if future.cancelled() else future.exception()
        if error is not None:
            log.error("A notification could not be handled.", exc_info=error)

    def _respond_error(self, identity: str | int | None, code: int, message: str) -> None:
        self._request_futures.pop(identity, None)  # type: ignore[arg-type]  # null answers what has no id
        self._result_types.pop(identity, None)  # type: ignore[arg-type]
        # As a plain object: the converter would leave out an id that is null.
        self._send_data({"jsonrpc": self.VERSION, "id": identity, "error": {"code": int(code), "message": message}})

    def answer_unreadable(self) -> None:
        """Answer a message that is not JSON (JSON-RPC 2.0, section 5: id null)."""
        self._respond_error(None, types.ErrorCodes.ParseError, "The message is not valid JSON.")

    # The session keeps the documents: pygls' own copies would only cost time.

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Pass a notification on."""
        self._pass(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Pass a notification on."""
        self._pass(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Pass a notification on."""
        self._pass(types.TEXT_DOCUMENT_DID_CLOSE, params)

    def _pass(self, method: str, params: object) -> None:
        handler: Callable[[object], None] | None = self.fm.features.get(method)
        if handler is not None:
            handler(params)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:  # noqa: ANN401 - any result
        """Run a command; its arguments are its own business (pygls would guess their types from its signature)."""
        handler: Callable[..., object] | None = self.fm.commands.get(params.command)
        if handler is None:
            raise ConfigError(f"There is no command {params.command!r}; docs/protocol.md lists them.")
        return handler(*(params.arguments or ()))

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_arguments: object) -> Generator[Any, Any, None]:
        """End the process: status 0 after a shutdown request, else 1."""
        self._server.end(0 if self._shutdown else 1)
        yield from ()


class StarcoderServer(LanguageServer):
    """The pygls server, with its reporting and its end changed."""

    protocol: Protocol

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - passed on
        """Make a server whose `end` is set by whoever runs it."""
        super().__init__(*arguments, **options)
        self.end: Callable[[int], None] = lambda _status: None

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401, ARG002 - pygls' own type
        """Log; answer where an answer is owed; pop nothing up. What the client did wrong needs no traceback."""
        if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)):
            log.warning("A message that is not JSON was refused.")
            self.protocol.answer_unreadable()
        elif isinstance(error, JsonRpcMethodNotFound):
            log.info("A request was refused: %s", error.message)
        else:
            log.error("A message could not be handled: %s", type(error).__name__, exc_info=error)


def _is_identity(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _wrong_form(message: object) -> tuple[int, str] | None:
    """Return the error for what is no JSON-RPC 2.0 message."""
    if not isinstance(message, dict):
        return types.ErrorCodes.InvalidRequest, "A message is a JSON object."
    if message.get("jsonrpc") != "2.0":
        return types.ErrorCodes.InvalidRequest, 'A message has "jsonrpc": "2.0".'
    if "id" in message and not _is_identity(message["id"]):
        return types.ErrorCodes.InvalidRequest, "An id is a string or a whole number."
    return None


def _what_is_wrong(method: str, error: Exception) -> str:
    """Say which parameters are wrong, without the values: they may hold the user's text."""
    if isinstance(error, ClassValidationError):
        from cattrs import transform_error  # noqa: PLC0415 - only for a mistake

        paths = transform_error(error, format_exception=lambda one, _type: type(one).__name__)
        return f"{method}: " + "; ".join(path.replace("@ $", "at params") for path in paths)[:300]
    return f"{method}: {type(error).__name__}"
