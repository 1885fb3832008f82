"""Brackets and quotes of a piece of code: which of them it opens and leaves open, which it closes and did not open.

No grammar of any language is known here. Strings, escapes and comments are told by what most languages share; a quote
that cannot be a string (an apostrophe, a lifetime of Rust) is none. `<` counts only where it can be no comparison.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from attrs import define, field

_OPENERS = {")": "(", "]": "[", "}": "{"}
_BRACKETS = frozenset("([{")
_QUOTES = frozenset("\"'`")
_ONE_LINE = frozenset("\"'")
_LIFETIME = re.compile(r"'static\b(?!')|(?<=[<&])'\w+(?!\w|')|'\w+(?=[,>;){])(?![^'\n]*')")
_MARKS = re.compile(r"""[\\\n"'`()\[\]{}<>#/]""")
_STRING_PREFIX = re.compile(r"(?<![^\W])[rbfuRBFU]{1,2}\Z")
_HASH = re.compile(r"(?:^|(?<=\s))#(?=\s|!|$)", re.MULTILINE)
_SLASHES = re.compile(r"^[ \t]*//|(?<=[;{},])\s*//|(?<=\))\s*//(?=\s*[A-Za-z@#])", re.MULTILINE)


class Opened(NamedTuple):
    """An opener that is still open: which, and where it stands (-1: it was open from the start)."""

    kind: str
    at: int


class Change(NamedTuple):
    """An opener (+1) or closer (-1) of `kind`, at a place."""

    at: int
    kind: str
    step: int


@define
class Reading:
    """What a piece of code does to the brackets and quotes.

    Attributes:
        open: what is open at its end, outermost first; what was open at the start comes first.
        changes: openers and closers, in order; those within complete strings do not count.
        comment: where a comment begins on its last line, -1 where there is none.
        line_ends: (place, what is open there) of each line end.
    """

    open: list[Opened] = field(factory=list)
    changes: list[Change] = field(factory=list)
    comment: int = -1
    line_ends: list[tuple[int, tuple[str, ...]]] = field(factory=list)

    @property
    def quote(self) -> str:
        """The quote of the string that it ends in; empty outside of strings."""
        return next((one.kind for one in reversed(self.open) if one.kind[0] in _QUOTES), "")

    @property
    def kinds(self) -> list[str]:
        """The kinds of what is open, outermost first."""
        return [one.kind for one in self.open]

    def lacks(self, kind: str) -> int:
        """Return how many closers of a kind belong to openers in front of the text."""
        depth = least = 0
        for change in self.changes:
            if change.kind == kind:
                depth += change.step
                least = min(least, depth)
        return -least


@lru_cache(maxsize=32)
def read(text: str, within: tuple[str, ...] = ()) -> Reading:
    """Read a piece of code that begins within the openers `within`, outermost first. The result is not to be changed.

    Several filters ask for the same text, so the newest results are kept.
    """
    reader = _Reader(text, Reading([Opened(kind, -1) for kind in within]))
    mark = _MARKS.search(text)
    while mark is not None:
        mark = _MARKS.search(text, reader.step(mark.start()))
    return reader.reading


class _Reader:
    def __init__(self, text: str, reading: Reading) -> None:
        self.text = text
        self.reading = reading
        self._quote = reading.quote
        self._marks: dict[int, int] = {}  # place of an opening quote: how many changes there were
        self._comments: set[int] = set()
        if "#" in text:
            self._comments |= {match.end() - 1 for match in _HASH.finditer(text)}
        if "//" in text:
            self._comments |= {match.end() - 2 for match in _SLASHES.finditer(text)}
        self._lifetimes = {match.start() for match in _LIFETIME.finditer(text)} if "'" in text else set()

    def step(self, at: int) -> int:
        """Take what stands at a place; return the next place."""
        letter, quote = self.text[at], self._quote
        if letter == "\\" and self.text[at + 1 : at + 2] != "\n":
            return at + 2
        if letter == "\n":
            return self._line_end(at, quote)
        if quote:
            return self._in_string(at, letter, quote)
        if at in self._comments:
            self.reading.comment = at
            end = self.text.find("\n", at)
            return end if end >= 0 else len(self.text)
        if letter in _QUOTES:
            return self._take_quote(at, letter)
        if letter in _BRACKETS or (letter == "<" and self._is_angle(at)):
            self._open(letter, at)
        elif letter in _OPENERS:
            self._close(_OPENERS[letter], at)
        elif letter == ">" and self.reading.open and self.reading.open[-1].kind == "<":
            arrow = self.text[at - 1 : at] in {"-", "="} or self.text[at + 1 : at + 2] == "="
            if not arrow:
                self._close("<", at)
        return at + 1

    def _line_end(self, at: int, quote: str) -> int:
        self.reading.line_ends.append((at, tuple(self.reading.kinds)))
        self.reading.comment = -1
        if quote in _ONE_LINE:  # it was no string
            index = max(i for i, one in enumerate(self.reading.open) if one.kind == quote)
            opened = self.reading.open.pop(index)
            self._quote = self.reading.quote
            self.reading.changes = [change for change in self.reading.changes if change.at != opened.at]
        return at + 1

    def _in_string(self, at: int, letter: str, quote: str) -> int:
        if self.text.startswith(quote, at):
            index = max(i for i, one in enumerate(self.reading.open) if one.kind == quote)
            opened = self.reading.open[index]
            del self.reading.open[index:]
            self._quote = self.reading.quote
            if opened.at >= 0:
                del self.reading.changes[self._marks[opened.at] + 1 :]
            self.reading.changes.append(Change(at, quote, -1))
            return at + len(quote)
        if letter in _BRACKETS:
            self._open(letter, at)
        elif letter in _OPENERS and self.reading.open[-1].kind == _OPENERS[letter]:
            self._close(_OPENERS[letter], at)
        return at + 1

    def _take_quote(self, at: int, letter: str) -> int:
        run = self.text[at : at + 3]
        if run == letter * 3:
            if letter == "`":  # a fence of Markdown
                return at + 3
            self._open(run, at)
            return at + 3
        if run[:2] == letter * 2:
            return at + 2  # an empty string
        before = self.text[max(0, at - 3) : at]
        apostrophe = letter == "'" and re.search(r"\w\Z", before) and not _STRING_PREFIX.search(before)
        if not apostrophe and at not in self._lifetimes:
            self._open(letter, at)
        return at + 1

    def _is_angle(self, at: int) -> bool:
        before, after = self.text[at - 1 : at], self.text[at + 1 : at + 2]
        if after in {" ", "=", "<", "-"} or before == "<":
            return False
        return before.isalnum() or before in {"_", ":"} or (not before.strip() and after.isalpha())

    def _open(self, kind: str, at: int) -> None:
        self._marks[at] = len(self.reading.changes)
        self.reading.open.append(Opened(kind, at))
        if kind[0] in _QUOTES:
            self._quote = kind
        self.reading.changes.append(Change(at, kind, 1))

    def _close(self, kind: str, at: int) -> None:
        self.reading.changes.append(Change(at, kind, -1))
        opened = self.reading.open
        if opened and opened[-1].kind == kind:
            opened.pop()
            return
        for index in range(len(opened) - 1, -1, -1):
            if opened[index].kind == kind:
                del opened[index:]
                self._quote = self.reading.quote
                return
