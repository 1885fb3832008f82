"""Which part of a file goes into the prompt, in tokens: anchored, so that consecutive prompts share their beginning.

The suffix window is a pure function of the text behind the cursor, which typing does not change. The prefix window has
an anchor: a line start that stays where it is while the prefix fits the budget, and then jumps by half a window. An
anchor remembers the text that stood there, so that it moves with it when lines are added or removed above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, frozen

Chunks = Callable[[str], Sequence[tuple[str, Sequence[int]]]]
"""Divides a text into chunks of about a line with their ids; joined, the ids are those of the whole text."""

_CHARS_PER_TOKEN = 12
"""How far to look for a budget of tokens: more characters than tokens ever have on average in code."""
_GRID = 1024
"""In a line longer than the window, an anchor stands at a multiple of this many characters."""
_SNIPPET = 160
_MIN_FILL = 4
"""A window filled to less than a quarter is placed anew, if there is more text in front of it."""


@frozen
class Window:
    """A slice of the text, and its ids."""

    start: int
    end: int
    ids: tuple[int, ...]


@define
class Anchor:
    """Where the prefix window of one document began last time."""

    offset: int = -1
    snippet: str = ""

    def find(self, text: str) -> int | None:
        """Return where the remembered text stands now, looking near its old place first; None if it is gone."""
        if self.offset < 0:
            return None
        if text.startswith(self.snippet, self.offset):
            return self.offset
        near = max(0, self.offset - 20_000)
        for at in (text.find(self.snippet, self.offset), text.find(self.snippet, near, self.offset + len(self.snippet))):
            if at >= 0 and (at == 0 or text[at - 1] == "\n"):
                return at
        return None

    def remember(self, text: str, offset: int, cursor: int) -> None:
        """Keep the place and what stands there, up to the cursor's line, which changes with every key."""
        line_end = text.rfind("\n", offset, cursor) + 1
        self.offset, self.snippet = offset, text[offset : max(offset, min(offset + _SNIPPET, line_end))]


def prefix_window(text: str, cursor: int, budget: int, anchor: Anchor, chunks: Chunks) -> Window:
    """Return the window in front of `cursor`: at most `budget` tokens, ending exactly at the cursor."""
    start = anchor.find(text)
    if start is not None and start <= cursor and cursor - start <= budget * _CHARS_PER_TOKEN:
        ids = _ids(chunks(text[start:cursor]))
        if len(ids) <= budget and (start == 0 or len(ids) >= budget // _MIN_FILL):
            anchor.remember(text, start, cursor)
            return Window(start, cursor, ids)
    window = _fresh(text, cursor, budget, chunks)
    anchor.remember(text, window.start, cursor)
    return window


def _fresh(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    """Place a window that is half full, so that it can grow by as much again before it must jump."""
    reach = max(0, cursor - budget * _CHARS_PER_TOKEN)
    if reach > 0:
        line = text.find("\n", reach, cursor)
        reach = line + 1 if line >= 0 else -(-reach // _GRID) * _GRID
    start, room = cursor, budget // 2 if reach > 0 or len(text[reach:cursor]) > budget else budget
    pieces = chunks(text[reach:cursor])
    if reach == 0 and sum(len(ids) for _piece, ids in pieces) <= budget:
        return Window(0, cursor, _ids(pieces))
    room = budget // 2
    for piece, ids in reversed(pieces):
        if len(ids) > room:
            break
        room -= len(ids)
        start -= len(piece)
    # A chunk begins with the line end in front of its line; the window begins behind it.
    while start < cursor and text[start] == "\n":
        start += 1
    ids = _ids(chunks(text[start:cursor]))
    if start < cursor and len(ids) <= budget:
        return Window(start, cursor, ids)
    return _inside_line(text, cursor, budget, chunks)


def _inside_line(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    """Return a window that begins inside the cursor's line, which alone is longer than the budget."""
    line = text.rfind("\n", 0, cursor) + 1
    step = min(_GRID, max(1, budget // 2))
    start = max(line, cursor - budget * 2)
    start = min(cursor, line + -(-(start - line) // step) * step)
    while True:
        ids = _ids(chunks(text[start:cursor]))
        if len(ids) <= budget:
            return Window(start, cursor, ids)
        start = min(cursor, start + max(step, (cursor - start) // 2))


def suffix_window(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    """Return the window behind `cursor`: at most `budget` tokens, whole lines, beginning exactly at the cursor."""
    reach = min(len(text), cursor + budget * _CHARS_PER_TOKEN)
    taken: list[int] = []
    end = cursor
    pieces = chunks(text[cursor:reach])
    for index, (piece, ids) in enumerate(pieces):
        cut = reach < len(text) and index == len(pieces) - 1 and index > 0
        if cut or len(taken) + len(ids) > budget:
            if index == 0:  # the rest of the cursor's line alone is longer than the budget
                return _line_rest(text, cursor, budget, chunks)
            break
        taken += ids
        end += len(piece)
    return Window(cursor, end, tuple(taken))


def _line_rest(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    end = cursor + budget * 2
    while end > cursor:
        ids = _ids(chunks(text[cursor:end]))
        if len(ids) <= budget:
            return Window(cursor, min(end, len(text)), ids)
        end = cursor + (end - cursor) // 2
    return Window(cursor, cursor, ())


def _ids(pieces: Sequence[tuple[str, Sequence[int]]]) -> tuple[int, ...]:
    return tuple(token for _piece, ids in pieces for token in ids)
