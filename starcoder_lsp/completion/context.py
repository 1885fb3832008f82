"""The slot in front of the prompt: neighbouring files, in the form a family of models knows.

Which files deserve the slot is decided elsewhere (`repository/`, to come); this turns them into ids within a budget. Whole files are taken in the order
given while they fit; the first that does not fit is cut at a line's end. The result must be kept between keystrokes:
a change here evaluates the whole prompt again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.prompt import Context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.completion.fim import FimTokens
    from starcoder_lsp.completion.window import Chunks

_MIN_USEFUL = 16
_LINE_COMMENTS = {
    "python": "# ", "ruby": "# ", "shellscript": "# ", "yaml": "# ", "toml": "# ", "perl": "# ", "r": "# ",
    "lua": "-- ", "sql": "-- ", "haskell": "-- ",
}  # fmt: skip
"""By LSP language id; `// ` for the others."""


@frozen
class Neighbour:
    """A file, or a part of one, that may help: its path relative to the repository, and its text with newlines."""

    path: str
    text: str


def context_of(  # noqa: PLR0913 - what a context is made of
    neighbours: Sequence[Neighbour],
    *,
    repo: str,
    language: str,
    tokens: FimTokens,
    budget: int,
    chunks: Chunks,
) -> Context:
    """Return the context of at most `budget` tokens; an empty one without neighbours or without room."""
    if not neighbours or budget < _MIN_USEFUL:
        return Context()
    if tokens.family.repository == "files" and tokens.file_separator is not None:
        return _files(neighbours, repo, tokens, tokens.file_separator, budget, chunks)
    comment = _LINE_COMMENTS.get(language, "// ")
    ids: list[int] = []
    for neighbour in neighbours:
        lines = [f"{comment}Path: {neighbour.path}", *(comment + line for line in neighbour.text.split("\n"))]
        ids += _fit("\n".join(lines) + "\n", budget - len(ids), chunks)
    return Context(tuple(ids), inside_prefix=True)


def _files(  # noqa: PLR0913 - what a context is made of
    neighbours: Sequence[Neighbour], repo: str, tokens: FimTokens, separator: int, budget: int, chunks: Chunks
) -> Context:
    family = tokens.family
    ids: list[int] = []
    if tokens.repo is not None:
        ids += [tokens.repo, *_encode(repo + family.after_repo, chunks)]
    budget -= len(ids) + 1  # the separator in front of the current file
    for neighbour in neighbours:
        text = neighbour.path + family.after_path + neighbour.text + family.after_file
        part = _fit(text, budget - 1, chunks)
        if len(part) < _MIN_USEFUL:
            break
        ids += [separator, *part]
        budget -= 1 + len(part)
    return Context((*ids, separator), names_path=True)


def _encode(text: str, chunks: Chunks) -> list[int]:
    return [token for _piece, ids in chunks(text) for token in ids]


def _fit(text: str, budget: int, chunks: Chunks) -> list[int]:
    """Return the ids of as many whole chunks (lines) as fit."""
    taken: list[int] = []
    for _piece, ids in chunks(text):
        if len(taken) + len(ids) > budget:
            break
        taken += ids
    return taken
