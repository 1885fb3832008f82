"""The wire: where "exactly one response to every request" is kept.

`take` is the way in: each request is written down in `Pending` as it arrives, whatever is wrong with it. `_send_data`
is the way out: it sends only the response of a request that is still written down. What is left at `exit` is answered
then.

pygls writes messages and keeps what the server asks the client; what is ours, and why:

- a request that is malformed, too early or too late gets an error response (pygls gives it none), and a message that
  is not JSON, or no JSON-RPC, gets an error with id null;
- a handler's exception becomes a sentence, its traceback goes to the log (pygls sends the traceback to the client);
- nothing pops up: errors that nobody waits for go to the log;
- what the client asks and what it is asked have a table each (pygls' one lets a client answer its own requests).
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import fields_dict
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from starcoder_lsp.errors import ConfigError, StarcoderError, Superseded
from starcoder_lsp.server.clients import declares_inline_completion
from starcoder_lsp.server.messages import decode, is_identity, what_is_wrong
from starcoder_lsp.server.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starcoder_lsp.server.app import App
    from starcoder_lsp.server.messages import Message
    from starcoder_lsp.server.pending import Identity
    from starcoder_lsp.server.traits import Handler

log = logging.getLogger(__name__)

_WITHOUT_PARAMS = (types.SHUTDOWN, types.EXIT)
"""Some clients send an empty object."""


class Protocol(LanguageServerProtocol):
    """LSP over any transport. See the module for what differs from pygls."""

    _server: StarcoderServer
    inline_declared = False
    """Whether the client named inline completion among its capabilities."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - passed on
        """Begin before `initialize`, with nothing to answer."""
        super().__init__(*arguments, **options)
        self.pending = Pending()
        self._initialized = False
        self._tasks: dict[Identity, asyncio.Task[object]] = {}

    # ---- the way in --------------------------------------------------------------------------------------------

    def take_body(self, body: bytes) -> None:
        """Take the body of a message."""
        try:
            message = decode(body)
        except (ValueError, RecursionError):
            log.warning("A message that is not JSON was refused.")
            self.refuse(None, types.ErrorCodes.ParseError, "The message is not valid JSON.")
        else:
            self.take(message)

    def take(self, message: object) -> None:
        """Handle a decoded message."""
        if not isinstance(message, dict):
            self._refuse_form(None, "A message is a JSON object.")
            return
        request = "id" in message and "method" in message
        identity: Any = message.get("id")
        if "id" in message and not is_identity(identity):
            if request:
                self._refuse_form(None, "An id is a string or a whole number.")
            return
        if request:
            self.pending.arrived(identity)
        if message.get("jsonrpc") != "2.0":
            if request:
                self._refuse_form(identity, 'A message has "jsonrpc": "2.0".')
        elif "method" in message:
            self._call(message, identity)
        elif "id" in message:
            self._take_answer(message)

    def _refuse_form(self, identity: Identity | None, sentence: str) -> None:
        log.info("A message was refused: %s", sentence)
        self.refuse(identity, types.ErrorCodes.InvalidRequest, sentence)

    def _wrong_time(self, method: object) -> tuple[int, str] | None:
        if method == types.EXIT:
            return None
        if not self._initialized:
            early = (types.ErrorCodes.ServerNotInitialized, "The first request is initialize.")
            return None if method == types.INITIALIZE else early
        if self._shutdown:
            return types.ErrorCodes.InvalidRequest, "The server was shut down."
        if method == types.INITIALIZE:
            return types.ErrorCodes.InvalidRequest, "The server is initialized already."
        return None

    def _call(self, message: Message, identity: Identity | None) -> None:
        """Run the handler of a request, or of a notification (without identity)."""
        method = message["method"]
        wrong = self._wrong_time(method)
        if wrong is not None:
            log.info("A message was refused: %s", wrong[1])
            if identity is not None:
                self.refuse(identity, *wrong)
            return
        handler = self._server.handlers.get(method) if isinstance(method, str) else None
        if handler is None:
            self._unknown(method, identity)
            return
        kind = types.METHOD_TO_TYPES[method][0]
        if "id" in fields_dict(kind) and identity is None:
            log.warning("%s without an id was ignored: it is a request.", method)
        elif "id" not in fields_dict(kind) and identity is not None and method != types.EXIT:
            self.refuse(identity, types.ErrorCodes.InvalidRequest, f"{method} is a notification: without id.")
        else:
            self._structure_and_run(handler, kind, message, identity)

    def _structure_and_run(self, handler: Handler, kind: type, message: Message, identity: Identity | None) -> None:
        method = message["method"]
        if method == types.INITIALIZE:
            self.inline_declared = declares_inline_completion(message.get("params"))
        if method in _WITHOUT_PARAMS:
            message = {name: value for name, value in message.items() if name != "params"}
        try:
            params: Any = self._converter.structure(message, kind).params
        except Exception as error:  # noqa: BLE001 - answered and logged
            what = what_is_wrong(method, error)
            log.warning("A malformed message was ignored: %s", what)
            if identity is not None:
                self.refuse(identity, types.ErrorCodes.InvalidParams, what)
            else:
                self._server.app.missed(method, message.get("params"))
        else:
            self._run(handler, params, identity)

    def _unknown(self, method: object, identity: Identity | None) -> None:
        shown = f"{method:.100}" if isinstance(method, str) else type(method).__name__
        if identity is not None:
            self.refuse(identity, types.ErrorCodes.MethodNotFound, f"There is no method {shown}.")
        elif not shown.startswith("$/"):  # LSP: those may be ignored
            log.info("A notification was ignored: there is no method %s.", shown)

    def _run(self, handler: Handler, params: Any, identity: Identity | None) -> None:  # noqa: ANN401 - each has its own
        try:
            outcome = handler.begin(self._server.app, params)
        except Exception as error:  # noqa: BLE001 - answered or logged
            self._failed(identity, error)
            return
        if not asyncio.iscoroutine(outcome):
            self._answer(identity, outcome)
            return
        task: asyncio.Task[object] = asyncio.ensure_future(outcome)
        if identity is not None:
            self._tasks[identity] = task
        task.add_done_callback(partial(self._ended, identity))

    def _ended(self, identity: Identity | None, task: asyncio.Task[object]) -> None:
        if identity is not None and self._tasks.get(identity) is task:
            del self._tasks[identity]
        if task.cancelled():
            if identity is not None:
                self.refuse(identity, types.LSPErrorCodes.RequestCancelled, "The request was cancelled.")
        elif (error := task.exception()) is not None:
            self._failed(identity, error)
        else:
            self._answer(identity, task.result())

    def cancel(self, identity: Identity) -> None:
        """Cancel a request that is being handled; its response says so. Any other id is none of ours."""
        task = self._tasks.get(identity)
        if task is not None:
            task.cancel()

    def _take_answer(self, message: Message) -> None:
        """Take the client's answer to a request of ours."""
        future = self._request_futures.pop(message["id"], None)
        kind = self._result_types.pop(message["id"], None)
        if future is None or future.done():
            log.info("An answer was ignored: nothing was asked under its id, or nobody waits any more.")
            return
        error = message.get("error")
        if error is None:
            try:
                future.set_result(self._converter.structure(message, kind).result if kind else message.get("result"))
            except Exception as problem:  # noqa: BLE001 - told to whoever asked
                future.set_exception(ValueError(what_is_wrong("the answer", problem)))
        else:
            code = error.get("code") if isinstance(error, dict) else None
            text = f"{error.get('message')!s:.200}" if isinstance(error, dict) else "no reason given"
            future.set_exception(JsonRpcException(message=text, code=code if isinstance(code, int) else -32603))

    # ---- the way out -------------------------------------------------------------------------------------------

    def _failed(self, identity: Identity | None, error: BaseException) -> None:
        if identity is None:
            log.error("A notification could not be handled.", exc_info=error)
        elif isinstance(error, Superseded):
            self._answer(identity, None)
        elif isinstance(error, ConfigError):
            self.refuse(identity, types.ErrorCodes.InvalidParams, str(error))
        elif isinstance(error, StarcoderError):
            self.refuse(identity, types.LSPErrorCodes.RequestFailed, str(error))
        else:
            log.error("A request failed.", exc_info=error)
            message = f"Internal error ({type(error).__name__}); the server's log has the details."
            self.refuse(identity, types.ErrorCodes.InternalError, message)

    def _answer(self, identity: Identity | None, result: object) -> None:
        if identity is not None:
            self._send_data({"jsonrpc": self.VERSION, "id": identity, "result": self._converter.unstructure(result)})

    def refuse(self, identity: Identity | None, code: int, message: str) -> None:
        """Answer with an error; null is the id of what has none (JSON-RPC 2.0, section 5)."""
        self._send_data({"jsonrpc": self.VERSION, "id": identity, "error": {"code": int(code), "message": message}})

    def _send_data(self, data: Any) -> None:  # noqa: ANN401 - responses are dictionaries, the rest is pygls' own
        """Send a message; a response only if it is owed. A client that does not listen any more ends the server."""
        body = json.dumps(data, default=self._serialize_message)  # ASCII
        if isinstance(data, dict) and data["id"] is not None and not self.pending.settle(data["id"]):
            log.error("A second response to one request was held back.")
            return
        log.debug("Sent: %s", body)
        header = f"Content-Length: {len(body)}\r\n\r\n" if self._include_headers else ""
        try:
            self.writer.write((header + body).encode())  # type: ignore[union-attr]  # set by whoever runs the server
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self._server.client_gone(error)

    def shut_down(self) -> None:
        """Take no more requests, and end those that are being handled: each still gets its response."""
        self._shutdown = True
        for task in self._tasks.values():
            task.cancel()

    def answer_what_is_left(self) -> None:
        """Answer every request that was not answered yet: nobody will do it later."""
        for identity in self.pending.owed():
            self.refuse(identity, types.LSPErrorCodes.RequestCancelled, "The server ends.")

    def initialized_with(self, capabilities: types.ClientCapabilities) -> None:
        """Take requests: the client said hello, with these capabilities."""
        self.client_capabilities = capabilities
        self._initialized = True

    @property
    def was_shut_down(self) -> bool:
        """Whether the client asked for the end."""
        return self._shutdown


class StarcoderServer(LanguageServer):
    """The pygls server: what the handlers use to speak to the client. `app` and `handlers` are set by the App."""

    protocol: Protocol
    app: App
    handlers: Mapping[str, Handler]

    def end(self, status: int) -> None:
        """End the process; whoever runs the server replaces this."""

    def client_gone(self, reason: Exception | None = None) -> None:
        """Nobody listens any more."""
        log.info("The client has gone%s.", f" ({type(reason).__name__})" if reason else "")
        self.end(1)

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401, ARG002 - pygls' own type
        """Log, and pop nothing up."""
        log.error("A message could not be sent: %s", type(error).__name__, exc_info=error)
