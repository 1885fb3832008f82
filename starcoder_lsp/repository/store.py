"""What an index holds of its files, and how they are looked up: by path, by word, by the name they define."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, frozen

from starcoder_lsp.repository.facts import TABLE, imports_of
from starcoder_lsp.repository.files import ENTRIES, Files, folder_of, stem_of
from starcoder_lsp.repository.postings import Postings
from starcoder_lsp.repository.words import number_of, parts_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from starcoder_lsp.repository.facts import FileFacts
    from starcoder_lsp.repository.postings import Segment
    from starcoder_lsp.repository.words import Words

    Numbers = NDArray[np.uint32]

__all__ = ["Entry", "Store", "Text"]

_TEXTS = 32 << 20
"""Bytes of texts and their words that are remembered between selections."""
_TEXT_FACTOR = 4
"""Bytes for each byte of a text: itself, 24 for each of some ten words in 100 of them, and some for their parts."""
_MAX_TEXT = 2 << 20
_MOST_IMPORTERS = 60
"""Files that hold a file's name; where there are more, it is a common word."""


@define
class Entry:
    """A file of the index. `table` and `needs` as in `FileFacts`."""

    path: str
    language: str
    table: bytes
    needs: bytes
    words: int

    @property
    def rows(self) -> NDArray[np.void]:
        """Its definitions, a row of `TABLE` each."""
        return np.frombuffer(self.table, dtype=TABLE)


