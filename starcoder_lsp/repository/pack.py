"""Packs lines into a budget by what is new in them.

A line is worth the wants of its names that neither the window nor the chosen lines show. The line that brings most for
its tokens goes first (the greedy rule for a budgeted maximum of coverage); the first line of a file pays for the file's
path too. What is chosen stands as in its file, in the file's order. So no line stands twice, nor one of the window: a
second copy has no name that is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from starcoder_lsp.repository.rank import Wanted
    from starcoder_lsp.repository.store import Text

    Numbers = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Chosen", "pack"]

_CHARS = 3.2
"""Characters a token, before a line is counted."""
_LONGEST = 160
"""Bytes of a line without its indentation; longer ones are data, or lists without an end."""
_SIGNATURE = 1.3
"""A line that defines a name says more of it than one that uses it."""
_SHORTEST = 3
"""Tokens of the shortest line that helps: with fewer left, packing ends."""
_MOST_MISSES = 40
"""Lines that no longer fit, after which packing ends."""
_NOTHING = 1e-9


@define
class Chosen:
    """Lines of one file: zero-based index and text of each, and what they cost and are worth."""

    file: int
    lines: dict[int, str] = field(factory=dict)
    tokens: int = 0
    worth: float = 0.0


@frozen(eq=False)
class _Candidates:
    """Lines, an entry each: file, zero-based index, estimated tokens, and how much it is preferred.

    And pairs of a line and a wanted name in it.
    """

    files: Numbers
    indices: Numbers
    estimates: Floats
    favour: Floats
    pair_lines: Numbers
    pair_names: Numbers


def pack(
    signatures: Mapping[int, Numbers],
    lines: Mapping[int, Numbers],
    texts: Mapping[int, Text],
    paths: Sequence[str],
    wanted: Wanted,
    budget: int,
    count: Callable[[str], int],
) -> list[Chosen]:
    """Choose among lines, zero-based indices by file; `signatures` are those that define something.

    `texts` and `paths` are by file too.

    Returns a `Chosen` for each file that has a line, the most worth last. All of them together cost at most `budget`.
    """
    candidates = _candidates(signatures, lines, texts, wanted)
    heads = {file: count(paths[file]) + 1 for file in dict.fromkeys(candidates.files.tolist())}
    wants = wanted.wants.astype(np.float64)
    worth = np.bincount(
        candidates.pair_lines, weights=wants[candidates.pair_names], minlength=len(candidates.files)
    )  # fmt: skip
    extra = np.array([heads[file] for file in candidates.files.tolist()], dtype=np.float64)
    by_name = _Groups(candidates.pair_names, candidates.pair_lines, len(wants))
    by_line = _Groups(candidates.pair_lines, candidates.pair_names, len(worth))
    chosen: dict[int, Chosen] = {}
    left, misses = budget, 0
    while left > _SHORTEST and misses < _MOST_MISSES and len(worth):
        rates = worth * candidates.favour / (candidates.estimates + extra)
        at = int(rates.argmax())
        if rates[at] <= _NOTHING:
            break
        file, index = int(candidates.files[at]), int(candidates.indices[at])
        line = texts[file].line(index).rstrip()
        cost = count(line + "\n") + (0 if file in chosen else heads[file])
        if cost > left:
            misses += 1
            worth[at] = 0
            continue
        left -= cost
        if file not in chosen:
            chosen[file] = Chosen(file)
            extra[candidates.files == file] = 0
        into = chosen[file]
        into.lines[index] = line
        into.tokens += cost
        into.worth += float(worth[at])
        for name in by_line[at].tolist():
            worth[by_name[name]] -= wants[name]
            wants[name] = 0.0
        worth[at] = 0
    return sorted(chosen.values(), key=lambda one: (one.worth, -one.file))


def _candidates(
    signatures: Mapping[int, Numbers], lines: Mapping[int, Numbers], texts: Mapping[int, Text], wanted: Wanted
) -> _Candidates:
    files, indices, pair_lines, pair_names = ([np.zeros(0, dtype=np.int64)] for _ in range(4))
    estimates, favour = ([np.zeros(0, dtype=np.float64)] for _ in range(2))
    names = len(wanted.numbers)
    known = 0
    for file, used in lines.items():
        text = texts.get(file)
        if text is None or not names or not len(text.words.numbers):
            continue
        words = text.words
        defining = signatures.get(file, used[:0])
        wished, index = np.unique(np.concatenate((defining, used)), return_index=True)  # of two alike, the first's
        present = wished < len(words.line_starts)
        among, index = wished[present], index[present]
        first = words.starts[np.minimum(np.searchsorted(words.lines, among), len(words.lines) - 1)]
        ends = np.append(words.line_starts, len(text.data) + 1)[among + 1] - 1
        lengths = ends - np.maximum(first, words.line_starts[among])  # without what is in front of the first word
        fit = (lengths > 0) & (lengths <= _LONGEST)
        listed, lengths = among[fit], lengths[fit]
        begins, ends = np.searchsorted(words.lines, (listed, listed + 1))
        inside, of_line = _ranges(begins, ends)
        numbers = words.numbers[inside]
        at = np.minimum(np.searchsorted(wanted.numbers, numbers), names - 1)
        hits = wanted.numbers[at] == numbers
        pairs = np.unique((known + of_line[hits]) * names + at[hits])
        pair_lines.append(pairs // names)
        pair_names.append(pairs % names)
        files.append(np.full(len(listed), file, dtype=np.int64))
        indices.append(listed.astype(np.int64))
        estimates.append(lengths / _CHARS + 1)
        favour.append(np.where(index[fit] < len(defining), _SIGNATURE, 1.0))
        known += len(listed)
    return _Candidates(
        np.concatenate(files),
        np.concatenate(indices),
        np.concatenate(estimates),
        np.concatenate(favour),
        np.concatenate(pair_lines),
        np.concatenate(pair_names),
    )


def _ranges(begins: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """All numbers from each begin to its end, and for each the index of its range."""
    counts = ends - begins
    which = np.repeat(np.arange(len(counts)), counts)
    return np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + begins[which], which


class _Groups:
    """Values by key."""

    def __init__(self, keys: Numbers, values: Numbers, most: int) -> None:
        self._values = values[np.argsort(keys, kind="stable")]
        self._begins = np.append(0, np.cumsum(np.bincount(keys, minlength=most))).tolist()

    def __getitem__(self, key: int) -> Numbers:
        return self._values[self._begins[key] : self._begins[key + 1]]
