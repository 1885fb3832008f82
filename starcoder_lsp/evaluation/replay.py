"""Places in a history where its author stopped typing: a cursor in a line that a commit added."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from starcoder_lsp.completion.context import Neighbour
from starcoder_lsp.evaluation.own_code import stop_in
from starcoder_lsp.evaluation.tasks import Task
from starcoder_lsp.evaluation.tree import Tree
from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.texts import why_generated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from starcoder_lsp.evaluation.git import History
    from starcoder_lsp.evaluation.history import Change, Commit

__all__ = ["DATA", "Spot", "Spots", "spots_of"]

DATA = frozenset(("json", "xml", "yaml", "toml", "markdown", "html", "css", "scss", "less"))
"""Languages that are left out unless they are asked for: prose and data are not what a code model is for."""
_MOST_LINES = 2_000
"""A commit that adds more was not typed: a copy, a rename, a formatter."""


@frozen
class Spot:
    """A place where somebody stopped typing.

    Attributes:
        commit: what added the line.
        language: of the file.
        folder: the first part of its path; empty at the root.
        typed: characters to type up to the end of the line, trailing blanks aside.
        task: the hole. `canonical_solution` is all that was typed next in this run of added lines.
    """

    commit: Commit
    language: str
    folder: str
    typed: int
    task: Task


def spots_of(commit: Commit, changes: Sequence[Change], count: int, seed: int, name: str = "") -> list[Spot]:
    """Return up to `count` places in what a commit added, drawn at random; none where that was too much to be typed.

    The same ones for the same seed, whatever other commits there are. `name` is the repository's.
    """
    rng = Random(f"{seed} {commit.id}")  # noqa: S311 - a sample
    lines = [(change, line - 1) for change in changes for line in sorted(change.added)]
    if len(lines) > _MOST_LINES:
        return []
    rng.shuffle(lines)
    found: list[Spot] = []
    for change, line in lines:
        if len(found) == count:
            break
        start = change.typing(line, 0)
        column = stop_in(start.rest_of_line, rng)
        if column is None:
            continue
        typing = change.typing(line, column)
        key = f"{commit.id[:12]}:{change.path}:{line + 1}:{column}"
        task = Task(key, typing.prefix, typing.suffix, typing.rest, path=change.path, repo=name)
        folder = change.path.partition("/")[0] if "/" in change.path else ""
        found.append(Spot(commit, language_of(change.path), folder, len(typing.rest_of_line.rstrip()), task))
    return found


class Spots:
    """The places of a history, and what the parent's tree says to each."""

    def __init__(self, history: History, folder: Path, commits: Sequence[Commit], languages: Collection[str]) -> None:
        """`commits` are replayed in their order; of their files those in `languages`, without any all but `DATA`."""
        self._history = history
        self._tree = Tree(history, folder)
        self._name = folder.resolve().name
        self.commits = commits
        self._languages = frozenset(languages)

    def draw(self, count: int, seed: int) -> Iterator[Spot]:
        """Yield up to `count` places, as evenly spread over the commits as their lines allow.

        A second place in a commit comes after the first place of every other: whoever stops early has seen them all.
        """
        drawn: list[list[Spot]] = []
        for commit in self.commits:
            changes = self._history.changes(commit, self._is_asked)
            changes = [one for one in changes if not why_generated(one.after)]
            drawn.append(spots_of(commit, changes, count, seed, self._name))
        left = count
        for nth in range(max(map(len, drawn), default=0)):
            for spots in drawn:
                if nth < len(spots) and left > 0:
                    left -= 1
                    yield spots[nth]

    def with_neighbours(self, spot: Spot, budget: int, count: Callable[[str], int]) -> Spot:
        """Return a place with what the other files say to it, chosen from the parent's tree in so many tokens."""
        self._tree.go_to(spot.commit.parent)
        task = spot.task
        selection = self._tree.select(task.path, task.prompt + task.suffix, len(task.prompt), budget, count)
        found = tuple(Neighbour(one.path, one.text) for one in selection.snippets)
        return evolve(spot, task=evolve(task, neighbours=found))

    def _is_asked(self, path: str) -> bool:
        language = language_of(path)
        return self._tree.is_read(path) and (
            language in self._languages or (not self._languages and language not in DATA)
        )