@frozen(eq=False)
class Text:
    """A file's text with its words.

    Attributes:
        data: as UTF-8.
        words: all of them.
        vocabulary: the distinct ones, sorted.
        which: the index in `vocabulary` of each word.
        parts: numbers of the parts of the vocabulary's words.
        part_words: the index in `vocabulary` of each part's word.
    """

    data: bytes
    words: Words
    vocabulary: Numbers
    which: NDArray[np.intp]
    parts: Numbers
    part_words: NDArray[np.int32]

    @classmethod
    def of(cls, data: bytes) -> Text:
        """Find the words of a UTF-8 text."""
        words = words_of(data)
        vocabulary, first, which = np.unique(words.numbers, return_index=True, return_inverse=True)
        spans = zip(words.starts[first].tolist(), words.ends[first].tolist(), strict=True)
        parts, part_words = parts_of(b"\n".join([data[start:end] for start, end in spans]))
        return cls(data, words, vocabulary, which, parts, part_words)

    def looked_up(self, numbers: Numbers, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the value of each word of the text; 0 for those not among `numbers`, which are sorted."""
        if not len(numbers) or not len(self.vocabulary):
            return np.zeros(len(self.which), dtype=np.float32)
        at = np.minimum(np.searchsorted(numbers, self.vocabulary), len(numbers) - 1)
        return np.where(numbers[at] == self.vocabulary, values[at], np.float32(0))[self.which]

    def line(self, index: int) -> str:
        """The line with a zero-based index, without its end; empty behind the last."""
        starts = self.words.line_starts
        if not 0 <= index < len(starts):
            return ""
        end = int(starts[index + 1]) - 1 if index + 1 < len(starts) else len(self.data)
        return self.data[int(starts[index]) : end].decode("utf-8", "replace").rstrip("\r")


class Store:
    """The files of one root."""

    def __init__(self, read: Callable[[str], str | None]) -> None:
        self.read = read
        self.files = Files()
        self.entries: dict[int, Entry] = {}
        self.words = Postings()
        self.names = Postings()
        self.symbols = 0
        self._alive = np.zeros(256, dtype=np.bool_)
        self._next = 0
        self._dead = 0
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._held = 0
        self.reading_s = 0.0
        """Seconds spent on reading texts and finding their words, so far."""
        self._targets: dict[int, tuple[tuple[int, ...], int]] = {}
        self._generation = 0

    def fill(self, entries: Mapping[int, Entry], words: Sequence[Segment], names: Sequence[Segment]) -> None:
        """Take all that is known of files, in place of none; `entries` by slot, from 0 without gaps."""
        self._next = len(entries)
        self._alive = np.ones(max(256, self._next), dtype=np.bool_)
        self._alive[self._next :] = False
        self.entries = dict(entries)
        for slot, entry in entries.items():
            self.files.add(entry.path, slot)
        self.words, self.names = Postings(words, self._next), Postings(names, self._next)
        self.symbols = sum(len(entry.table) for entry in entries.values()) // TABLE.itemsize
        self._generation += 1

    def put(self, path: str, facts: FileFacts) -> None:
        """Add a file, or replace it."""
        known = self.files.slots.get(path)
        if known is not None:
            self._drop(known)
        else:
            self._generation += 1
        slot = self._next
        self._next += 1
        if slot >= len(self._alive):
            self._alive = np.concatenate((self._alive, np.zeros(len(self._alive), dtype=np.bool_)))
        self._alive[slot] = True
        words = np.frombuffer(facts.words, dtype="<u4")
        self.entries[slot] = Entry(path, facts.language, facts.table, facts.needs, len(words))
        self.files.add(path, slot)
        self.words.add(slot, words)
        names = np.frombuffer(facts.table, dtype=TABLE)["name"]
        self.names.add(slot, np.unique(names[names != 0]))
        self.symbols += len(names)
        self.forget_text(path)

    def remove(self, path: str) -> None:
        """Forget a file."""
        slot = self.files.remove(path)
        if slot is not None:
            self._generation += 1
            self._drop(slot)
            self.forget_text(path)

    def forget_text(self, path: str) -> None:
        """Forget the remembered text of a file."""
        text = self._texts.pop(path, None)
        if text is not None:
            self._held -= len(text.data) * _TEXT_FACTOR

    def text(self, path: str) -> Text | None:
        """Return a file's text, remembered or read; None where it cannot be had or is too long."""
        known = self._texts.get(path)
        if known is not None:
            self._texts.move_to_end(path)
            return known
        started = time.perf_counter()
        read = self.read(path)
        if read is None:
            return None
        data = read.encode("utf-8", "replace")[:_MAX_TEXT]
        made = Text.of(data)
        self.reading_s += time.perf_counter() - started
        self._texts[path] = made
        self._held += len(data) * _TEXT_FACTOR
        while self._held > _TEXTS and len(self._texts) > 1:
            _, oldest = self._texts.popitem(last=False)
            self._held -= len(oldest.data) * _TEXT_FACTOR
        return made

    def targets(self, slot: int) -> tuple[int, ...]:
        """The slots of the files that a file imports."""
        known = self._targets.get(slot)
        if known is None or known[1] != self._generation:
            entry = self.entries[slot]
            paths = dict.fromkeys(
                target
                for one in imports_of(entry.needs)
                for target in self.files.resolve(entry.path, entry.language, one)
            )
            known = (tuple(self.files.slots[path] for path in paths), self._generation)
            if len(self._targets) > 4096:  # noqa: PLR2004 - those near one place are some hundreds
                self._targets.clear()
            self._targets[slot] = known
        return tuple(one for one in known[0] if one in self.entries)

    def importers(self, path: str) -> list[int]:
        """The slots of files that import a file: those that hold its name, or its folder's, and mean it."""
        own = self.files.slots.get(path)
        stem = stem_of(path)
        if stem in ENTRIES:
            stem = folder_of(path).rpartition("/")[2] or stem
        slots, _ = self.words.find(np.array([number_of(stem)], dtype=np.uint32))
        slots = slots[self.alive(slots)]
        if own is None or len(slots) > _MOST_IMPORTERS:
            return []
        return [int(slot) for slot in slots if int(slot) != own and own in self.targets(int(slot))]

    def alive(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which slots are those of present files."""
        return self._alive[slots]

    def frequency(self, words: Numbers) -> NDArray[np.int64]:
        """How many of the present files hold each word."""
        return self.words.count(words, self._alive)

    @property
    def size(self) -> int:
        """One more than the highest slot."""
        return self._next

    def _drop(self, slot: int) -> None:
        entry = self.entries.pop(slot)
        self.symbols -= len(entry.table) // TABLE.itemsize
        self._alive[slot] = False
        self.words.remove(slot)
        self.names.remove(slot)
        self._targets.pop(slot, None)
        self._dead += 1
        if self._dead > max(1024, len(self.entries)):
            alive = self._alive[: max(self._next, 1)]
            self.words.sweep(alive)
            self.names.sweep(alive)
            self._dead = 0
