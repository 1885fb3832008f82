"""Identifier recall: of the names that holes need and their files lack, the share that stands in the context."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import field, frozen

from starcoder_lsp.evaluation.repo_holes import holes_in
from starcoder_lsp.evaluation.repo_rivals import RIVALS, Rivals
from starcoder_lsp.repository.facts import FileFacts, extract, language_of
from starcoder_lsp.repository.index import Index
from starcoder_lsp.repository.query import Query, Selection
from starcoder_lsp.repository.root import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starcoder_lsp.evaluation.repo_holes import Hole

__all__ = ["OURS", "Recalled", "Repository", "recall", "recalled"]

OURS = "ours"
_WORD = re.compile(r"[^\W\d]\w*")


@frozen(eq=False)
class Repository:
    """One folder's files, an index of them, and the holes made in them.

    Attributes:
        name: for people.
        files: the texts by path, with newlines.
        facts: what is known of each.
        index: of all of them.
        holes: at most as many as were asked for.
    """

    name: str
    files: Mapping[str, str] = field(repr=False)
    facts: Mapping[str, FileFacts] = field(repr=False)
    index: Index = field(repr=False)
    holes: Sequence[Hole] = field(repr=False)

    @classmethod
    def of(cls, name: str, files: Mapping[str, str], n: int, seed: int) -> Repository:
        """Index files and make at most `n` holes in them."""
        facts = {path: extract(path, language_of(path), text) for path, text in files.items()}
        index = Index(lambda path: None if path not in files else readable(files[path]))
        for path, one in facts.items():
            index.put(path, one)
        return cls(name, files, facts, index, holes_in(files, facts, n, seed))

    def select(self, hole: Hole, budgets: Sequence[int], count: Callable[[str], int]) -> Iterator[Selection]:
        """Yield what the ranking selects for a hole, by budget. The index knows the file as it is with the hole."""
        text = hole.prefix + hole.suffix
        self.index.put(hole.path, extract(hole.path, hole.language, text))
        try:
            for budget in budgets:
                yield self.index.select(Query(hole.path, hole.language, text, len(hole.prefix)), budget, count)
        finally:
            if hole.path in self.facts:
                self.index.put(hole.path, self.facts[hole.path])
            else:
                self.index.remove(hole.path)


@frozen
class Recalled:
    """One hole.

    Attributes:
        language: of its file.
        names: how many it needs.
        found: how many of them stand in the context, by who chose it (`OURS` and `RIVALS`) and by budget.
        rank_ms: how long the ranking took, by budget.
    """

    language: str
    names: int
    found: Mapping[str, tuple[int, ...]]
    rank_ms: tuple[float, ...]


def recall(
    repository: Repository, budgets: Sequence[int], count: Callable[[str], int], seed: int, *, rivals: bool = True
) -> Iterator[Recalled]:
    """Yield what is recalled at each hole, with budgets in tokens as `count` counts them."""
    others = Rivals(repository.files, seed) if rivals and repository.holes else None
    for hole in repository.holes:
        selections = list(repository.select(hole, budgets, count))
        found = {OURS: tuple(recalled(hole, _text(one)) for one in selections)}
        if others is not None:
            for rival in RIVALS:
                contexts = others.choose(rival, hole, budgets, count)
                found[rival] = tuple(recalled(hole, context) for context in contexts)
        yield Recalled(hole.language, len(hole.names), found, tuple(one.rank_ms for one in selections))


def recalled(hole: Hole, context: str) -> int:
    """Return how many of the names that a hole needs stand in a text."""
    return len(hole.names & set(_WORD.findall(context)))


def _text(selection: Selection) -> str:
    return "\n".join(one.text for one in selection.snippets)
