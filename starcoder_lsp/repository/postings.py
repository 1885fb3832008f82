"""Which files hold a word: an inverted index that grows and shrinks by file.

Files have slots, numbers that are given once. Segments hold sorted words, and for each word the slots (16 bits, from
the segment's first one): some 3 bytes for each pair of a word and a file. The newest files, `_OPEN` at most, wait in an
open segment, which is sorted when it is asked; then two segments of a size become one of the next, as in a binary
counter, up to `SEGMENT` slots: a file that changes costs a question one or two milliseconds, in any repository. A file
that goes leaves its postings behind, masked by `alive`, until half of a segment is dead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.uint32]
    Slots = NDArray[np.int64]

__all__ = ["SEGMENT", "Postings", "Segment", "packed"]

SEGMENT = 2048
"""Slots of a segment that grows no more: to join larger ones would take longer than a lock may be held."""
PACKED = 16 * SEGMENT
"""Slots of a segment on disk, where words that stand in many files stand fewer times."""
_OPEN = 32


@frozen(eq=False)
class Segment:
    """The words of some slots."""

    first: int
    """The slot that counts as 0."""
    words: Numbers
    """Sorted, each once."""
    begins: NDArray[np.uint32]
    """Where the slots of a word begin; one more at the end."""
    slots: NDArray[np.uint16]
    span: int
    """How many slots it stands for."""

    @classmethod
    def of(cls, first: int, span: int, files: Iterable[tuple[int, Numbers]]) -> Segment:
        """Sort the words of files, which are (slot, words)."""
        listed = [(slot, words) for slot, words in files if len(words)]
        words = np.concatenate([words for _, words in listed] or [np.zeros(0, dtype=np.uint32)])
        slots = np.repeat(
            np.array([slot - first for slot, _ in listed], dtype=np.uint16), [len(words) for _, words in listed]
        )
        return cls.sorted(first, span, words, slots)

    @classmethod
    def sorted(cls, first: int, span: int, words: Numbers, slots: NDArray[np.uint16]) -> Segment:
        """Sort pairs of a word and a slot."""
        order = np.argsort(words, kind="stable")
        words = words[order]
        begins = np.flatnonzero(np.append(True, words[1:] != words[:-1])[: len(words)])
        return cls(first, words[begins], np.append(begins, len(words)).astype(np.uint32), slots[order], span)

    def find(self, words: Numbers) -> tuple[Slots, Slots, Slots]:
        """Return which of the words it has, as indices, and of each where its slots begin and how many there are."""
        if not len(self.words):
            return (np.zeros(0, dtype=np.int64),) * 3
        at = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        hits = np.flatnonzero(self.words[at] == words)
        begins = self.begins[at[hits]].astype(np.int64)
        return hits, begins, self.begins[at[hits] + 1].astype(np.int64) - begins

    def listed(self, begins: Slots, counts: Slots) -> NDArray[np.uint16]:
        """Return the slots at so many places from each beginning."""
        ends = np.cumsum(counts)
        return self.slots[np.arange(int(counts.sum())) - np.repeat(ends - counts - begins, counts)]

    def live(self, alive: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of its slots are alive; those that were never given are not."""
        found = np.zeros(self.span, dtype=np.bool_)
        known = alive[self.first : self.first + self.span]
        found[: len(known)] = known
        return found

    def without(self, dead: NDArray[np.bool_]) -> Segment:
        """Leave out the slots that are dead (relative to `first`)."""
        words = np.repeat(self.words, _counts(self.begins))
        kept = ~dead[self.slots]
        return Segment.sorted(self.first, self.span, words[kept], self.slots[kept])

    def joined(self, other: Segment) -> Segment:
        """One segment of this and the one behind it."""
        words = [np.repeat(one.words, _counts(one.begins)) for one in (self, other)]
        slots = np.concatenate((self.slots, other.slots + np.uint16(other.first - self.first)))
        return Segment.sorted(self.first, other.first - self.first + other.span, np.concatenate(words), slots)

    def renumbered(self, kept: NDArray[np.bool_], number: Slots) -> Segment:
        """Leave out the slots that are not kept, and give the others the numbers that stand at their old ones."""
        live = self.live(kept)
        one = self if live.all() else self.without(~live)
        first, end = (int(number[min(at, len(kept))]) for at in (self.first, self.first + self.span))
        given = number[: len(kept)][self.first : self.first + self.span]
        slots = one.slots if end - first == self.span else (given[one.slots] - first).astype(np.uint16)
        return Segment(first, one.words, one.begins, slots, end - first)


