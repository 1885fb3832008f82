"""What a commit added, as somebody typed it: which lines, and what stood around each at that moment.

A commit is replayed from top to bottom: above a place the file is as the commit left it, below the run of added lines
it is as the commit found it. Pure; `evaluation/git.py` reads a repository.
"""

from __future__ import annotations

import re
from functools import cached_property

from attrs import field, frozen

__all__ = ["Change", "Commit", "Hunk", "Typing", "read_patch"]

_INDEX = re.compile(r"index ([0-9a-f]+)\.\.([0-9a-f]+)")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@frozen
class Hunk:
    """A run of lines in place of another: zero-based first line and number of lines, before and after.

    Where no line stood (or stands), `old` (`new`) is the line in front of which they were put (taken away).
    """

    old: int
    old_lines: int
    new: int
    new_lines: int


@frozen
class Typing:
    """A cursor in an added line.

    Attributes:
        prefix: the file in front of it.
        rest: what was typed next, up to the end of the run of added lines; without the last line end.
        suffix: the file behind the run, from that line end on.
        line: zero-based, in the file as the commit left it.
    """

    prefix: str = field(repr=False)
    rest: str
    suffix: str = field(repr=False)
    line: int

    @property
    def rest_of_line(self) -> str:
        """What was typed next in this line."""
        return self.rest.partition("\n")[0]


@frozen
class Change:
    r"""A file that a commit added or changed; both texts have `\n` line ends.

    Attributes:
        path: relative to the repository's root, with slashes.
        old_path: its path before, where it was renamed; else the same.
        before: its text before the commit; empty for a new file.
        after: its text after the commit.
        hunks: from top to bottom.
    """

    path: str
    old_path: str
    before: str = field(repr=False)
    after: str = field(repr=False)
    hunks: tuple[Hunk, ...] = field(repr=False)

    @property
    def added(self) -> frozenset[int]:
        """The lines of `after` that were added, one-based."""
        return frozenset(line + 1 for hunk in self.hunks for line in range(hunk.new, hunk.new + hunk.new_lines))

    def typing(self, line: int, column: int) -> Typing:
        """Return the cursor in front of the character `column` of the added line `line`, both zero-based.

        Raises:
            ValueError: the line is not one that was added, or is shorter.
        """
        hunk = next((one for one in self.hunks if one.new <= line < one.new + one.new_lines), None)
        starts, text = self._starts, self.after
        if hunk is None or not 0 <= column <= len(text[starts[line] : starts[line + 1]].rstrip("\n")):
            raise ValueError(f"{self.path} has no added line {line} with a column {column}")
        at = starts[line] + column
        end = starts[hunk.new + hunk.new_lines]
        ended = text.endswith("\n", 0, end)
        kept = self.before[self._old_starts[hunk.old + hunk.old_lines] :]
        return Typing(text[:at], text[at : end - ended], ("\n" if ended else "") + kept, line)

    @cached_property
    def _starts(self) -> list[int]:
        return _starts(self.after)

    @cached_property
    def _old_starts(self) -> list[int]:
        return _starts(self.before)


@frozen
class Commit:
    """A commit with one parent, whose tree is the repository in which its lines were typed."""

    id: str
    parent: str
    seconds: int
    """When it was committed, since 1970."""


def _starts(text: str) -> list[int]:
    """Where each line starts, and the end of the text."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return starts if starts[-1] == len(text) and text else [*starts, len(text)]


def read_patch(patch: str) -> dict[tuple[str, str], tuple[Hunk, ...]]:
    """Return the hunks of each file of a patch without context lines, by its blobs' ids before and after.

    `patch` is what `git diff-tree -p -U0 --full-index` prints.
    """
    files: dict[tuple[str, str], list[Hunk]] = {}
    hunks: list[Hunk] = []
    for line in patch.split("\n"):
        if line.startswith("index "):
            named = _INDEX.match(line)
            if named is not None:
                hunks = files.setdefault((named[1], named[2]), [])
                hunks.clear()
        elif line.startswith("@@ "):
            numbers = _HUNK.match(line)
            if numbers is not None:
                old, old_lines, new, new_lines = (int(one) if one is not None else 1 for one in numbers.groups())
                # A run of no lines is named by the line in front of it.
                hunks.append(Hunk(old - (old_lines > 0), old_lines, new - (new_lines > 0), new_lines))
    return {blobs: tuple(found) for blobs, found in files.items()}
