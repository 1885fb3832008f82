"""When a generation has said enough. Fed with the text so far; pure, so that a test is a string and an expectation.

A rule answers with the text to keep, or None to go on. The first that answers ends the generation:

- a control token's text never appears (end tokens are ids, handled where ids are known);
- where only the rest of a line makes sense, the line's end;
- in a block, a line indented less than the block (the dedent), or a second blank line;
- a line that repeats the next line of the file;
- the same line three times in a row.
"""

from __future__ import annotations

from attrs import frozen

from starcoder_lsp.completion.cursor import Cursor, indent_of

_REPEATS = 3
_SHORT = 3  # a repeated line shorter than this (`}`, `end`) is not evidence


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

        Only whole lines (followed by a newline) are judged by the rules about lines: an unfinished one may still
        become anything. A dedent shows with the first character of its line.
        """
        if "\n" not in text:
            return None
        lines = text.split("\n")
        if not self.multiline:
            return self._first_line(lines)
        for count in range(1, len(lines)):
            kept = "\n".join(lines[:count])
            if self._ends_before(lines, count):
                return kept
        return None

    def _first_line(self, lines: list[str]) -> str | None:
        # A first newline in front of anything else is not yet a line's end: the model may open a block with it.
        return lines[0]

    def _ends_before(self, lines: list[str], count: int) -> bool:
        """Whether the block ends in front of `lines[count]`, which may be unfinished if it is the last."""
        line = lines[count]
        whole = count < len(lines) - 1
        if count >= self.max_lines:
            return True
        if not line.strip():
            # One blank line ends a block that has begun; in front of its first line it may stand.
            return whole and any(earlier.strip() for earlier in lines[:count])
        return self._dedents(lines, count) or (whole and (self._repeats_suffix(line) or _loops(lines, count)))

    def _dedents(self, lines: list[str], count: int) -> bool:
        line = lines[count]
        begun = self.cursor.line_before + lines[0]
        floor = indent_of(begun) if begun.strip() else self.cursor.indent
        indent = indent_of(line)
        if not self.cursor.on_blank_line and lines[0].strip() == "" and count == 1:
            return indent < floor
        if self.cursor.on_blank_line:
            return indent < floor
        # Behind an opened line its body is deeper; the line that closes it stands as deep as the line itself.
        closes = line.lstrip()[:1] in ")]}" and indent == floor
        return indent < floor or (indent == floor and not closes)

    def _repeats_suffix(self, line: str) -> bool:
        following = self.cursor.next_line.strip()
        return len(following) >= _SHORT and line.strip() == following


def _loops(lines: list[str], count: int) -> bool:
    line = lines[count].strip()
    if len(line) < _SHORT or count + 1 < _REPEATS:
        return False
    return all(lines[count - back].strip() == line for back in range(1, _REPEATS))
