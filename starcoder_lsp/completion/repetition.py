"""Loops: a model that has nothing more to say says it again, without end.

What repeats itself in good code (a row of zeros, a ruler of dashes, `end` below `end`) repeats itself a few times only,
or at another indentation. The counts here leave that alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starcoder_lsp.completion.cursor import telling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.completion.cursor import Cursor

_LINES = ((1, 4), (2, 3), (3, 3))
"""Lines of a loop, and how often they must stand one below the other."""
_UNITS = ((2, 3, 8), (4, 11, 6), (12, 40, 4))
"""Characters of what repeats within a line, from and to, and how often it must."""
_RUN = re.compile(r"(.)\1{8,}")
_LETTERS, _DIGITS, _BLANKS, _CLOSERS = 8, 16, 72, 24
"""Characters of one kind that may stand in a row: no word has more letters, no number more digits or `F`s."""


def loop(lines: Sequence[str]) -> int | None:
    """Return how many of `lines` to keep if they end in a loop: up to its first round; else None."""
    for period, times in _LINES:
        tail = lines[-period * times :]
        if len(tail) < period * times or tail[period:] != tail[:-period]:
            continue
        if any(telling(line) for line in tail):
            return len(lines) - len(tail) + period
    return None


def endless(text: str, cursor: Cursor) -> int | None:
    """Return how many characters of `text` to keep if its last line says one thing over and over; else None."""
    start = text.rfind("\n") + 1
    kept = _run(text, start, cursor)
    if kept is not None:
        return kept
    end = stutter(text[start:])
    return None if end is None else start + end


def _run(text: str, start: int, cursor: Cursor) -> int | None:
    """Return where a run of one character becomes too long on the line that begins at `start`; else None.

    Of a ruler, as much is kept as the file's own have; of anything else, nothing.
    """
    begun = cursor.line_before if not start else ""
    line = begun + text[start:]
    for match in _RUN.finditer(line):
        if match.end() <= len(begun):
            continue
        most, is_ruler = _longest(match[1], line[: match.start()], cursor)
        if len(match[0]) > most:
            end = match.start() + (most if is_ruler else 0)
            return start + max(0, end - len(begun))
    return None


def _longest(letter: str, before: str, cursor: Cursor) -> tuple[int, bool]:
    """Return how long a run of a character may be behind `before` on its line, and whether it is a ruler."""
    if letter.isspace():
        return _BLANKS, False
    if letter in ")]}":
        return _CLOSERS, False
    if letter in "0123456789fF":
        return _DIGITS, False
    if letter.isalnum() or (letter == "_" and before[-1:].isalnum()):
        return _LETTERS, False
    # The underline of a heading is as long as the heading.
    heading = len(cursor.previous_line.rstrip()) if not before.strip() else 0
    most = max(cursor.runs.get(letter, 0), heading)
    return max(most, _LETTERS), most > _LETTERS


def stutter(line: str) -> int | None:
    """Return how many characters of `line` to keep if it ends in a loop (`0, 0, 0, …`); else None."""
    for least, most, times in _UNITS:
        for size in range(least, min(most, len(line) // times) + 1):
            unit = line[-size:]
            if len(set(unit)) == 1 or not line.endswith(unit * times):
                continue
            start = len(line) - size * times
            while start >= size and line.startswith(unit, start - size):
                start -= size
            return start + size
    return None
