"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED: Final = 0.01
"""Seconds between two looks where each of them is a request."""


def until(condition: Callable[[], object], pause: float = 0.002) -> None:
    """Wait until something holds, looking every `pause` seconds; fail after a long time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(pause)
