"""The place of a suggestion: what stands around the cursor, as the rules of stopping and refining see it."""

from __future__ import annotations

from attrs import frozen

CLOSERS = frozenset(")]}>\"'`;,:")
"""Characters that an editor or a habit leaves behind the cursor; what stands in front of them may still grow."""
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OPENERS = ("(", "[", "{", ":", "=>", "->", "=", ",", "\\", "do", "then", "begin")


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


@frozen
class Cursor:
    """The text around a cursor, line ends normalised.

    `before` and `after` may be windows of the file: the rules look only a few dozen lines far.
    """

    before: str
    after: str

    @classmethod
    def at(cls, text: str, offset: int, reach: int = 6_000) -> Cursor:
        """Make a cursor of a file's text, looking `reach` characters far, from a line's start to a line's end."""
        start = max(0, offset - reach)
        if start > 0:
            line = text.find("\n", start, offset)
            start = line + 1 if line >= 0 else start
        return cls(normalised(text[start:offset]), normalised(text[offset : offset + reach]))

    @property
    def line_before(self) -> str:
        """The part of the cursor's line in front of it."""
        return self.before[self.before.rfind("\n") + 1 :]

    @property
    def line_after(self) -> str:
        """The part of the cursor's line behind it."""
        end = self.after.find("\n")
        return self.after if end < 0 else self.after[:end]

    @property
    def rest_is_closers(self) -> bool:
        """Whether only blanks and closing characters stand behind the cursor on its line."""
        return all(letter in CLOSERS for letter in self.line_after.replace(" ", "").replace("\t", ""))

    @property
    def on_blank_line(self) -> bool:
        """Whether the cursor's line is blank in front of it."""
        return not self.line_before.strip()

    @property
    def indent(self) -> int:
        """Columns of leading blanks of the cursor's line."""
        return indent_of(self.line_before)

    @property
    def next_line(self) -> str:
        """The first line with something on it below the cursor's; empty where there is none."""
        for line in self.after.split("\n")[1:]:
            if line.strip():
                return line
        return ""

    @property
    def previous_line(self) -> str:
        """The first line with something on it above the cursor's; empty where there is none."""
        for line in reversed(self.before.split("\n")[:-1]):
            if line.strip():
                return line
        return ""

    @property
    def wants_block(self) -> bool:
        """Whether more than the rest of a line makes sense here: on a blank line, or behind an opener."""
        if self.line_after.strip() and not self.rest_is_closers:
            return False
        return self.on_blank_line or self.line_before.rstrip().endswith(_OPENERS)


def unclosed(text: str) -> list[str]:
    """Return the closing brackets that `text` still owes, innermost first; brackets in quotes count too."""
    owed: list[str] = []
    for letter in text:
        if letter in _PAIRS:
            owed.append(_PAIRS[letter])
        elif owed and letter == owed[-1]:
            owed.pop()
    return owed[::-1]
