"""When a generation has said enough. Fed with the text so far; pure, so that a test is a string and an expectation.

The first of these ends it (end tokens are ids, and handled where ids are known):

- where only the rest of a line makes sense, the line's end;
- in a block, a line that is indented less (the dedent); the bracket that closes the block is taken along where the file
  lacks it;
- a blank line behind something, or too many lines;
- a line that repeats the next line of the file;
- a loop, of lines or within a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.cursor import Cursor, indent_of, unclosed
from starcoder_lsp.completion.repetition import loop, stutter

if TYPE_CHECKING:
    from collections.abc import Sequence

_EVIDENCE = 3
"""A repeated line shorter than this (`}`, `],`) is no evidence."""
_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")


@frozen
class StopRules:
    """The rules at one cursor.

    Attributes:
        cursor: where the suggestion will stand.
        multiline: whether more than the rest of the line may be suggested.
        max_lines: lines of a block, at most.
    """

    cursor: Cursor
    multiline: bool
    max_lines: int = 12

    def check(self, text: str) -> str | None:
        """Return what to keep of `text` if the generation should end, else None.

        Of an unfinished line only the indentation is judged, which shows with its first visible character, and
        whether it stutters.
        """
        written = text.split("\n")
        lines = [self.cursor.line_before + written[0], *written[1:]]
        for count in range(1, len(lines)):
            keep = self._keep(lines, written, count)
            if keep is not None:
                return "\n".join(written[:keep])
        end = stutter(written[-1])
        return None if end is None else text[: len(text) - len(written[-1]) + end]

    def _keep(self, lines: Sequence[str], written: Sequence[str], count: int) -> int | None:
        """Return how many lines to keep if `lines[count]`, which may be unfinished if it is the last, ends the text."""
        line, whole = lines[count], count < len(lines) - 1
        if self._repeats_file(lines[count - 1]):
            return count - 1
        if count >= self.max_lines or (not self.multiline and lines[count - 1].strip()):
            return count
        if not line.strip():  # in front of the first line of a block a blank one may stand
            return count if whole and any(one.strip() for one in written[:count]) else None
        if self._ends_block(lines[:count], line):
            return count
        return loop(lines[: count + 1]) if whole else None

    def _repeats_file(self, line: str) -> bool:
        return len(line.strip()) >= _EVIDENCE and line.rstrip() == self.cursor.next_line.rstrip()

    def _ends_block(self, above: Sequence[str], line: str) -> bool:
        """Whether `line`, which is not blank, is not part of the block that the lines above it belong to."""
        indent, closes = indent_of(line), line.lstrip().startswith(_CLOSING)
        if not self.cursor.on_blank_line:
            # The block is what stands deeper than the cursor's line; a bracket opened there may be closed at its depth.
            floor = self.cursor.indent
            return indent < floor or (indent == floor and not (closes and unclosed("\n".join(above))))
        floor = next((indent_of(one) for one in above if one.strip()), self.cursor.indent)
        if any(one.strip() and indent_of(one) < floor for one in above):
            return True  # the bracket that closes the block was taken along
        if indent >= floor:
            return False
        only_closes = closes and not line.strip(" \t)]};,")
        return not (only_closes and self._owes_closer(floor, indent))

    def _owes_closer(self, floor: int, indent: int) -> bool:
        """Whether the file opens the cursor's block with a bracket on a line at `indent` and does not close it."""
        outside = (one for one in reversed(self.cursor.before.split("\n")) if one.strip() and indent_of(one) < floor)
        opener, below = next(outside, ""), self.cursor.next_line
        if not opener.rstrip().endswith(_OPENING) or indent_of(opener) != indent:
            return False
        return indent_of(below) < indent or (indent_of(below) == indent and not below.lstrip().startswith(_CLOSING))
