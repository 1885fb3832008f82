"""What is known of the files of a root at one moment, and the same as arrays for a file on disk.

Files are numbered anew then, in their order and without gaps; nothing of those that are gone is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen

from starcoder_lsp.repository.postings import Segment, packed
from starcoder_lsp.repository.store import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from starcoder_lsp.repository.cache import Arrays

    Pair = tuple[str, NDArray[Any]]

__all__ = ["Known"]

_PART: Final = 4096
"""Files whose facts are joined to one array: what is written or read at once takes little more memory than they do."""


@frozen(eq=False)
class Known:
    """What is known of files.

    Attributes:
        entries: those of the index, by slot.
        words: which slots hold a word; slots that are in no entry do not count.
        names: the same of the names that are defined.
        stamps: by path, the size in bytes and time of change in ns that the file had, also of those left out.
        left_out: why files have no facts.
        shallow: files that were not parsed.
    """

    entries: Mapping[int, Entry]
    words: Sequence[Segment]
    names: Sequence[Segment]
    stamps: Mapping[str, tuple[int, int]]
    left_out: Mapping[str, str]
    shallow: frozenset[str]

    def arrays(self) -> Iterator[Pair]:
        """Return it as arrays. Files without a stamp are not among them: they may be others on disk."""
        slots = [slot for slot in sorted(self.entries) if self.entries[slot].path in self.stamps]
        kept = np.zeros(slots[-1] + 1 if slots else 0, dtype=np.bool_)
        kept[slots] = True
        for kind, segments in (("words", self.words), ("names", self.names)):
            for number, one in enumerate(packed(segments, kept)):
                yield f"{kind}.{number}.words", one.words
                yield f"{kind}.{number}.begins", one.begins
                yield f"{kind}.{number}.slots", one.slots
                yield f"{kind}.{number}.span", np.array([one.first, one.span])
        for number in range(0, len(slots), _PART):
            entries = [self.entries[slot] for slot in slots[number : number + _PART]]
            yield from self._part(number // _PART, entries)
        refused = [path for path in self.left_out if path in self.stamps]
        yield "left_out.paths", _of_texts(refused)
        yield "left_out.why", _of_texts([self.left_out[path] for path in refused])
        yield "left_out.stamps", self._stamps(refused)

    def _part(self, number: int, entries: Sequence[Entry]) -> Iterator[Pair]:
        paths = [one.path for one in entries]
        arrays: dict[str, NDArray[Any]] = {
            "paths": _of_texts(paths),
            "languages": _of_texts([one.language for one in entries]),
            "stamps": self._stamps(paths),
            "counts": np.array([[one.words, len(one.table), len(one.needs)] for one in entries], dtype=np.uint32),
            "parsed": np.array([path not in self.shallow for path in paths]),
            "tables": np.frombuffer(b"".join([one.table for one in entries]), dtype=np.uint8),
            "needs": np.frombuffer(b"".join([one.needs for one in entries]), dtype=np.uint8),
        }
        yield from ((f"files.{number}.{name}", array) for name, array in arrays.items())

    def _stamps(self, paths: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self.stamps[path] for path in paths], dtype=np.int64).reshape(len(paths), 2)

    @classmethod
    def of(cls, arrays: Arrays) -> Known:
        """Return what was made to these arrays. Raises KeyError, ValueError or IndexError for others."""
        entries: dict[int, Entry] = {}
        stamps: dict[str, tuple[int, int]] = {}
        shallow: set[str] = set()
        for number in _numbers(arrays, "files"):
            part = {name: arrays[f"files.{number}.{name}"] for name in ("paths", "languages", "stamps", "counts")}
            paths, languages = _texts(part["paths"]), _texts(part["languages"])
            tables, needs = (arrays[f"files.{number}.{name}"].tobytes() for name in ("tables", "needs"))
            at_table = at_needs = 0
            for path, language, (words, table, need) in zip(paths, languages, part["counts"].tolist(), strict=True):
                entries[len(entries)] = Entry(
                    path, language, tables[at_table : at_table + table], needs[at_needs : at_needs + need], words
                )
                at_table, at_needs = at_table + table, at_needs + need
            stamps |= dict(zip(paths, map(tuple, part["stamps"].tolist()), strict=True))
            shallow.update(paths[index] for index in np.flatnonzero(~arrays[f"files.{number}.parsed"]))
        refused = _texts(arrays["left_out.paths"])
        stamps |= dict(zip(refused, map(tuple, arrays["left_out.stamps"].tolist()), strict=True))
        left_out = dict(zip(refused, _texts(arrays["left_out.why"]), strict=True))
        words, names = ([_segment(arrays, kind, one) for one in _numbers(arrays, kind)] for kind in ("words", "names"))
        return cls(entries, words, names, stamps, left_out, frozenset(shallow))


def _segment(arrays: Arrays, kind: str, number: int) -> Segment:
    words, begins, slots, span = (arrays[f"{kind}.{number}.{name}"] for name in ("words", "begins", "slots", "span"))
    return Segment(int(span[0]), words, begins, slots, int(span[1]))


def _numbers(arrays: Arrays, kind: str) -> list[int]:
    return sorted({int(name.split(".")[1]) for name in arrays if name.startswith(f"{kind}.")})


def _of_texts(texts: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("".join(f"{text}\0" for text in texts).encode(), dtype=np.uint8)


def _texts(array: NDArray[np.uint8]) -> list[str]:
    return array.tobytes().decode().split("\0")[:-1]
