"""Where an accepted text went while its document is edited, and how much of it still stands. Pure."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from starcoder_lsp.documents import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Followed", "fine", "kept"]

_MOST_LINES = _MOST_CHARACTERS = 3_000
"""Of a replaced part. More is not compared: that would be slower than a key."""


@define(eq=False)
class Followed:
    """An accepted text, and the part of its document, `start` to `end` (offsets), in which what became of it stands."""

    accepted: str = field(repr=False)
    start: int
    end: int

    def shift(self, edit: Edit) -> None:
        """Take an edit of the document. What is put in right in front of the text or behind it does not belong to it.

        Nor does what replaces more than a part of it; see `fine`.
        """
        grown = len(edit.text) - (edit.end - edit.start)
        if edit.end <= self.start:
            self.start += grown
            self.end += grown
        elif edit.start >= self.end:
            return
        elif edit.start <= self.start:
            put_in = edit.start + len(edit.text)
            self.start, self.end = put_in, max(put_in, self.end + grown)
        elif edit.end >= self.end:
            self.end = edit.start
        else:
            self.end += grown

    def touches(self, edit: Edit) -> bool:
        """Whether an edit changes it, rather than what stands before or behind it."""
        return edit.start < self.end and edit.end > self.start


def fine(text: str, edit: Edit) -> list[Edit] | None:
    """Return the edits that an edit of `text` consists of, the last in the text first: each leaves those to come alone.

    A formatter replaces a whole file to change a few blanks: lines that are the same stay, and so do equal characters
    of those that differ. None where that is too much to compare.
    """
    old, new = text[edit.start : edit.end].splitlines(keepends=True), edit.text.splitlines(keepends=True)
    starts = list(accumulate(map(len, old), initial=edit.start))
    found = []
    for first, last, put in _replaced(old, new):
        if max(last - first, len(put)) > _MOST_LINES:
            return None
        pairs = [(first, last, put)]
        if last - first == len(put):  # indented, say: line by line
            pairs = [(first + index, first + index + 1, [line]) for index, line in enumerate(put)][::-1]
        for top, bottom, lines in pairs:
            was, now = "".join(old[top:bottom]), "".join(lines)
            if max(len(was), len(now)) > _MOST_CHARACTERS:
                return None
            for start, end, piece in _replaced(was, now):
                found.append(Edit(starts[top] + start, starts[top] + end, piece))
    return found


_Text = TypeVar("_Text", str, "list[str]")


def _replaced(old: _Text, new: _Text) -> Iterator[tuple[int, int, _Text]]:
    """Yield (start, end, new part) for each part of a sequence that was replaced, the last first.

    What is too long to compare is one part.
    """
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - 45 ms that the start of a server need not take

    shorter = min(len(old), len(new))
    front = next((index for index in range(shorter) if old[index] != new[index]), shorter)
    back = next((index for index in range(shorter - front) if old[-1 - index] != new[-1 - index]), shorter - front)
    was, now = old[front : len(old) - back], new[front : len(new) - back]
    if max(len(was), len(now)) > _MOST_CHARACTERS:
        yield front, front + len(was), now
        return
    for one in reversed(Levenshtein.opcodes(was, now)):
        if one.tag != "equal":
            yield front + one.src_start, front + one.src_end, now[one.dest_start : one.dest_end]


def kept(accepted: str, now: str) -> int:
    """Return how many characters of an accepted text still stand: those that the fewest edits leave alone.

    Levenshtein's distance; what was put in between takes nothing away.
    """
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - as above

    changed = (one for one in Levenshtein.editops(accepted, now) if one.tag != "insert")
    return len(accepted) - sum(1 for _ in changed)
