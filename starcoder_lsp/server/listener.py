"""Tells the client what happens in the session: status, progress, refreshes."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from starcoder_lsp.server.convert import status_params

if TYPE_CHECKING:
    from starcoder_lsp.server.protocol import StarcoderServer
    from starcoder_lsp.session import Status

log = logging.getLogger(__name__)

STATUS = "starcoder/status"
REFRESH = "starcoder/refresh"
_STATUS_S = 0.1


class ClientListener:
    """A session's `Listener` that sends notifications. All methods run on the event loop's thread."""

    def __init__(self, server: StarcoderServer) -> None:
        """Send to `server`'s client, once it is initialized."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._ready = False
        self._sent_at = 0.0
        self._pending: asyncio.TimerHandle | None = None
        self._status: Status | None = None
        self._progress: _Progress | None = None

    def client_ready(self) -> None:
        """The client is initialized: from now on it may be told things."""
        self._ready = True
        self._send_status()

    def status_changed(self, status: Status) -> None:
        """Send the newest status, at most every 100 ms."""
        self._status = status
        if not self._ready or self._pending is not None:
            return
        wait = self._sent_at + _STATUS_S - self._loop.time()
        if wait <= 0:
            self._send_status()
        else:
            self._pending = self._loop.call_later(wait, self._send_status)

    def _send_status(self) -> None:
        self._pending = None
        if self._status is not None:
            self._sent_at = self._loop.time()
            self._server.protocol.notify(STATUS, status_params(self._status))

    def refreshed(self, uri: str) -> None:
        """Tell the client to ask again."""
        self._server.protocol.notify(REFRESH, {"uri": uri})

    def loading(self, message: str, percent: int | None) -> None:
        """Show progress, where the client can."""
        window = self._server.client_capabilities.window
        if window is None or not window.work_done_progress:
            return
        if self._progress is None:
            self._progress = _Progress(self._server)
        self._progress.report(message, percent)

    def loaded(self, error: str | None) -> None:
        """End the progress; show an error once, as a message."""
        progress, self._progress = self._progress, None
        if progress is not None:
            progress.end(error)
        if error is not None:
            self._server.window_show_message(types.ShowMessageParams(type=types.MessageType.Error, message=error))


class _Progress:
    """One work-done progress: created, begun, reported and ended in this order, whatever the client's speed."""

    def __init__(self, server: StarcoderServer) -> None:
        self._server = server
        self._token = str(uuid.uuid4())
        self._latest: tuple[str, int | None] = ("", None)
        self._ended: str | None = None
        self._begun = False
        self._task = asyncio.ensure_future(self._begin())

    async def _begin(self) -> None:
        try:
            await asyncio.wait_for(self._server.work_done_progress.create_async(self._token), 10)
        except Exception as error:  # noqa: BLE001 - a client that refuses progress goes without
            log.info("The client does not take progress: %s", type(error).__name__)
            return
        message, percent = self._latest
        self._send(types.WorkDoneProgressBegin(title="StarCoder", message=message, percentage=percent))
        self._begun = True
        if self._ended is not None:
            self._send(types.WorkDoneProgressEnd(message=self._ended))

    def report(self, message: str, percent: int | None) -> None:
        self._latest = (message, percent)
        if self._begun:
            self._send(types.WorkDoneProgressReport(message=message, percentage=percent))

    def end(self, error: str | None) -> None:
        self._ended = "failed" if error else "ready"
        if self._begun:
            self._send(types.WorkDoneProgressEnd(message=self._ended))

    def _send(self, value: Any) -> None:  # noqa: ANN401 - one of three kinds
        self._server.protocol.notify(types.PROGRESS, types.ProgressParams(token=self._token, value=value))
