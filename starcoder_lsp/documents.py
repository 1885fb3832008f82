r"""Open documents as immutable snapshots, and positions in them.

LSP counts lines by \n, \r\n and \r only, and columns in code units of the negotiated encoding. Python's
`str.splitlines` also splits at \f, \x1c, U+2028 and others, so lines are found here. A position past the end of a
line means the line's end, one past the last line the text's end (LSP 3.18, Position), and one in the middle of a
character means the character's start.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Literal

from attrs import field, frozen

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_LINE_END = re.compile(r"\r\n|\n|\r")
_BLOCKS = (1 << 16, 1 << 12)


def line_starts(text: str) -> list[int]:
    """Return the offset (in characters) at which each line starts; the first is 0."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


def units(text: str, encoding: Encoding) -> int:
    """Return the length of `text` in code units of `encoding` (a lone surrogate counts as what it would take)."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    return len(text.encode("utf-16-le" if encoding == "utf-16" else "utf-8", "surrogatepass")) // (
        2 if encoding == "utf-16" else 1
    )


class Lines:
    """Finds lines in a text, without an index of them where it can.

    An editor sends the whole text at every keystroke: building a list of 50,000 line starts each time would cost more
    than all the rest. Counting line feeds block by block runs at memory speed. Only a text with lone carriage returns
    (old Macintosh files) gets an index, made once.
    """

    def __init__(self, text: str) -> None:
        """Look at the line ends of `text`."""
        self._text = text
        lone = "\r" in text and text.count("\r") != text.count("\r\n")
        self._starts: list[int] | None = line_starts(text) if lone else None

    @property
    def count(self) -> int:
        """How many lines there are; a text that ends with a line end has an empty last one."""
        return self._text.count("\n") + 1 if self._starts is None else len(self._starts)

    def of(self, offset: int) -> int:
        """Return the zero-based line that holds `offset`."""
        if self._starts is not None:
            return bisect_right(self._starts, offset) - 1
        return self._text.count("\n", 0, offset)

    def start(self, line: int) -> int | None:
        """Return the offset at which `line` starts; None if there is no such line."""
        if self._starts is not None:
            return self._starts[line] if line < len(self._starts) else None
        text, at, left = self._text, 0, line
        for size in _BLOCKS:
            while at + size < len(text):
                found = text.count("\n", at, at + size)
                if found >= left:
                    break
                left -= found
                at += size
        for _ in range(left):
            at = text.find("\n", at) + 1
            if at == 0:
                return None
        return at

    def end(self, start: int) -> int:
        """Return where the text of the line that starts at `start` ends, its line end excluded."""
        text = self._text
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if self._starts is not None:
            carriage = text.find("\r", start, end)
            return end if carriage < 0 else carriage
        return end - 1 if end > start and text[end - 1] == "\r" and end < len(text) else end


@frozen
class Edit:
    """`text` in place of what stands from `start` to `end` of a document (offsets)."""

    start: int
    end: int
    text: str = field(repr=False)

    def apply(self, text: str) -> str:
        """Return a text with it made."""
        return text[: self.start] + self.text + text[self.end :]


@frozen(eq=False)
class Snapshot:
    """A document at one version. Safe to hand to another thread: nothing in it changes."""

    uri: str
    version: int
    language: str
    text: str = field(repr=False)
    lines: Lines = field(repr=False)

    @classmethod
    def of(cls, uri: str, version: int, language: str, text: str) -> Snapshot:
        """Make a snapshot."""
        return cls(uri, version, language, text, Lines(text))

    def offset(self, line: int, character: int, encoding: Encoding) -> int:
        """Return the offset of an LSP position; out-of-range positions are clamped (negative ones to 0)."""
        if line < 0:
            return 0
        start = self.lines.start(line)
        if start is None:
            return len(self.text)
        end = self.lines.end(start)
        content = self.text[start:end]
        if encoding == "utf-32" or content.isascii():
            return start + max(0, min(character, len(content)))
        # The most characters that take no more units: found by halving, since a line may be a whole file.
        low, high = 0, len(content)
        while low < high:
            middle = (low + high + 1) // 2
            taken = units(content[low:middle], encoding)
            if taken <= character:
                low, character = middle, character - taken
            else:
                high = middle - 1
        return start + low

    def position(self, offset: int, encoding: Encoding) -> tuple[int, int]:
        r"""Return (line, character) of an offset, clamped into the text; between \r and \n means before them."""
        offset = max(0, min(offset, len(self.text)))
        if 0 < offset < len(self.text) and self.text[offset - 1 : offset + 1] == "\r\n":
            offset -= 1
        line = self.lines.of(offset)
        start = self.lines.start(line) or 0
        return line, units(self.text[start:offset], encoding)


def changed_until(old: str, new: str, cursor: int = -1) -> int:
    """Return the offset in `new` at which what changed from `old` ends: where the user probably is. -1: no change.

    Texts do not always tell: a line put in front of an equal one may as well stand behind it. Then it is where `cursor`
    was, the user's offset in `old`. What is equal at the start is skipped block by block, then by halving: some 0.1 ms
    for a megabyte.
    """
    if old == new:
        return -1
    same = _common(old, new)
    grown = len(new) - len(old)
    typed_or_erased, erased_behind = (cursor, cursor + grown), (cursor - grown, cursor)
    for start, end in (typed_or_erased, erased_behind)[: 1 if grown >= 0 else 2]:
        if cursor >= 0 and 0 <= min(start, end) <= same and new.endswith(old[start:]):
            return end
    limit = min(len(old), len(new)) - same
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return len(new) - low


def _common(old: str, new: str) -> int:
    most, at = min(len(old), len(new)), 0
    block = _BLOCKS[0]
    while at < most and old[at : at + block] == new[at : at + block]:
        at += block
    low, high = min(at, most), min(at + block, most)
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
