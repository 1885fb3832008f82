"""Words of source text as 32-bit numbers: all that an index must remember of a text, and quick to make.

A word is a letter, `_`, `$` or any byte behind ASCII, followed by such or digits, two bytes at least. Its number is a
sum of a random number for each byte times a random odd one for each place (Carter and Wegman 1979, mixed by the
finaliser of MurmurHash3), so that numpy makes those of a whole text in a few passes: some 50 MB/s, against 9 MB/s with
regular expressions. Two words of a million share a number with probability 1/4000; a name too many in a ranking is all
that follows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Numbers = NDArray[np.uint32]

__all__ = ["Words", "among", "number_of", "numbers_of", "parts_of", "words_of"]

_LENGTHS = 64  # places with a factor of their own; those of longer words begin again
_random = np.random.Generator(np.random.PCG64(20240229))  # fixed: the numbers stand in caches on disk
_BYTE = _random.integers(1, 1 << 32, 256, dtype=np.uint32)
_PLACE = _random.integers(1, 1 << 32, _LENGTHS, dtype=np.uint32) | np.uint32(1)
_INSIDE = np.zeros(256, dtype=np.bool_)
_INSIDE[[*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), 0x24, 0x5F, *range(0x80, 0x100)]] = True
_NEWLINE = 0x0A
_PART = 3
_LOWER, _UPPER, _DIGIT = 1, 2, 3
_KIND = np.zeros(256, dtype=np.uint8)
_KIND[[*range(0x61, 0x7B), *range(0x80, 0x100)]] = _LOWER
_KIND[0x41:0x5B] = _UPPER
_KIND[0x30:0x3A] = _DIGIT
_LOWERED = np.arange(256, dtype=np.uint8)
_LOWERED[0x41:0x5B] += 0x20


@frozen(eq=False)
class Words:
    """The words of a text in their order: number, byte offset and line (zero-based) of each."""

    numbers: Numbers
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    lines: NDArray[np.int32]
    line_starts: NDArray[np.int32]
    """The byte offset of each line."""


def words_of(text: str | bytes) -> Words:
    """Return the words of a text; offsets are those of its UTF-8 form."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    letters = np.frombuffer(data, dtype=np.uint8)
    inside = np.zeros(len(letters) + 2, dtype=np.int8)
    inside[1:-1] = _INSIDE[letters]
    edges = np.flatnonzero(np.diff(inside)).astype(np.int32)
    starts, ends = edges[::2], edges[1::2]
    newlines = np.flatnonzero(letters == _NEWLINE).astype(np.int32)
    line_starts = np.concatenate((np.zeros(1, dtype=np.int32), newlines + 1))
    first = letters[starts] if len(starts) else letters[:0]
    kept = (ends - starts > 1) & ((first < 0x30) | (first > 0x39))  # noqa: PLR2004 - the digits
    starts, ends = starts[kept], ends[kept]
    lengths = ends - starts
    total = int(lengths.sum())
    if total == 0:
        nothing = np.zeros(0, dtype=np.int32)
        return Words(np.zeros(0, dtype=np.uint32), nothing, nothing, nothing, line_starts)
    word_begins = np.cumsum(lengths) - lengths
    place = np.arange(total, dtype=np.int32) - np.repeat(word_begins, lengths).astype(np.int32)
    at = np.repeat(starts, lengths) + place
    values = _BYTE[letters[at]] * _PLACE[place & (_LENGTHS - 1)]
    sums = np.add.reduceat(values, word_begins, dtype=np.uint32)
    return Words(_mixed(sums), starts, ends, np.searchsorted(newlines, starts).astype(np.int32), line_starts)


def parts_of(text: str | bytes) -> tuple[Numbers, NDArray[np.int32]]:
    """Return the parts of a text's words, in their order, and the line (zero-based) of each.

    `parseHTTPHeader_line2` has the parts parse, http, header, line2; those shorter than three bytes are left out.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    letters = np.frombuffer(data, dtype=np.uint8)
    kinds = np.zeros(len(letters) + 2, dtype=np.uint8)
    kinds[1:-1] = _KIND[letters]
    now, before, after = kinds[1:-1], kinds[:-2], kinds[2:]
    upper = now == _UPPER
    hump = upper & ((before == _LOWER) | (before == _DIGIT) | ((before == _UPPER) & (after == _LOWER)))
    inside = now != 0
    at = np.flatnonzero(inside).astype(np.int32)
    begins = np.flatnonzero((hump | (inside & (before == 0)))[at])  # indices in `at`
    lengths = np.diff(np.append(begins, len(at)))
    kept = (lengths >= _PART) & (now[at[begins]] != _DIGIT)
    if not kept.any():
        return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int32)
    place = np.arange(len(at)) - np.repeat(begins, lengths)
    values = _BYTE[_LOWERED[letters[at]]] * _PLACE[place & (_LENGTHS - 1)]
    sums = np.add.reduceat(values, begins, dtype=np.uint32)[kept]
    newlines = np.flatnonzero(letters == _NEWLINE)
    return _mixed(sums), np.searchsorted(newlines, at[begins[kept]]).astype(np.int32)


def _mixed(sums: Numbers) -> Numbers:
    """MurmurHash3's finaliser."""
    sums ^= sums >> np.uint32(16)
    sums *= np.uint32(0x85EBCA6B)
    sums ^= sums >> np.uint32(13)
    sums *= np.uint32(0xC2B2AE35)
    sums ^= sums >> np.uint32(16)
    return sums


def numbers_of(names: Iterable[str]) -> Numbers:
    """Return the number of each name. One that is no word (an operator, a single letter) gets 0."""
    listed = list(names)
    found = words_of("\n".join(name.replace("\n", " ") for name in listed))
    numbers = np.zeros(len(listed), dtype=np.uint32)
    numbers[found.lines[::-1]] = found.numbers[::-1]  # the first word of a line wins
    return numbers


@lru_cache(maxsize=1 << 16)
def number_of(name: str) -> int:
    """Return the number of one name; 0 where it is no word."""
    return int(numbers_of((name,))[0])


def among(numbers: Numbers, of: Numbers) -> NDArray[np.bool_]:
    """Return which numbers are among those of a sorted array."""
    if not len(of):
        return np.zeros(len(numbers), dtype=np.bool_)
    found: NDArray[np.bool_] = of[np.minimum(np.searchsorted(of, numbers), len(of) - 1)] == numbers
    return found
