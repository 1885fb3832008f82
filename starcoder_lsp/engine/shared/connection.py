"""A window's end of the connection to the engine process."""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from attrs import define, field

from starcoder_lsp.engine.shared.messages import Decoder, Message, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE: Final = 1 << 16


class Gone(Exception):  # noqa: N818 - reads as what happened
    """The other side closed the connection, or died."""


@define(eq=False)
class Connection:
    """Messages in and out. `send` and `abort` may be called from any thread."""

    stream: socket.socket
    _decoder: Decoder = field(factory=Decoder)
    _read: deque[Message] = field(factory=deque)
    _lock: threading.Lock = field(factory=threading.Lock)
    _selector: selectors.BaseSelector = field(factory=selectors.DefaultSelector)

    def __attrs_post_init__(self) -> None:
        """Watch the stream."""
        self._selector.register(self.stream, selectors.EVENT_READ)

    def send(self, message: Message) -> None:
        """Send a message. Raises Gone."""
        data = encode(message)
        with self._lock:
            try:
                self.stream.sendall(data)
            except OSError as error:
                raise Gone from error

    def receive(self) -> Message:
        """Wait for the next message, and return it. Raises Gone, BadMessage."""
        while not self._read:
            self._take()
        return self._read.popleft()

    def readable(self, seconds: float) -> bool:
        """Whether something comes, or the other side goes, within so many seconds."""
        return bool(self._read or self._selector.select(seconds))

    def arrived(self) -> Iterator[Message]:
        """Yield what came meanwhile, without waiting. Raises Gone, BadMessage."""
        while self.readable(0):
            if not self._read:
                self._take()
            while self._read:
                yield self._read.popleft()

    def abort(self) -> None:
        """Wake the thread that waits for a message: it hears that the other side has gone."""
        with suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go. Idempotent."""
        self._selector.close()
        self.stream.close()

    def _take(self) -> None:
        try:
            data = self.stream.recv(_PIECE)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self._decoder.feed(data)
        self._read.extend(self._decoder.messages())
