"""When a generation has said enough. Fed with the text so far; pure, so that a test is a string and an expectation.

The first of these ends it (end tokens are ids, and handled where ids are known):

- where only the rest of a line makes sense, the line's end;
- in a block, a line that is indented less (the dedent); the bracket that closes the block is taken along where the file
  lacks it;
- a blank line behind something, or too many lines;
- in parentheses and brackets, a closer that the text did not open, with the punctuation right behind it: what follows
  belongs to another expression (on held-out code 64 of 100 characters behind it were wrong, with a gate at 0.6);
- a line that repeats the next line of the file;
- a loop, of lines or within a line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.brackets import read
from starcoder_lsp.completion.cursor import Cursor, indent_of, unclosed
from starcoder_lsp.completion.repetition import endless, loop
from starcoder_lsp.completion.rest import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
_RUN = re.compile(r"[)\]},:;]*")


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
        ends = [end for end in (endless(text, self.cursor), self._closed(text)) if end is not None]
        for count in range(1, len(lines)):
            keep = self._keep(lines, written, count)
            if keep is not None:
                ends.append(len("\n".join(written[:keep])))
                break
        return text[: min(ends)] if ends else None

    def _closed(self, text: str) -> int | None:
        """Return where the text ends if it closes the brackets that the cursor stands in, and goes on."""
        place = statement(self.cursor)
        if place.comment or not place.within or place.within[-1] not in {"(", "["}:
            return None
        depth = 0
        for change in read(text, place.within).changes:
            depth += change.step
            if depth < 0:
                end = change.at + len(_RUN.match(text, change.at)[0])  # type: ignore[index]
                return end if end < len(text) else None
        return None

    def _keep(self, lines: Sequence[str], written: Sequence[str], count: int) -> int | None:
        """Return how many lines to keep if `lines[count]`, which may be unfinished if it is the last, ends the text."""
        line, whole = lines[count], count < len(lines) - 1
        if self.cursor.repeats_next_line(lines[count - 1]):
            return count - 1
        if count >= self.max_lines or (not self.multiline and lines[count - 1].strip()):
            return count
        if not line.strip():  # in front of the first line of a block a blank one may stand
            return count if whole and any(one.strip() for one in written[:count]) else None
        if self._ends_block(lines[:count], line):
            return count
        return loop(lines[: count + 1]) if whole else None

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
