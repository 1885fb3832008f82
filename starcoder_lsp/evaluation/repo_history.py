"""Holes in what was really written: lines that commits added, with the parent's tree as the repository."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from starcoder_lsp.evaluation.git import History
from starcoder_lsp.evaluation.repo_holes import holes_in
from starcoder_lsp.evaluation.repo_recall import Repository
from starcoder_lsp.evaluation.tree import Tree
from starcoder_lsp.repository.texts import why_generated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["history"]


def history(root: Path, commits: int, n: int, seed: int) -> Iterator[Repository]:
    """Yield a repository for each of the last commits that gives holes, the newest first, until `n` holes are made.

    Merges are passed over. Holes stand in the files as the commit left them; everything else is the parent's tree.

    Raises:
        ConfigError: the folder is in no git repository, or git is not there.
    """
    each = max(1, math.ceil(2 * n / max(1, commits)))
    left = n
    with History(root) as past:
        tree = Tree(past, root)
        for commit in past.commits(commits):
            if left <= 0:
                return
            changes = [one for one in past.changes(commit, tree.is_read) if not why_generated(one.after)]
            if not changes:
                continue
            tree.go_to(commit.parent)
            texts = {one.path: one.after for one in changes}
            lines = {one.path: one.added for one in changes}
            holes = holes_in(texts, tree.facts, min(each, left), seed, lines)
            if holes:
                left -= len(holes)
                yield Repository(commit.id[:10], tree.files, tree.facts, tree.index, holes)
