"""A place in code, written into the code: `foo(▌)`."""

from __future__ import annotations

from starcoder_lsp.completion.cursor import Cursor

MARK = "▌"


def split(marked: str) -> tuple[str, int]:
    """Return the text without the cursor mark, and the mark's offset."""
    offset = marked.index(MARK)
    return marked.replace(MARK, ""), offset


def cursor_at(marked: str) -> Cursor:
    """Return the cursor of a marked text."""
    return Cursor.at(*split(marked))
