"""Whose turn it is in a document: the newest request's. An older one is woken at once, to be answered with nothing."""

from __future__ import annotations

import asyncio
import contextlib


class Turn:
    """One request's turn. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        """Begin."""
        self.over = False
        """A newer request took its place, or the document was closed."""
        self._news = asyncio.Event()

    def end(self) -> None:
        """Take the turn away."""
        self.over = True
        self._news.set()

    def wake(self) -> None:
        """Say that something happened to what is waited for."""
        self._news.set()

    async def wait(self, seconds: float | None) -> None:
        """Return once something happened since the last wait, or after `seconds` (None: however long it takes)."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        self._news.clear()