def packed(segments: Iterable[Segment], kept: NDArray[np.bool_]) -> Iterator[Segment]:
    """Return segments of the slots that are kept, which are numbered anew without gaps; small ones are joined."""
    number = np.append(0, np.cumsum(kept))
    last: Segment | None = None
    for segment in segments:
        one = segment.renumbered(kept, number)
        if not one.span:
            continue
        if last is not None and last.span + one.span <= PACKED:
            one = last.joined(one)
        elif last is not None:
            yield last
        last = one
    if last is not None:
        yield last


class Postings:
    """Words of slots; slots are added in ascending order."""

    def __init__(self, segments: Iterable[Segment] = (), following: int = 0) -> None:
        """Begin with these segments; the next slot is `following`, or one behind it."""
        self._sealed = list(segments)
        self._open: dict[int, Numbers] = {}
        self._open_first = following
        self._fresh: Segment | None = None
        self.pairs = sum(len(one.slots) for one in self._sealed)
        """How many pairs of a word and a file there are, dead ones among them."""

    def add(self, slot: int, words: Numbers) -> None:
        """Add a file's distinct words."""
        if slot - self._open_first >= _OPEN:
            self._seal(slot)
        self._open[slot] = words
        self._fresh = None
        self.pairs += len(words)

    def remove(self, slot: int) -> None:
        """Forget a file if it is still in the open segment; others are masked until `sweep`."""
        if self._open.pop(slot, None) is not None:
            self._fresh = None

    def sweep(self, alive: NDArray[np.bool_]) -> None:
        """Drop what is dead where it is more than half of a segment. `alive` by slot."""
        for index, segment in enumerate(self._sealed):
            dead = ~segment.live(alive)
            if len(segment.slots) and dead[segment.slots].mean() > 0.5:  # noqa: PLR2004 - half
                self._sealed[index] = segment.without(dead)
        self._sealed = [segment for segment in self._sealed if len(segment.slots)]
        self.pairs = sum(len(one.slots) for one in self._sealed) + sum(map(len, self._open.values()))

    def find(self, words: Numbers) -> tuple[Slots, NDArray[np.int64]]:
        """Return the files that hold the given words, as (slots, indices in `words`), a pair for each."""
        slots, which = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for segment in self.segments():
            hits, begins, counts = segment.find(words)
            slots.append(segment.listed(begins, counts).astype(np.int64) + segment.first)
            which.append(np.repeat(hits, counts))
        return np.concatenate(slots), np.concatenate(which)

    def count(self, words: Numbers, alive: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return how many of the files that are `alive`, by slot, hold each word; quick also for words of all files."""
        found = np.zeros(len(words), dtype=np.int64)
        for segment in self.segments():
            hits, begins, counts = segment.find(words)
            live = segment.live(alive)
            if not live.all():
                which = np.repeat(np.arange(len(hits)), counts)[live[segment.listed(begins, counts)]]
                counts = np.bincount(which, minlength=len(hits))
            found[hits] += counts
        return found

    def segments(self) -> list[Segment]:
        """Return all segments: the sealed ones, and the files that wait."""
        if self._open and self._fresh is None:
            self._fresh = Segment.of(self._open_first, _OPEN, self._open.items())
        return [*self._sealed, self._fresh] if self._fresh is not None and self._open else list(self._sealed)

    def _seal(self, slot: int) -> None:
        """Begin another open segment at a slot."""
        if self._open:
            newest = Segment.of(self._open_first, _OPEN, self._open.items())
            while self._sealed and self._may_join(self._sealed[-1], newest):
                newest = self._sealed.pop().joined(newest)
            self._sealed.append(newest)
        self._open = {}
        self._open_first = slot

    @staticmethod
    def _may_join(older: Segment, newer: Segment) -> bool:
        return older.span <= newer.span and newer.first - older.first + newer.span <= SEGMENT


def _counts(begins: Numbers) -> NDArray[np.int64]:
    """Return how many entries each word has."""
    counts: NDArray[np.int64] = begins[1:].astype(np.int64) - begins[:-1].astype(np.int64)
    return counts
