r"""Files -> rows of token ids: half left to right, half fill-in-the-middle, PSM and SPM equally, many with neighbours.

Layouts (StarCoder2; SPM is the second form of Bavarian et al. 2022, https://arxiv.org/abs/2207.14255):

    PSM   [context] <fim_prefix>PRE<fim_suffix>SUF<fim_middle>MID<|endoftext|>
    SPM   [context] <fim_prefix><fim_suffix>SUF<fim_middle>PRE MID<|endoftext|>
    [context]       <repo_name>R<file_sep>path0\ncode0<file_sep>, and the path of the file itself in front of PRE

PRE and MID are encoded apart. Mostly the hole is widened first to the start of the word that it cuts in two, as the
server does (`engine.open_end`); where not, such halves are nothing new to the model.
"""

from __future__ import annotations

import json
import lzma
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

from training import tokenizer as special
from training.holes import Hole, cut, line_starts
from training.neighbours import File, Passage, Passages

__all__ = ["Corpus", "Encode", "Mixture", "Rows", "Source", "layout", "read_sources"]

Encode = Callable[[str], list[int]]
_LEAST_LINES = 4  # of a passage
_WORD_REACH = 400  # characters before a hole in which its unfinished word begins, if there is one


@dataclass(frozen=True)
class Source:
    """One file of the corpus."""

    repo: str
    path: str
    language: str
    text: str


@dataclass(frozen=True)
class Mixture:
    """Shares of a row's kinds. The language shares are normalised over what the corpus has."""

    fim: float = 0.5
    spm: float = 0.5  # of the FIM samples
    healed: float = 0.8  # of the FIM samples begin the middle in front of an unfinished word, as the server asks
    header: float = 0.6  # of the FIM samples carry <repo_name> and a path
    neighbours: float = 0.85  # of those carry other files of the package too
    languages: tuple[tuple[str, float], ...] = (
        ("python", 0.78),
        ("javascript", 0.06),
        ("typescript", 0.04),
        ("go", 0.025),
        ("rust", 0.02),
        ("java", 0.02),
        ("c", 0.015),
        ("cpp", 0.015),
        ("shell", 0.01),
        ("json", 0.003),
        ("yaml", 0.003),
        ("toml", 0.002),
        ("markdown", 0.007),
    )


def read_sources(path: Path) -> list[Source]:
    """The files of a prepared .jsonl, or of the .jsonl.xz that travelled instead of it."""
    packed = path.with_name(path.name + ".xz")
    with path.open(encoding="utf-8") if path.exists() else lzma.open(packed, "rt", encoding="utf-8") as lines:
        return [Source(**json.loads(line)) for line in lines]


def layout(context: list[int], path: list[int], prefix: list[int], suffix: list[int], *, spm: bool) -> list[int]:
    """The prompt in one of the two orders; `path` is empty or the encoded path and a newline."""
    if spm:
        return [*context, special.PREFIX, special.SUFFIX, *suffix, special.MIDDLE, *path, *prefix]
    return [*context, special.PREFIX, *path, *prefix, special.SUFFIX, *suffix, special.MIDDLE]


