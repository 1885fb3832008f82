"""The slot in front of the prompt: neighbouring files, in the form a family of models knows.

Which files deserve the slot is decided elsewhere; this turns them into ids within a budget. They are taken in the order
given while they fit; the first that does not is cut at a line's end, and is the last. The result must be kept between
keystrokes: a change here evaluates the whole prompt again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.prompt import Context
from starcoder_lsp.completion.window import CHARS_PER_TOKEN, encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.completion.fim import FimTokens
    from starcoder_lsp.completion.window import Chunks

_MIN_USEFUL = 16
"""Tokens; less of a file says nothing."""
_LINE_COMMENTS = {
    "python": "#", "ruby": "#", "shellscript": "#", "yaml": "#", "toml": "#", "perl": "#", "r": "#", "elixir": "#",
    "julia": "#", "dockerfile": "#", "makefile": "#",
    "lua": "--", "sql": "--", "haskell": "--",
}  # fmt: skip
"""By LSP language id; `//` for the others."""


@frozen
class Neighbour:
    """A file, or a part of one, that may help: its path relative to the repository, and its text with newlines."""

    path: str
    text: str


def context_of(
    neighbours: Sequence[Neighbour],
    *,
    repo: str,
    language: str,
    tokens: FimTokens,
    budget: int,
    chunks: Chunks,
) -> Context:
    """Return the context of at most `budget` tokens; an empty one without neighbours or without room for any."""
    if tokens.family.repository == "files" and tokens.file_separator is not None:
        return _files(neighbours, repo, tokens, tokens.file_separator, budget, chunks)
    return _comments(neighbours, _LINE_COMMENTS.get(language, "//"), budget, chunks)


def _files(
    neighbours: Sequence[Neighbour], repo: str, tokens: FimTokens, separator: int, budget: int, chunks: Chunks
) -> Context:
    """Files behind separators, the repository's name in front, and a separator for the current file."""
    family = tokens.family
    head = () if tokens.repo is None else (tokens.repo, *encoded(repo + family.after_repo, chunks))
    room = budget - len(head) - 1
    ids: list[int] = []
    for neighbour in neighbours:
        text = neighbour.path + family.after_path + neighbour.text + family.after_file
        part, whole = _fitting(text, room - len(ids) - 1, chunks)
        if len(part) >= _MIN_USEFUL or whole:
            ids += [separator, *part]
        if not whole:
            break
    return Context((*head, *ids, separator), names_path=True) if ids else Context()


def _comments(neighbours: Sequence[Neighbour], comment: str, budget: int, chunks: Chunks) -> Context:
    """Files as comments in front of the current file's first line."""
    ids: list[int] = []
    line_end = encoded("\n", chunks)
    for neighbour in neighbours:
        lines = [f"Path: {neighbour.path}", *neighbour.text.rstrip("\n").split("\n")]
        text = "\n".join(f"{comment} {line}".rstrip() for line in lines)
        part, whole = _fitting(text, budget - len(ids) - len(line_end), chunks)
        if len(part) >= _MIN_USEFUL or whole:
            ids += [*part, *line_end]
        if not whole:
            break
    return Context(tuple(ids), inside_prefix=bool(ids))


def _fitting(text: str, budget: int, chunks: Chunks) -> tuple[list[int], bool]:
    """Return the ids of as many whole lines as fit, and whether these are all."""
    reach = len(text)
    if reach > budget * CHARS_PER_TOKEN:
        reach = max(0, text.rfind("\n", 0, max(0, budget) * CHARS_PER_TOKEN))
    taken: list[int] = []
    for _piece, ids in chunks(text[:reach]):
        if len(taken) + len(ids) > budget:
            return taken, False
        taken += ids
    return taken, reach == len(text)
