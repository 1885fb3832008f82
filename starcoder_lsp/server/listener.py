"""Tells the client what happens in the session: status, progress, refreshes."""

from __future__ import annotations

import asyncio
import logging
import uuid
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from starcoder_lsp.server.convert import status_params

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.server.protocol import StarcoderServer
    from starcoder_lsp.session import Status

log = logging.getLogger(__name__)

STATUS = "starcoder/status"
REFRESH = "starcoder/refresh"
_STATUS_S = 0.1
_SCAN_S = 2.0


class ClientListener:
    """A session's `Listener` that sends notifications. All methods run on the event loop's thread."""

    def __init__(self, server: StarcoderServer) -> None:
        """Send to `server`'s client, once it is initialized."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self.cancelled: Callable[[], None] | None = None
        """Ends a load that goes on, for the model before it."""
        self._had_model = False
        self._ready = False
        self._sent_at = 0.0
        self._pending: asyncio.TimerHandle | None = None
        self._status: Status | None = None
        self._progress: Progress | None = None
        self._scan: Progress | None = None
        self._scan_begun = 0.0

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
            self._progress = Progress(self._server, self.cancelled if self._had_model else None)
        self._progress.report(message, percent)

    def show_in(self, progress: Progress) -> None:
        """Show the load that begins in a progress that there is already, that of its model's fetch."""
        self.let_go(self._progress)
        self._progress = progress

    def let_go(self, progress: Progress | None, why: str | None = None) -> None:
        """End a progress; what goes on is shown in another."""
        if progress is not None:
            progress.end(why)
            if self._progress is progress:
                self._progress = None

    def loaded(self, error: str | None) -> None:
        """End the progress; show an error once, as a message."""
        self._had_model = self._had_model or error is None
        self.let_go(self._progress, error)
        if error is not None:
            self._server.window_show_message(types.ShowMessageParams(type=types.MessageType.Error, message=error))

    def scanned(self, done: int, wanted: int, *, ended: bool) -> None:
        """Show how many files were read, once that has taken two seconds."""
        if ended:
            scan, self._scan, self._scan_begun = self._scan, None, 0.0
            if scan is not None:
                scan.end(None)
            return
        self._scan_begun = self._scan_begun or self._loop.time()
        window = self._server.client_capabilities.window
        if window is None or not window.work_done_progress or self._loop.time() - self._scan_begun < _SCAN_S:
            return
        if self._scan is None:
            self._scan = Progress(self._server)
        percent = min(100, 100 * done // wanted) if wanted else None
        self._scan.report(f"Reading the folder: {done} of {wanted} files", percent)


def progress_of(
    server: StarcoderServer, cancelled: Callable[[], None], token: types.ProgressToken | None = None
) -> Progress | None:
    """Begin a progress that its user may cancel: under the request's own `token`, or where the client can show one."""
    window = server.client_capabilities.window
    shows = token is not None or (window is not None and window.work_done_progress)
    return Progress(server, cancelled, token) if shows else None


class Progress:
    """One work-done progress: created, begun, reported and ended in this order, once, whatever the client's speed.

    `cancelled` is called when its user cancels it; None: that cannot be. `token` is the client's own, if it made one.
    """

    def __init__(
        self,
        server: StarcoderServer,
        cancelled: Callable[[], None] | None = None,
        token: types.ProgressToken | None = None,
    ) -> None:
        """Ask the client for it."""
        self._server = server
        self._cancelled = cancelled
        self._made_here = token is None
        self._token = str(uuid.uuid4()) if token is None else token
        self._latest: tuple[str, int | None] = ("", None)
        self._ended: str | None = None
        self._begun = False
        self._task = asyncio.ensure_future(self._begin())

    async def _begin(self) -> None:
        try:
            if self._made_here:
                await asyncio.wait_for(self._server.work_done_progress.create_async(self._token), 10)
        except Exception as error:  # noqa: BLE001 - a client that refuses progress goes without
            log.info("The client does not take progress: %s", type(error).__name__)
            return
        message, percent = self._latest
        cancelled = self._cancelled
        if cancelled is not None:
            future = self._server.work_done_progress.tokens.setdefault(self._token, Future())
            future.add_done_callback(lambda _future: cancelled())
        self._send(
            types.WorkDoneProgressBegin(
                title="StarCoder", message=message, percentage=percent, cancellable=cancelled is not None
            )
        )
        self._begun = True
        if self._ended is not None:
            self._send(types.WorkDoneProgressEnd(message=self._ended))

    def report(self, message: str, percent: int | None) -> None:
        """Say how far it is."""
        self._latest = (message, percent)
        if self._begun and self._ended is None:
            self._send(types.WorkDoneProgressReport(message=message, percentage=percent))

    def end(self, error: str | None) -> None:
        """End it."""
        before, self._ended = self._ended, "failed" if error else "ready"
        if self._begun and before is None:
            self._send(types.WorkDoneProgressEnd(message=self._ended))

    def _send(self, value: Any) -> None:  # noqa: ANN401 - one of three kinds
        self._server.protocol.notify(types.PROGRESS, types.ProgressParams(token=self._token, value=value))
