"""The engine process: one thread waits for sockets, another owns the engine. It ends when no window is left.

The engine's thread is a `Worker`, as in a window: lanes, yields, cancels. Each window has one ask at a time, since its
own worker chooses among its documents; here the asks of windows meet. Within a lane the window that asked last goes
first: it is the one that somebody types in.
"""

from __future__ import annotations

import logging
import math
import os
import selectors
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field, frozen

from starcoder_lsp.engine.base import Lane, common_prefix
from starcoder_lsp.engine.shared import greeting
from starcoder_lsp.engine.shared.messages import (
    Ask,
    BadMessage,
    Cancel,
    Challenge,
    Decoder,
    Greeting,
    Keep,
    Log,
    Message,
    Refused,
    Urge,
    Welcome,
)
from starcoder_lsp.engine.shared.slots import Slots
from starcoder_lsp.engine.shared.task import Task
from starcoder_lsp.engine.shared.window import Window
from starcoder_lsp.engine.worker import Worker
from starcoder_lsp.errors import EngineFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from starcoder_lsp.engine.base import CancelToken, Engine

log = logging.getLogger(__name__)

IDLE_S: Final = 15.0
"""How long it stays without a window: one that is loaded anew finds all that was warm."""
_GREETING_S: Final = 10.0
"""A stranger that says nothing for so long is sent away."""
_PIECE: Final = 1 << 16
_LAST_WORDS_S: Final = 1.0
"""How long it stays to say why it ends."""


@frozen
class Opened:
    """An engine, and its speeds in tokens a second."""

    engine: Engine
    prefill: float
    decode: float


