"""One server for the tests that do not change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.support.editor import Editor, editing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editor() -> AsyncIterator[Editor]:
    """A server with nano, shared by the whole run: open documents of your own, and leave its settings alone."""
    async with editing() as editor:
        yield editor
