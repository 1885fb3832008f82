"""What the server shows of a package's other files: its own index, its own packing, its own form of the prompt.

A package is indexed once, as a workspace is. The holes that need other files are those of `starcoder-lsp eval repo`:
the rest of a line with a name that stands nowhere else in the file and that another file defines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from starcoder_lsp.completion.context import Neighbour, Neighbours, context_of
from starcoder_lsp.completion.fim import FAMILIES, FimTokens
from starcoder_lsp.evaluation.repo_holes import holes_in
from starcoder_lsp.repository.facts import FileFacts, extract
from starcoder_lsp.repository.index import Index
from starcoder_lsp.repository.languages import language_of
from starcoder_lsp.repository.query import Query

from training import tokenizer as special
from training.holes import Hole

__all__ = ["Counter", "Encode", "Neighbour", "Package", "context_ids", "counter"]

Encode = Callable[[str], list[int]]
Counter = Callable[[str], int]  # text -> its tokens

_MOST_HOLES = 4_000  # of a package
_FAMILY = next(family for family in FAMILIES if family.name == "starcoder2")
_TOKENS = FimTokens(
    family=_FAMILY,
    prefix=special.PREFIX,
    suffix=special.SUFFIX,
    middle=special.MIDDLE,
    pad=special.PAD,
    repo=special.REPO,
    file_separator=special.FILE,
    file_name=None,
    bos=None,
    stops=frozenset((special.END, special.FILE)),
)


class Package:
    """The files of one package, by path, as the server's index knows them."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)
        self._facts: dict[str, FileFacts] = {}
        self._index = Index(self._files.get)
        for path, text in self._files.items():
            self._facts[path] = extract(path, language_of(path), text)
            self._index.put(path, self._facts[path])
        self._holes: dict[str, list[Hole]] | None = None

    def neighbours(
        self, path: str, hole: Hole, window: tuple[int, int], budget: int, count: Counter
    ) -> list[Neighbour]:
        """What the server would show at a hole of a file, in at most `budget` tokens; the best last.

        `window`: the part of the file, with what is in the hole, that the prompt shows already. The index knows the
        file as it is with the hole, or the names in the hole would count as known there.
        """
        whole, (start, stop) = self._files[path], hole
        text, language = whole[:start] + whole[stop:], language_of(path)
        begin, end = window
        self._index.put(path, extract(path, language, text, parse=False))
        try:
            query = Query(path, language, text, start, (begin, max(start, end - (stop - start))))
            snippets = self._index.select(query, budget, count).snippets
        finally:
            self._index.put(path, self._facts[path])
        return [Neighbour(one.path, one.text) for one in snippets]

    def holes(self, path: str) -> list[Hole]:
        """Rests of lines that need a name which the file has nowhere else and another file defines."""
        if self._holes is None:
            self._holes = {}
            for one in holes_in(self._files, self._facts, _MOST_HOLES, 0):
                self._holes.setdefault(one.path, []).append((one.start, one.end))
        return self._holes.get(path, [])


def context_ids(repo: str, neighbours: Sequence[Neighbour], budget: int, language: str, encode: Encode) -> list[int]:
    """The ids in front of a prompt, as the server puts them there: at most about `budget`."""
    context = context_of(
        Neighbours("some", repo, tuple(neighbours)),
        language=language,
        tokens=_TOKENS,
        budget=budget,
        chunks=lambda text: [(text, tuple(encode(text)))],
    )
    return list(context.ids)


def counter(encode: Encode) -> Counter:
    """How many tokens a text has, remembered: packing asks for the same lines again and again."""
    return lru_cache(100_000)(lambda text: len(encode(text)))
