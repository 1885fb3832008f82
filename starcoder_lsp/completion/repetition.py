"""Loops: a model that has nothing more to say says it again, without end.

What repeats itself in good code (a row of zeros, a ruler of dashes, `end` below `end`) repeats itself a few times only,
or at another indentation. The counts here leave that alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINES = ((1, 4), (2, 3), (3, 3))
"""Lines of a loop, and how often they must stand one below the other."""
_EVIDENCE = 3
"""A loop of lines shorter than this (`}`, `],`) is none."""
_UNITS = ((2, 3, 8), (4, 11, 6), (12, 40, 4))
"""Characters of what repeats within a line, from and to, and how often it must."""
_RUN = 96
_RULER = 72
"""A run of one character is a ruler up to `_RUN` characters; of a longer one, so many are kept."""


def loop(lines: Sequence[str]) -> int | None:
    """Return how many of `lines` to keep if they end in a loop: up to its first round; else None."""
    for period, times in _LINES:
        tail = lines[-period * times :]
        if len(tail) < period * times or tail[period:] != tail[:-period]:
            continue
        if any(len(line.strip()) >= _EVIDENCE for line in tail):
            return len(lines) - len(tail) + period
    return None


def stutter(line: str) -> int | None:
    """Return how many characters of `line` to keep if it ends in a loop (`0, 0, 0, …`); else None."""
    if len(line) >= _RUN and line.endswith(line[-1] * _RUN):
        return len(line.rstrip(line[-1])) + _RULER
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
