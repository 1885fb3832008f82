"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable


def until(condition: Callable[[], object], what: str = "the condition", seconds: float = PATIENCE) -> None:
    """Wait until `condition()` holds; fails after `seconds`. On an event loop: `fakes.until`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.01)
