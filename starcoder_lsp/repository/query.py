"""What the index is asked, and what it answers."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["LeftOut", "Query", "Selection", "Snippet", "Spot"]


@frozen
class Spot:
    """Lines of a file that were edited or looked at: one-based, both ends included."""

    path: str
    start_line: int
    end_line: int


@frozen
class Query:
    r"""A place in a file, and what the prompt holds of the file already.

    Attributes:
        path: of the file, relative to the repository's root, with slashes.
        language: as `language_of` names it; empty where it knows none.
        text: the whole file as the editor has it, with `\\n` line ends.
        offset: the cursor, in characters.
        window: the part of `text` that stands in the prompt, as (start, end); None for all of it.
        recent: places that were edited or viewed, the newest first.
    """

    path: str
    language: str
    text: str = field(repr=False)
    offset: int
    window: tuple[int, int] | None = None
    recent: tuple[Spot, ...] = ()


@frozen
class Snippet:
    """Lines of one file.

    Attributes:
        path: relative to the repository's root, with slashes.
        start_line: the first line of `text`, one-based.
        end_line: its last line. Lines between the two may be left out.
        text: whole lines of the file in their order, each ended by a newline.
        tokens: what path and text cost together.
        score: the expected number of names in it that are wanted at the cursor; only good for comparing.
        why: a short phrase for people.
    """

    path: str
    start_line: int
    end_line: int
    text: str = field(repr=False)
    tokens: int
    score: float
    why: str


@frozen
class LeftOut:
    """A file that was considered and has no line in the selection."""

    path: str
    why: str


@frozen
class Selection:
    """Snippets in the order of the prompt: the best last, next to the cursor. At most one a file."""

    snippets: tuple[Snippet, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    rank_ms: float = 0.0
    """How long the choice took, beside `read_ms`."""
    read_ms: float = 0.0
    """How long it took to read files that are not remembered from choices before."""

    @property
    def tokens(self) -> int:
        """What all snippets cost together."""
        return sum(one.tokens for one in self.snippets)
