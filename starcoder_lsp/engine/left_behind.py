"""Native work that cannot be interrupted: who waits for it no longer leaves it behind.

It ends on its own thread, and what it made is freed there. Who is short of what it holds can wait for that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

from starcoder_lsp.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.engine.base import CancelToken

__all__ = ["interruptible", "under_way", "wait"]

T = TypeVar("T")

_lock: Final = threading.Lock()
_left: Final[set[threading.Thread]] = set()


def interruptible(make: Callable[[], T], free: Callable[[T], None], cancel: CancelToken) -> T:
    """Return what `make` makes, on a thread of its own; `free` frees it where nobody waits for it any more.

    Raises Cancelled as soon as `cancel` is set, and what `make` raises.
    """
    made: list[T] = []
    failed: list[BaseException] = []
    woken = threading.Event()
    unwanted = False

    def run() -> None:
        try:
            made.append(make())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            failed.append(error)
        with _lock:
            woken.set()
            mine = unwanted
        if mine:
            while made:
                free(made.pop())
            with _lock:
                _left.discard(thread)

    thread = threading.Thread(target=run, name="native load", daemon=True)
    with cancel.calling(woken.set):
        thread.start()
        woken.wait()
    with _lock:
        if not made and not failed:
            unwanted = True
            _left.add(thread)
            raise Cancelled("it was left behind")
    if failed:
        raise failed[0]
    return made[0]


def under_way() -> bool:
    """Return whether something goes on that was left behind."""
    with _lock:
        return bool(_left)


def wait(cancel: CancelToken, every: float = 0.1) -> None:
    """Wait until all that was left behind has ended. Raises Cancelled within `every` seconds after `cancel` is set."""
    while True:
        with _lock:
            thread = next(iter(_left), None)
        if thread is None:
            return
        if cancel.cancelled:
            raise Cancelled("nobody waits any more")
        thread.join(every)
