"""Where a training hole is cut: as editors ask for one, and at random characters.

A hole is (start, stop) in characters of a text: what the model has to write between prefix and suffix.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from random import Random

__all__ = ["KINDS", "Hole", "cut", "line_starts"]

Hole = tuple[int, int]

# Share of each kind of hole. The editor's own question, "finish this line", is the most frequent. Whole lines need many
# examples: their prefix ends with a line end as a token of its own, which elsewhere stands before control tokens.
KINDS = {"rest_of_line": 0.38, "lines": 0.12, "whole_lines": 0.26, "block": 0.06, "characters": 0.18}

_TYPED = re.compile(r"(?<=[.(=,\[{:\"'@ ])(?=\S)|\b(?=\w)|(?<=\w)(?=\w)")


def line_starts(text: str) -> list[int]:
    """Offsets at which the lines of `text` begin."""
    return [0] + [m.end() for m in re.finditer("\n", text)]


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _cursor(text: str, start: int, rng: Random) -> int:
    """A place in the line at `start` where somebody might stop typing: mostly at a word or a sign."""
    end = _line_end(text, start)
    first = start + _indent(text[start:end])
    if first >= end:
        return end
    choice = rng.random()
    if choice < 0.25:
        return first
    if choice < 0.85:
        places = [m.start() for m in _TYPED.finditer(text, first, end)]
        if places:
            return rng.choice(places)
    return rng.randint(first, end - 1)


def cut(text: str, starts: list[int], rng: Random, kind: str | None = None) -> Hole:
    """A hole in a text of at least one full line. `starts` are its line starts."""
    kind = kind or rng.choices(list(KINDS), list(KINDS.values()))[0]
    if kind == "characters":
        length = int(2 ** rng.uniform(1, 8.5))
        start = rng.randint(0, max(len(text) - length, 0))
        return start, min(start + length, len(text))
    for _ in range(20):
        row = rng.randrange(len(starts))
        if text[starts[row] : _line_end(text, starts[row])].strip():
            break
    if kind == "rest_of_line":
        start = _cursor(text, starts[row], rng)
        return start, _line_end(text, start)
    last = min(row + rng.choice((0, 0, 1, 1, 2, 3, 5)), len(starts) - 1)
    if kind == "whole_lines":  # from the margin to the next line's margin, as infilling benchmarks cut
        return starts[row], min(_line_end(text, starts[last]) + 1, len(text))
    start = _cursor(text, starts[row], rng)
    if kind == "lines":
        return start, _line_end(text, starts[last])
    return start, _block_end(text, starts, start)


def _block_end(text: str, starts: list[int], start: int) -> int:
    """The end of the block that the line at `start` opens or stands in, at most 14 lines away."""
    row = bisect_right(starts, start) - 1
    first = text[starts[row] : _line_end(text, starts[row])]
    opens = first.rstrip().endswith((":", "{", "(", "["))
    margin = _indent(first) + (1 if opens else 0)
    end = _line_end(text, starts[row])
    for following in starts[row + 1 : row + 15]:
        line = text[following : _line_end(text, following)]
        if line.strip() and _indent(line) < margin:
            break
        if line.strip():
            end = _line_end(text, following)
    return end