@define(eq=False)
class Host:
    """See the module. All methods but `_opened` and what tasks call belong to the thread of `run`."""

    listener: socket.socket
    token: str
    open: Callable[[], Opened]
    """Loads the model, on the engine's thread."""
    idle_s: float = IDLE_S
    _windows: dict[int, Window] = field(factory=dict)
    _numbers: int = 0
    _focused: int = 0
    """Number of the window that asked last."""
    _slots: Slots = field(factory=lambda: Slots.empty(1))
    _worker: Worker[Engine] = field(init=False)
    _selector: selectors.BaseSelector = field(factory=selectors.DefaultSelector)
    _alarm: tuple[socket.socket, socket.socket] = field(factory=socket.socketpair)
    _ready: Welcome | None = None
    _failed: str = ""
    """Why it ends: a sentence for the windows."""
    _failed_at: float = math.inf
    _over: bool = False
    _alone_since: float = field(factory=time.monotonic)
    _arrived: dict[int, float] = field(factory=dict)
    """When strangers came."""

    def __attrs_post_init__(self) -> None:
        """Start the engine's thread."""
        self._worker = Worker(breaks=(EngineFailed,), first=lambda number: number == self._focused)

    # ---- the thread that waits for sockets -----------------------------------------------------------------------

    def run(self) -> None:
        """Serve windows until none is left, the engine fails, or the process is told to end."""
        for end in self._alarm:
            end.setblocking(False)
        self.listener.setblocking(False)
        self._selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._alarm[0], selectors.EVENT_READ, self._woken)
        future = self._worker.open(self._load, lambda engine: engine.close())
        future.add_done_callback(self._opened)
        try:
            while not self._is_over():
                for key, events in self._selector.select(min(1.0, self.idle_s / 4)):
                    key.data(events)
                self._look_around()
        finally:
            self._end()

    def end(self) -> None:
        """Make `run` return soon. From a signal handler, or any thread."""
        self._over = True
        self.wake()

    def wake(self) -> None:
        """Make the thread look around."""
        with suppress(OSError):  # full: it is awake; closed: it is over
            self._alarm[1].send(b"!")

    def _is_over(self) -> bool:
        now = time.monotonic()
        alone = not self._windows and now - self._alone_since >= self.idle_s
        return self._over or alone or now - self._failed_at >= _LAST_WORDS_S

    def _woken(self, _events: int) -> None:
        with suppress(BlockingIOError):
            self._alarm[0].recv(_PIECE)

    def _accept(self, _events: int) -> None:
        try:
            connection, _address = self.listener.accept()
        except OSError:
            return  # it has gone already
        connection.setblocking(False)
        self._numbers += 1
        window = self._windows[self._numbers] = Window(self._numbers, connection, self.wake)
        self._arrived[window.number] = time.monotonic()
        self._selector.register(connection, selectors.EVENT_READ, partial(self._serve, window))
        window.send(Challenge(window.nonce))

    def _serve(self, window: Window, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            window.flush()
        if not events & selectors.EVENT_READ:
            return
        try:
            data = window.connection.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        window.broken = window.broken or not data
        window.decoder.feed(data)
        try:
            for message in window.decoder.messages():
                self._take(window, message)
        except BadMessage:
            log.warning("What came over a connection is of no window of this program: it is closed.")
            window.broken = True

    def _look_around(self) -> None:
        """Close what broke, watch for room where something is to be written, catch up where there is."""
        now = time.monotonic()
        for window in list(self._windows.values()):
            if not window.known and now - self._arrived[window.number] > _GREETING_S:
                window.broken = True
            if window.broken:
                self._close(window)
                continue
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if window.unsent else 0)
            key = self._selector.get_key(window.connection)
            if key.events != wanted:
                self._selector.modify(window.connection, wanted, key.data)
            if window.known and self._ready and not window.unsent:
                self._tell_all(window)

    def _close(self, window: Window) -> None:
        del self._windows[window.number], self._arrived[window.number]
        self._selector.unregister(window.connection)
        window.connection.close()
        self._worker.cancel_all(window.number)
        self._worker.submit(
            Lane.WARM, ("left", window.number), lambda _engine, _cancel: self._slots.left(window.number)
        )
        if not self._windows:
            self._alone_since = time.monotonic()

    def _end(self) -> None:
        """Say last words, and let go of all."""
        until = time.monotonic() + _LAST_WORDS_S
        while any(window.unsent for window in self._windows.values()) and time.monotonic() < until:
            for window in self._windows.values():
                window.flush()
            time.sleep(0.01)
        self.listener.close()
        for window in list(self._windows.values()):
            self._close(window)
        self._worker.close()
        self._selector.close()
        for end in self._alarm:
            end.close()

    # ---- messages ----------------------------------------------------------------------------------------------------

    def _take(self, window: Window, message: Message) -> None:
        if not window.known:
            self._greet(window, message)
        elif isinstance(message, Ask):
            self._ask(window, message)
        elif isinstance(message, Keep):
            self._worker.submit(Lane.BACKGROUND, ("keep", window.number), partial(self._keep, message.ids))
        elif isinstance(message, (Cancel, Urge)):
            if window.job is None or message.number != window.asked:
                return  # it is over already
            if isinstance(message, Cancel):
                self._worker.cancel(window.job)
            else:
                self._worker.promote(window.job, Lane(message.lane))
        else:
            raise BadMessage

    def _greet(self, window: Window, message: Message) -> None:
        if not isinstance(message, Greeting):
            raise BadMessage
        if not greeting.proves(message.proof, self.token, greeting.WINDOW, window.nonce):
            log.warning("A connection with a wrong token was closed.")
            window.send(Refused("The token is wrong.", stranger=True))
            window.broken = True
            return
        window.known, window.greeting, window.decoder.most = True, message.nonce, Decoder().most
        self._welcome(window)

    def _welcome(self, window: Window) -> None:
        if self._failed:
            window.send(Refused(self._failed))
        elif self._ready is not None:
            proof = greeting.prove(self.token, greeting.PROCESS, window.greeting)
            window.send(evolve(self._ready, proof=proof))
            self._tell_all(window)

    def _ask(self, window: Window, ask: Ask) -> None:
        if self._ready is None or not 0 <= ask.slot < self._ready.slots:
            raise BadMessage
        self._focused, window.asked = window.number, ask.number
        task = Task(ask, window, self._slots, self._tell)
        window.job = self._worker.submit(Lane(ask.lane), window.number, task.run)
        window.job.future.add_done_callback(task.end)
        window.job.future.add_done_callback(self._look_at)

    def _keep(self, ids: Sequence[int], engine: Engine, _cancel: CancelToken) -> None:
        for slot in range(engine.info.slots):
            if common_prefix(ids, engine.cached(slot)) == len(ids):
                engine.keep(slot)
                return

    # ---- what others' threads tell -----------------------------------------------------------------------------------

    def _load(self) -> Engine:
        opened = self.open()
        info = opened.engine.info
        self._slots = Slots.empty(info.slots)
        self._ready = Welcome(
            b"",
            os.getpid(),
            info.engine,
            info.context_window,
            info.slots,
            info.detail,
            opened.prefill,
            opened.decode,
            info.states,
        )
        return opened.engine

    def _opened(self, future: Future[Engine]) -> None:
        error = future.exception()
        if error is not None:
            self._fail(error)
        for window in list(self._windows.values()):
            if window.known:
                self._welcome(window)

    def _fail(self, error: BaseException) -> None:
        log.error("The engine process ends: %s", error)
        self._failed, self._failed_at = str(error) or type(error).__name__, time.monotonic()
        self.wake()

    def _look_at(self, future: Future[object]) -> None:
        """End with a broken engine: what is started next is whole."""
        error = future.exception()
        if isinstance(error, EngineFailed):
            self._fail(error)

    def _tell(self, slot: int) -> None:
        for window in list(self._windows.values()):
            if window.known:
                window.tell(self._slots, slot)

    def _tell_all(self, window: Window) -> None:
        for slot in range(len(self._slots.holds)):
            window.tell(self._slots, slot)

    def say(self, level: int, message: str) -> None:
        """Send a line to the windows' logs."""
        for window in list(self._windows.values()):
            if window.known:
                window.send(Log(level, message))


class ToWindows(logging.Handler):
    """Sends what this program logs to the windows."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        try:
            self._host.say(record.levelno, record.getMessage())
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)


def serve(host: Host) -> None:
    """Run on the main thread; signals end it."""
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: host.end())
    host.run()
