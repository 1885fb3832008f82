"""Ctrl-C ends a long command after the step at hand, and keeps what is done; a second one ends it at once.

An exception would be lost where it comes up in a callback of a native library, which is where most of the time goes.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Interrupt", "interruptible"]

_STATUS = 130
"""What a shell expects of a program that Ctrl-C ended."""


@define
class Interrupt:
    """Whether the user wants no more."""

    wanted: bool = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Take Ctrl-C while the block runs. Only on the main thread."""
    interrupt = Interrupt()

    def take(_number: int, _frame: FrameType | None) -> None:
        if interrupt.wanted:
            os._exit(_STATUS)
        interrupt.wanted = True

    before = signal.signal(signal.SIGINT, take)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
