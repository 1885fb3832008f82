"""One window as the engine process sees it: a connection that may be slow, and what was said over it.

What the slots hold is told when there is room for it, the newest state only: a window that sleeps costs nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from attrs import define, field

from starcoder_lsp.engine.base import common_prefix
from starcoder_lsp.engine.shared.greeting import make_nonce
from starcoder_lsp.engine.shared.messages import Decoder, Holds, Message, encode
from starcoder_lsp.engine.shared.slots import Slot

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from starcoder_lsp.engine.base import Engine
    from starcoder_lsp.engine.shared.slots import Slots
    from starcoder_lsp.engine.worker import Job

_STRANGER_MOST: Final = 1024
"""Bytes of a frame before the greeting."""
_UNREAD_MOST: Final = 4 * 2**20
"""Bytes that wait for a window that does not read; more, and it is cut off."""


@define(eq=False)
class Window:
    """See the module. `send`, `tell` and `flush` may be called from any thread."""

    number: int
    connection: socket.socket
    wake: Callable[[], None]
    """Tells the thread that waits for sockets that something is to be written."""
    decoder: Decoder = field(factory=lambda: Decoder(_STRANGER_MOST))
    nonce: bytes = field(factory=make_nonce)
    known: bool = False
    """It proved that it knows the token."""
    greeting: bytes = b""
    """What it asked to be proved."""
    job: Job[Engine] | None = None
    asked: int = 0
    """Number of what it asked last."""
    broken: bool = False
    _unsent: bytearray = field(factory=bytearray)
    _told: dict[int, Slot] = field(factory=dict)
    _lock: threading.RLock = field(factory=threading.RLock)

    def send(self, message: Message) -> None:
        """Send a message; what does not go at once goes later."""
        data = encode(message)
        with self._lock:
            waiting = bool(self._unsent)
            self._unsent += data
            if waiting or self.flush():
                self.wake()

    def tell(self, slots: Slots, slot: int, *, now: bool = False) -> None:
        """Say what a slot holds: if there is room, or `now`."""
        with self._lock:
            if self._unsent and not now:
                return
            told, seen = self._told.get(slot, Slot()), slots.seen_by(self.number, slot)
            if told.ids is seen.ids and told.mine == seen.mine:
                return
            keep = common_prefix(told.ids, seen.ids)
            self._told[slot] = seen
            self.send(Holds(slot, seen.mine, keep, list(seen.ids[keep:])))

    def flush(self) -> bool:
        """Send what goes; return whether something is left."""
        with self._lock:
            try:
                while self._unsent:
                    sent = self.connection.send(self._unsent)
                    del self._unsent[:sent]
            except BlockingIOError:
                self.broken = self.broken or len(self._unsent) > _UNREAD_MOST
            except OSError:
                self.broken = True
                self._unsent.clear()
            return bool(self._unsent) or self.broken

    @property
    def unsent(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._unsent)
