r"""Files -> rows of token ids: left to right and fill-in-the-middle, PSM and SPM, many with other files.

Layouts (StarCoder2; SPM is the second form of Bavarian et al. 2022, https://arxiv.org/abs/2207.14255):

    PSM   [context] <fim_prefix>PRE<fim_suffix>SUF<fim_middle>MID<|endoftext|>
    SPM   [context] <fim_prefix><fim_suffix>SUF<fim_middle>PRE MID<|endoftext|>
    [context]       <repo_name>R<file_sep>path0\ncode0<file_sep>, or <file_sep> alone; both with the file's own path in
                    front of PRE (`neighbours.py`)

The ids of a middle carry the bit `MARK`: it is what the model will be asked for, so its loss counts more.

PRE and MID are encoded apart. Mostly the hole is widened first to the start of the word that it cuts in two, as the
server does (`tokens.open_end`); where not, such halves are nothing new to the model.
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
from training.neighbours import Encode, Neighbour, Package, context_ids, counter

__all__ = ["MARK", "Corpus", "Cut", "Mixture", "Rows", "Source", "layout", "read_sources", "unmarked"]

MARK = 1 << 15  # ids are smaller
_NEAR = 48  # ids of a near suffix
_CHARS = 3.2  # of a token, rather too few
_LEAST_SHOWN = 256  # ids of a sample with other files
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

    fim: float = 0.78
    spm: float = 0.5  # of the FIM samples
    healed: float = 0.8  # of the FIM samples begin the middle in front of an unfinished word, as the server asks
    context: float = 0.75  # of the FIM samples that are no drill carry what the server shows of other files
    least_share: float = 0.25  # of such a sample's ids are its context's, at least; the server gives it about 0.4
    most_share: float = 0.55
    foreign: float = 0.5  # of those have a hole that needs a name which only another file has
    reuse: int = 1  # samples from one choice of other files, each with another stretch around its hole; 40 ms each
    alone: float = 0.5  # of the others stand behind <file_sep> and their path, as in a server that has no neighbours
    drill: float = 0.4  # of the FIM samples are a few lines without a header: many first tokens of middles in a row
    drill_spm: float = 0.25  # of those
    small: float = 0.5  # of the others are shorter than the room there is
    near: float = 0.3  # of the PSM samples have a short suffix, so that the prefix's end is not far from the middle
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


def read_sources(path: Path, part: int = 0, parts: int = 1) -> list[Source]:
    """The files of a prepared .jsonl, or of the packed parts that travelled instead of it (`pack.py`).

    `part` of `parts`: only those of every `parts`-th package. Raises FileNotFoundError where there is neither.
    """
    packed = sorted(path.parent.glob(f"{path.stem}-*.jsonl.xz"))
    if not path.exists() and not packed:
        raise FileNotFoundError(f"{path}: prepare.py writes it")
    packages: dict[str, int] = {}
    found = []
    for one in [path] if path.exists() else packed:
        with one.open(encoding="utf-8") if one == path else lzma.open(one, "rt", encoding="utf-8") as lines:
            for line in lines:
                source = Source(**json.loads(line))
                if packages.setdefault(source.repo, len(packages)) % parts == part:
                    found.append(source)
    return found


def unmarked(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows of plain ids."""
    return [[one & ~MARK for one in row] for row in rows]


def layout(context: list[int], path: list[int], prefix: list[int], suffix: list[int], *, spm: bool) -> list[int]:
    """The prompt in one of the two orders; `path` is empty or the encoded path and a newline."""
    if spm:
        return [*context, special.PREFIX, special.SUFFIX, *suffix, special.MIDDLE, *path, *prefix]
    return [*context, special.PREFIX, *path, *prefix, special.SUFFIX, *suffix, special.MIDDLE]


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
        self._packages: dict[str, Package] = {}

    def draw(self, rng: Random) -> tuple[Source, int]:
        """A file and a line start in it, every byte of a language equally likely."""
        language = self.languages[bisect_right(self.shares, rng.random() * self.shares[-1])]
        sizes = self.sizes[language]
        at = rng.randrange(sizes[-1])
        index = bisect_right(sizes, at)
        source = self.by_language[language][index]
        offset = at - (sizes[index] - len(source.text))
        return source, source.text.rfind("\n", 0, offset) + 1

    def package(self, repo: str) -> Package:
        """A package's index; it is made when it is first asked for."""
        if repo not in self._packages:
            self._packages[repo] = Package({source.path: source.text for source in self.by_repo[repo]})
        return self._packages[repo]


@dataclass(frozen=True)
class Cut:
    """A stretch of a file, in whole lines, and a hole in it: characters of the file's text."""

    source: Source
    begin: int
    end: int
    hole: Hole

    @property
    def parts(self) -> tuple[str, str, str]:
        """What stands in front of the hole, in it, and behind it."""
        text, (start, stop) = self.source.text, self.hole
        return text[self.begin : start], text[start:stop], text[stop : self.end]


@dataclass
class Shown:
    """A hole and the other files that were chosen for it; `left`: samples that may still be made of it."""

    source: Source
    hole: Hole
    neighbours: list[Neighbour]
    left: int