def repository(repo: str, passages: Sequence[Passage], encode: Encode, room: int) -> list[int]:
    """The repository block in about `room` ids: the best passages last, and shortened or left out where room ends."""
    block: list[int] = []
    for passage in passages:  # the best comes first, and stands nearest to the file
        header, lines = passage.path + "\n", passage.text.splitlines(keepends=True)
        code = encode(header + passage.text)
        while len(lines) > _LEAST_LINES and len(block) + len(code) + 1 > room:
            lines = lines[: max(_LEAST_LINES, len(lines) * 3 // 4)]
            code = encode(header + "".join(lines))
        if len(block) + len(code) + 1 > room:
            break
        block = [*code, special.FILE, *block]
    return [special.REPO, *encode(repo), special.FILE, *block]


class Corpus:
    """Files that can be drawn by language and size, and looked up by package."""

    def __init__(self, sources: Iterable[Source], mixture: Mixture) -> None:
        self.by_language: dict[str, list[Source]] = {}
        self.by_repo: dict[str, list[Source]] = {}
        for source in sources:
            self.by_language.setdefault(source.language, []).append(source)
            self.by_repo.setdefault(source.repo, []).append(source)
        shares = [(name, share) for name, share in mixture.languages if name in self.by_language]
        self.languages = [name for name, _ in shares]
        self.shares = list(accumulate(share for _, share in shares))
        self.sizes = {name: list(accumulate(len(s.text) for s in files)) for name, files in self.by_language.items()}
        self._passages: dict[str, Passages] = {}

    def draw(self, rng: Random) -> tuple[Source, int]:
        """A file and a line start in it, every byte of a language equally likely."""
        language = self.languages[bisect_right(self.shares, rng.random() * self.shares[-1])]
        sizes = self.sizes[language]
        at = rng.randrange(sizes[-1])
        index = bisect_right(sizes, at)
        source = self.by_language[language][index]
        offset = at - (sizes[index] - len(source.text))
        return source, source.text.rfind("\n", 0, offset) + 1

    def like(self, source: Source, before: str, after: str, count: int) -> list[Passage]:
        """Passages of the package's other files like the place between `before` and `after`, the best first."""
        if source.repo not in self._passages:
            self._passages[source.repo] = Passages([File(s.path, s.text) for s in self.by_repo[source.repo]])
        return self._passages[source.repo].like(before, after, source.path, count)


class Rows:
    """Packs samples into rows of exactly `length` ids. The same (seed, step) gives the same rows."""

    def __init__(
        self,
        corpus: Corpus,
        encode: Encode,
        mixture: Mixture,
        seed: int = 0,
        open_end: Callable[[str], int] = lambda _text: 0,
    ) -> None:
        """`open_end`: how many characters at a text's end the server lets the model write again."""
        self.corpus, self.encode, self.mixture, self.seed = corpus, encode, mixture, seed
        self.open_end = open_end

    def batch(self, step: int, rows: int, length: int) -> list[list[int]]:
        """The rows of one training step."""
        rng = Random(f"{self.seed} {step}")
        return [self.row(rng, length) for _ in range(rows)]

    def row(self, rng: Random, length: int) -> list[int]:
        """Samples one behind the other; the last one is cut off at the end of the row."""
        ids: list[int] = []
        while len(ids) < length:
            room = length - len(ids)
            source, start = self.corpus.draw(rng)
            if room >= 96 and rng.random() < self.mixture.fim:
                ids += self.infill(source, start, room, rng)
            else:
                ids += self.plain(source, start, room)
        return ids[:length]

    def plain(self, source: Source, start: int, room: int) -> list[int]:
        """Left to right from a line start, at most `room` ids; ends with <|endoftext|> only at the end of the file."""
        text = source.text[start : start + 8 * room]
        ids = self.encode(text)
        return [*ids, special.END] if start + len(text) >= len(source.text) else ids[:room]

    def infill(self, source: Source, start: int, room: int, rng: Random) -> list[int]:
        """One FIM sample of at most `room` ids."""
        budget = room if rng.random() < 0.6 else rng.randint(96, room)
        # A stretch of the file about as long as the budget, in whole lines; the hole lies anywhere in it.
        stop = source.text.find("\n", min(start + int(3.2 * budget), len(source.text)))
        window = source.text[start : len(source.text) if stop < 0 else stop + 1]
        starts = line_starts(window)
        hole: Hole = cut(window, starts, rng)
        middle = self.encode(window[hole[0] : hole[1]])
        if len(middle) > budget // 2:
            hole = cut(window, starts, rng, "rest_of_line")
        if rng.random() < self.mixture.healed:
            line = window.rfind("\n", 0, max(0, hole[0] - _WORD_REACH)) + 1
            hole = hole[0] - self.open_end(window[line : hole[0]]), hole[1]
        middle = self.encode(window[hole[0] : hole[1]])
        context, path = self.context(source, window[: hole[0]], window[hole[1] :], budget, rng)
        left = max(budget - len(middle) - len(context) - len(path) - 5, 16)
        suffix = self.encode(window[hole[1] :])
        prefix = self.encode(window[: hole[0]])
        suffix_room = max(left // 4, left - len(prefix))
        suffix = suffix[: min(suffix_room, int(left * rng.choice((0.1, 0.25, 0.4, 0.6))))]
        prefix = self._last(prefix, left - len(suffix))
        prompt = layout(context, path, prefix, suffix, spm=rng.random() < self.mixture.spm)
        return [*prompt, *middle, special.END][:room]

    def _last(self, ids: list[int], room: int) -> list[int]:
        """The last ids that fit."""
        return ids[-room:] if len(ids) > room else ids

    def context(self, source: Source, before: str, after: str, budget: int, rng: Random) -> tuple[list[int], list[int]]:
        """The repository block and the encoded path line of the file itself, or two empty lists."""
        if rng.random() >= self.mixture.header:
            return [], []
        count = rng.choice((1, 2, 4, 6)) if rng.random() < self.mixture.neighbours else 0
        found = self.corpus.like(source, before, after, count) if count else []
        room = int(budget * rng.uniform(0.2, 0.6))
        return repository(source.repo, found, self.encode, room), self.encode(source.path + "\n")
