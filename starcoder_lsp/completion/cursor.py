"""The place of a suggestion: what stands around the cursor, as the rules of stopping and refining see it."""

from __future__ import annotations

import re
from functools import cached_property

from attrs import frozen

CLOSERS = frozenset(")]}>\"'`;,:")
"""Characters that an editor or a habit leaves behind the cursor; what stands in front of them may still grow."""
QUOTES = "\"'`"
EVIDENCE = 3
"""A line shorter than this (`}`, `],`) says too little for its repetition to mean anything."""
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_RUN = re.compile(r"([^\w\s])\1{7,}|(_)\2{7,}")
_OPENS_BLOCK = re.compile(r"(?:[:{(\[,\\]|=>|->|\b(?:begin|do|else|then))\Z")
COMMENTS = ("# ", "//", "/*", "* ", "-- ", "<!--")


def normalised(text: str) -> str:
    """Return the text with every line end as one newline, as models know it."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def indent_of(line: str, tab_size: int = 8) -> int:
    """Return the width in columns of a line's leading blanks; a tab goes to the next multiple of `tab_size`."""
    column = 0
    for letter in line:
        if letter == " ":
            column += 1
        elif letter == "\t":
            column += tab_size - column % tab_size
        else:
            break
    return column


def unclosed(text: str) -> list[str]:
    """Return the closing brackets that `text` still owes, innermost first; brackets in quotes count too."""
    owed: list[str] = []
    for letter in text:
        if letter in _PAIRS:
            owed.append(_PAIRS[letter])
        elif owed and letter == owed[-1]:
            owed.pop()
    return owed[::-1]


def closers(typed: str) -> str:
    """Return what an editor that closes brackets and quotes by itself has behind the cursor after this was typed.

    >>> closers('print("'), closers("items[0]"), closers("it's (")
    ('")', '', "'")
    """
    owed: list[str] = []
    for letter in typed:
        if owed and letter == owed[-1]:
            owed.pop()
        elif not owed or owed[-1] not in QUOTES:
            if letter in QUOTES:
                owed.append(letter)
            elif letter in _PAIRS:
                owed.append(_PAIRS[letter])
    return "".join(reversed(owed))


def telling(line: str) -> bool:
    """Whether a line says enough for its repetition to mean something."""
    return len(line.strip()) >= EVIDENCE


@frozen
class Cursor:
    """The text around a cursor, line ends normalised.

    `before` and `after` may be windows of the file: the rules look only a few dozen lines far.
    """

    before: str
    after: str

    @classmethod
    def at(cls, text: str, offset: int, reach: int = 6_000) -> Cursor:
        """Make a cursor of a file's text, looking `reach` characters far, from a line's start to a line's end.

        A line that alone is longer than that is cut.
        """
        start, end = max(0, offset - reach), min(len(text), offset + reach)
        if start > 0:
            line = text.find("\n", start, offset)
            start = line + 1 if line >= 0 else start
        if end < len(text):
            line = text.rfind("\n", offset, end)
            end = line if line >= 0 else end
        return cls(normalised(text[start:offset]), normalised(text[offset:end]))

    @cached_property
    def line_before(self) -> str:
        """The part of the cursor's line in front of it."""
        return self.before[self.before.rfind("\n") + 1 :]

    @cached_property
    def line_after(self) -> str:
        """The part of the cursor's line behind it."""
        return self.after.partition("\n")[0]

    @property
    def rest_is_closers(self) -> bool:
        """Whether only blanks and closing characters stand behind the cursor on its line."""
        return all(letter in CLOSERS or letter in " \t" for letter in self.line_after)

    @property
    def on_blank_line(self) -> bool:
        """Whether the cursor's line is blank in front of it."""
        return not self.line_before.strip()

    @property
    def indent(self) -> int:
        """Columns of leading blanks of the cursor's line."""
        return indent_of(self.line_before)

    @cached_property
    def lines_below(self) -> list[str]:
        """The lines with something on them below the cursor's."""
        return [line for line in self.after.split("\n")[1:] if line.strip()]

    @property
    def next_line(self) -> str:
        """The first line with something on it below the cursor's; empty where there is none."""
        return self.lines_below[0] if self.lines_below else ""

    def repeats_next_line(self, line: str) -> bool:
        """Whether a line, as it would stand in the file, says what the file's next line says."""
        return telling(line) and line.rstrip() == self.next_line.rstrip()

    @cached_property
    def runs(self) -> dict[str, int]:
        """Punctuation that the file has in runs of 8 and more (rulers), and how long the longest is."""
        longest: dict[str, int] = {}
        for match in _RUN.finditer(self.before + "\n" + self.after):
            letter = match[0][0]
            longest[letter] = max(longest.get(letter, 0), len(match[0]))
        return longest

    @cached_property
    def previous_line(self) -> str:
        """The first line with something on it above the cursor's; empty where there is none."""
        return next((line for line in reversed(self.before.split("\n")[:-1]) if line.strip()), "")

    @property
    def wants_block(self) -> bool:
        """Whether more than the rest of the line makes sense here.

        It does on a blank line, and right behind what opens a block or goes on in the next line (`if x:`, `foo(`), at
        the line's end; where an editor already closed it, only between braces (`{▌}`, but not in a string). A
        comment and anything else are about the line.
        """
        rest = self.line_after.strip()
        if self.on_blank_line:
            return self.rest_is_closers
        if self.line_before.lstrip().startswith(COMMENTS):
            return False
        if rest:
            between = self.line_before.endswith("{") and rest.startswith("}")
            return between and self.rest_is_closers and not any(quote in rest for quote in QUOTES)
        return _OPENS_BLOCK.search(self.line_before) is not None