class Rows:
    """Packs samples into rows of exactly `length` ids. The same (seed, step) gives the same rows.

    Where choices of other files are used again (`Mixture.reuse`), the rows depend on those that were asked for before.
    """

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
        self.count = counter(encode)
        self._again: list[Shown] = []

    def warm(self) -> None:
        """Index every package now, instead of when it is first drawn."""
        for repo in self.corpus.by_repo:
            self.corpus.package(repo).holes("")

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
        text = source.text[start : start + 5 * room]
        ids = self.encode(text)
        return [*ids, special.END] if start + len(text) >= len(source.text) else ids[:room]

    def infill(self, source: Source, start: int, room: int, rng: Random) -> list[int]:
        """One FIM sample of at most `room` ids."""
        mixture = self.mixture
        drill = rng.random() < mixture.drill
        if drill:
            budget = rng.randint(48, min(128, room))
        else:
            budget = rng.randint(96, room) if rng.random() < mixture.small else room
        context: list[int] = []
        if not drill and budget >= _LEAST_SHOWN and rng.random() < mixture.context:
            piece, context = self.shown(source, start, budget, rng)
            source = piece.source
        else:
            piece = self.cut(source, start, budget, rng)
        if not context and not drill and rng.random() < mixture.alone:
            context = [special.FILE]
        path = self.encode(source.path + "\n") if context else []
        prefix, middle, suffix = (self.encode(part) for part in piece.parts)
        left = max(budget - len(middle) - len(context) - len(path) - 5, 16)
        spm = rng.random() < (mixture.drill_spm if drill else mixture.spm)
        suffix_room = min(max(left // 4, left - len(prefix)), int(left * rng.choice((0.1, 0.25, 0.4, 0.6))))
        if not spm and rng.random() < mixture.near:
            suffix_room = min(suffix_room, rng.randint(0, _NEAR))
        suffix = suffix[:suffix_room]
        prefix = prefix[-(left - len(suffix)) :]
        prompt = layout(context, path, prefix, suffix, spm=spm)
        return [*prompt, *(one | MARK for one in (*middle, special.END))][:room]

    def shown(self, source: Source, start: int, budget: int, rng: Random) -> tuple[Cut, list[int]]:
        """A sample's piece of a file, and what the server would show of the package's other files in front of it.

        The context is empty where the package has nothing to show.
        """
        room = int(budget * rng.uniform(self.mixture.least_share, self.mixture.most_share))
        if self._again and rng.random() * self.mixture.reuse >= 1:
            index = rng.randrange(len(self._again))
            one = self._again[index]
            one.left -= 1
            if not one.left:
                self._again[index] = self._again[-1]
                self._again.pop()
            piece, found = self.around(one.source, one.hole, budget - room, rng), one.neighbours
        else:
            piece = self.cut(source, start, budget - room, rng, foreign=rng.random() < self.mixture.foreign)
            found = self.neighbours(piece, room)
            if found and self.mixture.reuse > 1:
                self._again.append(Shown(source, piece.hole, found, self.mixture.reuse - 1))
        repo = piece.source.repo
        return piece, context_ids(repo, found, room, piece.source.language, self.encode) if found else []

    def neighbours(self, piece: Cut, budget: int) -> list[Neighbour]:
        """What the server would show of the package's other files, in about `budget` ids."""
        source = piece.source
        if len(self.corpus.by_repo[source.repo]) < 2:
            return []
        head = len(self.encode(source.repo)) + 2
        window = (piece.begin, piece.end)
        return self.corpus.package(source.repo).neighbours(source.path, piece.hole, window, budget - head, self.count)

    def cut(self, source: Source, start: int, budget: int, rng: Random, *, foreign: bool = False) -> Cut:
        """A stretch about as long as `budget` ids from `start` on, and a hole anywhere in it.

        `foreign`: if the file has holes that need another file, one of them and the stretch around it.
        """
        text = source.text
        if foreign and (holes := self.corpus.package(source.repo).holes(source.path)):
            return self.around(source, self.healed(source, rng.choice(holes), rng), budget, rng)
        end = _line_end(text, start + int(_CHARS * budget))
        window = text[start:end]
        first, last = cut(window, line_starts(window), rng)
        if len(self.encode(window[first:last])) > budget // 2:
            first, last = cut(window, line_starts(window), rng, "rest_of_line")
        hole = self.healed(source, (start + first, start + last), rng)
        return Cut(source, min(start, hole[0]), end, hole)

    def around(self, source: Source, hole: Hole, budget: int, rng: Random) -> Cut:
        """The stretch around a hole, about as long as `budget` ids: the hole stands in its last four fifths."""
        size = int(_CHARS * budget)
        start = source.text.rfind("\n", 0, max(0, hole[0] - int(size * rng.uniform(0.2, 0.95)))) + 1
        return Cut(source, start, _line_end(source.text, max(start + size, hole[1])), hole)

    def healed(self, source: Source, hole: Hole, rng: Random) -> Hole:
        """Mostly the hole widened to the start of the word that it cuts."""
        if rng.random() >= self.mixture.healed:
            return hole
        line = source.text.rfind("\n", 0, max(0, hole[0] - _WORD_REACH)) + 1
        return hole[0] - self.open_end(source.text[line : hole[0]]), hole[1]


def _line_end(text: str, offset: int) -> int:
    """Where the line at `offset` ends, its line end included."""
    return (text.find("\n", min(offset, len(text))) + 1) or len(text)
