"""What else could fill the context: the yardsticks of `eval repo`, as other clients do it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from starcoder_lsp.repository.files import folder_of
from starcoder_lsp.repository.languages import KIN, language_of
from starcoder_lsp.repository.words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from starcoder_lsp.evaluation.repo_holes import Hole

    _Piece = tuple[str, int, int]  # path, first line (zero-based), lines

__all__ = ["RIVALS", "Rivals"]

_HEIGHT = 60
_STRIDE = 10  # Copilot's is 1, which changes little and costs ten times as much
_RING = 64
_RING_SIZE = 16
RIVALS = ("nothing", "folder", "jaccard", "bm25", "ring")


@frozen(eq=False)
class _Windows:
    """Passages of all files: path, first line; and their words, distinct, with how often each stands there."""

    places: list[tuple[str, int]]
    words: NDArray[np.uint32]
    counts: NDArray[np.int64]
    owner: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, files: Mapping[str, str], stride: int) -> _Windows:
        places: list[tuple[str, int]] = []
        words, counts, owner, sizes = [], [], [], []
        for path, text in files.items():
            found = words_of(text)
            lines = text.count("\n") + 1
            for start in range(0, max(1, lines - _HEIGHT + stride), stride):
                first, last = np.searchsorted(found.lines, (start, start + _HEIGHT))
                unique, many = np.unique(found.numbers[first:last], return_counts=True)
                owner.append(np.full(len(unique), len(places)))
                places.append((path, start))
                words.append(unique)
                counts.append(many)
                sizes.append(len(unique))
        return cls(places, np.concatenate(words), np.concatenate(counts), np.concatenate(owner), np.array(sizes))


class Rivals:
    """The other ways to choose, over one repository."""

    def __init__(self, files: Mapping[str, str], seed: int) -> None:
        """`files`: texts by path."""
        self._files = files
        self._sliding = _Windows.of(files, _STRIDE)
        self._chunks = _Windows.of(files, _HEIGHT)
        self._seed = seed

    def choose(
        self, rival: str, hole: Hole, budgets: Sequence[int], count: Callable[[str], int]
    ) -> Iterator[str]:  # fmt: skip
        """Yield the context that a rival chooses, for each budget: tokens, paths counted; `budgets` ascend."""
        ordered: dict[str, Callable[[Hole], Iterable[_Piece]]] = {
            "nothing": lambda _hole: (),
            "folder": self._folder,
            "jaccard": self._jaccard,
            "bm25": self._bm25,
            "ring": self._ring,
        }
        taken: list[str] = []
        spent = 0
        waiting = list(budgets)
        for line, cost in self._lines(ordered[rival](hole), count):
            spent += cost
            while waiting and spent > waiting[0]:
                del waiting[0]
                yield "".join(taken)
            if not waiting:
                return
            taken.append(line)
        yield from ["".join(taken)] * len(waiting)

    def _lines(self, pieces: Iterable[_Piece], count: Callable[[str], int]) -> Iterator[tuple[str, int]]:
        """Their lines, and what each costs."""
        for path, start, height in pieces:
            head = count(path) + 1
            for line in self._files[path].split("\n")[start : start + height]:
                yield line + "\n", head + count(line + "\n")
                head = 0

    def _folder(self, hole: Hole) -> Iterable[_Piece]:
        """Whole files that stand beside it, those next in the alphabet first."""
        here = sorted({hole.path, *(path for path in self._files if folder_of(path) == folder_of(hole.path))})
        at = here.index(hole.path)
        others = sorted(here, key=lambda path: abs(here.index(path) - at))
        return [(path, 0, 1 << 30) for path in others if path != hole.path]

    def _kin(self, hole: Hole, path: str) -> bool:
        return path != hole.path and language_of(path) in KIN.get(hole.language, (hole.language,))

    def _jaccard(self, hole: Hole) -> Iterable[_Piece]:
        """Copilot's: 60-line windows by Jaccard likeness to the 60 lines before the cursor, one a file."""
        query = np.unique(words_of("\n".join(hole.prefix.split("\n")[-_HEIGHT:])).numbers)
        windows = self._sliding
        shared = np.bincount(windows.owner[np.isin(windows.words, query)], minlength=len(windows.places))
        scores = shared / (len(query) + windows.sizes - shared + 1e-9)
        seen = set()
        for at in np.argsort(-scores, kind="stable"):
            path, start = windows.places[at]
            if path not in seen and self._kin(hole, path):
                seen.add(path)
                yield path, start, _HEIGHT

    def _bm25(self, hole: Hole) -> Iterable[_Piece]:
        """60-line chunks by BM25 (k1 1.2, b 0.75) of the 60 lines before the cursor."""
        query = np.unique(words_of("\n".join(hole.prefix.split("\n")[-_HEIGHT:])).numbers)
        chunks = self._chunks
        hits = np.flatnonzero(np.isin(chunks.words, query))
        _, inverse, frequency = np.unique(chunks.words[hits], return_inverse=True, return_counts=True)
        total = len(chunks.places)
        idf = np.log(1 + (total - frequency + 0.5) / (frequency + 0.5))[inverse]
        length = np.bincount(chunks.owner, weights=chunks.counts, minlength=total)
        often = chunks.counts[hits]
        norm = often + 1.2 * (0.25 + 0.75 * (length / max(1e-9, length.mean()))[chunks.owner[hits]])
        scores = np.bincount(chunks.owner[hits], weights=idf * often * 2.2 / norm, minlength=total)
        for at in np.argsort(-scores, kind="stable"):
            path, start = chunks.places[at]
            if self._kin(hole, path):
                yield path, start, _HEIGHT

    def _ring(self, hole: Hole) -> Iterable[_Piece]:
        """llama.vim's: random 64-line pieces of files that were visited; here, of files of the language."""
        generator = random.Random(f"{self._seed}/{hole.path}/{hole.start}")  # noqa: S311 - a sample
        others = [path for path in self._files if self._kin(hole, path)]
        for path in generator.sample(others, min(_RING_SIZE, len(others))):
            lines = self._files[path].count("\n") + 1
            yield path, generator.randrange(max(1, lines - _RING + 1)), _RING
