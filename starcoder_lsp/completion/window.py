"""Which part of a file goes into the prompt, in tokens: anchored, so that consecutive prompts share their beginning.

The suffix window is a pure function of the text behind the cursor, which typing does not change. The prefix window has
an anchor: a line start that stays where it is while the prefix fits the budget, and then jumps by half a window. An
anchor remembers the text that stood there, so that it moves with it when lines are added or removed above.

Windows are made of whole lines, up to the cursor. The exception is a line that alone is longer than the budget (a
minified file): then the part of it next to the cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, frozen

Chunks = Callable[[str], Sequence[tuple[str, Sequence[int]]]]
"""Divides a text into chunks of about a line with their ids; joined, the ids are those of the whole text."""

CHARS_PER_TOKEN = 12
"""How far to look for a budget of tokens: more characters than tokens ever have on average in code."""
_SNIPPET = 160
_NEAR = 20_000
_PROBE = 40
"""Characters, to a line's end, by which a window's beginning is looked for."""
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
    """What stood there, up to the cursor's line, which changes with every key, or half of the way to the cursor."""
    behind: int = 0
    """How many characters stood from there to the text's end."""
    inside_line: bool = False

    def find(self, text: str) -> int | None:
        """Return where the remembered text stands now; None if it is gone. Takes some 10 µs, whatever the text's size.

        It stands where it stood if the change was behind it, and as far from the end if the change was above; where
        both changed, it is looked for near by.
        """
        if self.offset <= 0:
            return self.offset if self.offset == 0 else None
        for at in (self.offset, len(text) - self.behind):
            if self._stands(text, at):
                return at
        at = text.find(self.snippet, max(0, self.offset - _NEAR), self.offset + _NEAR) if self.snippet else -1
        return at if self._stands(text, at) else None

    def _stands(self, text: str, at: int) -> bool:
        if at < 0 or not text.startswith(self.snippet, at):
            return False
        return self.inside_line or at == 0 or text[at - 1] == "\n"

    def remember(self, text: str, offset: int, cursor: int) -> None:
        """Keep the place, and what stands there."""
        line = text.rfind("\n", offset, cursor) + 1
        end = min(offset + _SNIPPET, line if line > offset else (offset + cursor) // 2)
        self.offset, self.snippet, self.behind = offset, text[offset:end], len(text) - offset
        self.inside_line = offset > 0 and text[offset - 1] != "\n"


def prefix_window(text: str, cursor: int, budget: int, anchor: Anchor, chunks: Chunks) -> Window:
    """Return the window in front of `cursor`: at most `budget` tokens, ending exactly at the cursor."""
    start = anchor.find(text)
    if start is not None and _may_begin(text, start, cursor, anchor) and cursor - start <= budget * CHARS_PER_TOKEN:
        window = _window(text, start, cursor, chunks)
        if len(window.ids) <= budget and (start == 0 or len(window.ids) >= budget // _MIN_FILL):
            anchor.remember(text, start, cursor)
            return window
    window = _placed(text, cursor, budget, chunks)
    anchor.remember(text, window.start, cursor)
    return window


def _may_begin(text: str, start: int, cursor: int, anchor: Anchor) -> bool:
    return start <= cursor and not (anchor.inside_line and "\n" in text[start:cursor])


def _placed(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    """Place a window: all that is in front if it fits, else half of the budget, so that it can grow before it jumps."""
    reach = max(0, cursor - budget * CHARS_PER_TOKEN)
    start = _line_from(text, reach, cursor)
    pieces = chunks(text[start:cursor])
    room = budget if start == 0 else budget // 2
    if start < cursor and sum(len(ids) for _piece, ids in pieces) <= room:
        return Window(start, cursor, _joined(pieces))
    start, room = cursor, budget // 2
    for piece, ids in reversed(pieces):
        room -= len(ids)
        if room < 0:
            break
        start -= len(piece)
    line = text.rfind("\n", reach, cursor) + 1  # 0 if it is out of reach: that is too long anyway
    start = min(_line_from(text, start, cursor), max(line, reach))
    window = _window(text, start, cursor, chunks)
    return window if 0 < len(window.ids) <= budget else _part_in_front(text, cursor, budget // 2, chunks)


def _part_in_front(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    """Return what fits in front of the cursor, from a line's start if there is one in it."""
    length = min(budget * CHARS_PER_TOKEN, cursor)
    while len((window := _window(text, cursor - length, cursor, chunks)).ids) > budget:
        length = _less(length, len(window.ids), budget)
    line = _line_from(text, window.start, cursor)
    return _window(text, line, cursor, chunks) if line < cursor else window


def _line_from(text: str, offset: int, cursor: int) -> int:
    """Return the first start of a line at or behind `offset`; the cursor if there is none in front of it."""
    if offset == 0 or text[offset - 1] == "\n":
        return offset
    at = text.find("\n", offset, cursor)
    return at + 1 if at >= 0 else cursor


def held_start(text: str, cursor: int, budget: int, chunks: Chunks, held: Callable[[Sequence[int]], int]) -> int | None:
    """Return where a window in front of `cursor` began whose beginning is still held somewhere; None without any.

    `held` returns how many of a window's ids, from its start, are held. So the window of a place that was left, or of
    an earlier process, is found again: where windows begin depends on where the cursor was when they were placed.
    """
    start, best, most = _line_from(text, max(0, cursor - budget * CHARS_PER_TOKEN), cursor), None, 0
    while start < cursor:
        line = text.find("\n", start + _PROBE, cursor)
        probe = encoded(text[start : line if line >= 0 else cursor], chunks)
        if held(probe) >= max(1, len(probe) - 1):
            found = held(encoded(text[start:cursor], chunks))
            if found > most:
                best, most = start, found
        start = _line_from(text, start + 1, cursor)
    return best


def suffix_window(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    """Return the window behind `cursor`: at most `budget` tokens, whole lines, beginning exactly at the cursor."""
    end = cursor
    taken: list[int] = []
    for piece, ids in chunks(text[cursor : cursor + budget * CHARS_PER_TOKEN]):
        if len(taken) + len(ids) > budget:
            break
        taken += ids
        end += len(piece)
    line = _line_until(text, end, cursor)
    if line == end and taken:
        return Window(cursor, end, tuple(taken))
    window = _window(text, cursor, line, chunks)
    return window if 0 < len(window.ids) <= budget else _part_behind(text, cursor, budget, chunks)


def _part_behind(text: str, cursor: int, budget: int, chunks: Chunks) -> Window:
    """Return what fits behind the cursor, up to a line's end if there is one in it."""
    length = min(budget * CHARS_PER_TOKEN, len(text) - cursor)
    while len((window := _window(text, cursor, cursor + length, chunks)).ids) > budget:
        length = _less(length, len(window.ids), budget)
    line = _line_until(text, window.end, cursor)
    return _window(text, cursor, line, chunks) if line > cursor else window


def _line_until(text: str, offset: int, cursor: int) -> int:
    """Return the last end of a line at or in front of `offset`; the cursor if there is none behind it."""
    if offset == len(text) or text[offset] == "\n":
        return offset
    return max(cursor, text.rfind("\n", cursor, offset))


def _less(length: int, tokens: int, budget: int) -> int:
    """Return a length that may fit: what its tokens suggest, but three quarters at most, so that it soon does."""
    return min(length * budget // tokens, length * 3 // 4)


def encoded(text: str, chunks: Chunks) -> tuple[int, ...]:
    """Return the ids of a text."""
    return _joined(chunks(text))


def _window(text: str, start: int, end: int, chunks: Chunks) -> Window:
    return Window(start, end, encoded(text[start:end], chunks))


def _joined(pieces: Sequence[tuple[str, Sequence[int]]]) -> tuple[int, ...]:
    return tuple(token for _piece, ids in pieces for token in ids)
