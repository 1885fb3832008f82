"""Passages of a package's other files that are like the place of a hole: what a server that knows the repository adds.

A passage is `HEIGHT` lines; one begins every `HEIGHT // 2` lines of a file. It is as like a place as the identifiers
that both have are rare in the package (the sum of their inverse document frequencies), in the manner of the sparse
retriever of RepoCoder (Zhang et al. 2023, https://arxiv.org/abs/2303.12570). Those of the cursor's line count more, and
its unfinished word stands for all that begin with it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

__all__ = ["HEIGHT", "File", "Passage", "Passages"]

HEIGHT = 10  # lines
_AROUND = 600  # characters before the cursor, and half as many behind it, that say what its place is about
_LINE = 3.0  # how much more a word of the cursor's line counts
_BEGUN = 12  # words that begin with the unfinished one, at most
_COMMON = 0.15  # a word in more passages of the package than this share says nothing
_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_UNFINISHED = re.compile(r"[A-Za-z_]\w+\Z")


@dataclass(frozen=True)
class File:
    """One file of a package."""

    path: str
    text: str


@dataclass(frozen=True)
class Passage:
    """Lines of a file, from the one with the index `line` on."""

    path: str
    line: int
    text: str


class Passages:
    """The passages of one package, looked up by likeness."""

    def __init__(self, files: Sequence[File]) -> None:
        self._passages: list[Passage] = []
        holders: defaultdict[str, list[int]] = defaultdict(list)
        for file in files:
            lines = file.text.splitlines(keepends=True)
            for line in range(0, max(1, len(lines) - HEIGHT // 2), HEIGHT // 2):
                passage = Passage(file.path, line, "".join(lines[line : line + HEIGHT]))
                for word in set(_WORD.findall(passage.text)):
                    holders[word].append(len(self._passages))
                self._passages.append(passage)
        most = max(2.0, _COMMON * len(self._passages))
        self._holders = {word: at for word, at in holders.items() if len(at) <= most}
        self._words = sorted(self._holders)

    def like(self, before: str, after: str, path: str, count: int) -> list[Passage]:
        """At most `count` passages of files other than `path`, the most like the cursor's place first.

        The cursor stands between `before` and `after`. No passage overlaps another.
        """
        scores: defaultdict[int, float] = defaultdict(float)
        for word, weight in self._query(before, after).items():
            holders = self._holders.get(word, ())
            for index in holders:
                scores[index] += weight * log(len(self._passages) / len(holders))
        chosen: list[Passage] = []
        for index in sorted(scores, key=lambda i: (-scores[i], i)):
            passage = self._passages[index]
            if passage.path != path and not any(
                other.path == passage.path and abs(other.line - passage.line) < HEIGHT for other in chosen
            ):
                chosen.append(passage)
                if len(chosen) == count:
                    break
        return chosen

    def _query(self, before: str, after: str) -> dict[str, float]:
        """The words of the place and how much each counts."""
        line = before[before.rfind("\n") + 1 :]
        begun = _UNFINISHED.search(line)
        words = dict.fromkeys(_WORD.findall(before[-_AROUND:] + "\n" + after[: _AROUND // 2]), 1.0)
        words |= dict.fromkeys(_WORD.findall(line + " " + after.partition("\n")[0]), _LINE)
        if begun:
            at = bisect_left(self._words, begun[0])
            fitting = (word for word in self._words[at : at + _BEGUN] if word.startswith(begun[0]))
            words |= dict.fromkeys(fitting, _LINE)
        return words
