"""The slot in front of the prompt: neighbouring files, in the form a family of models knows.

Which files deserve the slot is decided elsewhere; this turns them into ids within a budget. The best comes last,
nearest to the cursor, and is kept first: where room ends, the worst are left out, and the last that fits in part is
cut at a line's end. The result must be kept between keystrokes: a change here evaluates the whole prompt again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from starcoder_lsp.completion.language_names import line_comment
from starcoder_lsp.completion.prompt import Context
from starcoder_lsp.completion.window import CHARS_PER_TOKEN, encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.completion.families import FimFamily
    from starcoder_lsp.completion.fim import FimTokens
    from starcoder_lsp.completion.window import Chunks

_MIN_USEFUL = 16
"""Tokens; less of a file says nothing."""


@frozen
class Neighbour:
    """A file, or a part of one, that may help: its path relative to the repository, and its text with newlines."""

    path: str
    text: str


@frozen
class Neighbours:
    """A selection of neighbours, the best last. Those with equal keys are equal; an empty key: none."""

    key: str = ""
    repo: str = ""
    """The repository's name."""
    files: tuple[Neighbour, ...] = field(default=(), repr=False)


def context_of(
    neighbours: Neighbours,
    *,
    language: str,
    tokens: FimTokens,
    budget: int,
    chunks: Chunks,
) -> Context:
    """Return the context of at most `budget` tokens; without neighbours, or room for any, what stands there then.

    Its key is that of the neighbours, whatever had room: the same ones need not be tried again. `language` is the LSP
    language id of the file at hand, in which comments are written.
    """
    if tokens.family.repository == "files" and tokens.file_separator is not None:
        found = _files(neighbours, tokens, tokens.file_separator, budget, chunks)
    elif tokens.family.repository == "lines":
        found = _lines(neighbours, tokens.family, budget, chunks)
    else:
        found = _comments(neighbours, tokens.family, line_comment(language), budget, chunks)
    return found or evolve(alone(tokens), key=neighbours.key)


def alone(tokens: FimTokens) -> Context:
    """Return what stands in front of a file without neighbours: in some families a separator, and its path."""
    if not tokens.family.introduces_single_file:
        return Context()
    separator = tokens.file_separator if tokens.family.repository == "files" else None
    return Context(() if separator is None else (separator,), names_path=True)


def _files(neighbours: Neighbours, tokens: FimTokens, separator: int, budget: int, chunks: Chunks) -> Context | None:
    """Files behind separators, the repository's name in front, and a separator for the current file."""
    family = tokens.family
    head = () if tokens.repo is None else (tokens.repo, *encoded(neighbours.repo + family.after_repo, chunks))
    texts = [family.neighbour_head.format(path=one.path) + one.text + family.after_file for one in neighbours.files]
    parts = _last_that_fit(texts, budget - len(head) - 1, 1, chunks)
    ids = [token for part in parts for token in (separator, *part)]
    return Context((*head, *ids, separator), names_path=True, key=neighbours.key) if ids else None


def _lines(neighbours: Neighbours, family: FimFamily, budget: int, chunks: Chunks) -> Context | None:
    """Files one behind the other, each behind a line that names its path."""
    texts = [family.neighbour_head.format(path=one.path) + one.text.rstrip("\n") for one in neighbours.files]
    line_end = encoded("\n" + family.after_file, chunks)
    parts = _last_that_fit(texts, budget, len(line_end), chunks)
    ids = tuple(token for part in parts for token in (*part, *line_end))
    inside = family.path_inside_prefix
    return Context(ids, names_path=True, inside_prefix=inside, key=neighbours.key) if ids else None


def _comments(neighbours: Neighbours, family: FimFamily, comment: str, budget: int, chunks: Chunks) -> Context | None:
    """Files as comments in front of the current file's first line."""
    texts = []
    for one in neighbours.files:
        lines = [f"Path: {one.path}", *one.text.rstrip("\n").split("\n")]
        texts.append("\n".join(f"{comment} {line}".rstrip() for line in lines))
    line_end = encoded("\n", chunks)
    parts = _last_that_fit(texts, budget, len(line_end), chunks)
    ids = tuple(token for part in parts for token in (*part, *line_end))
    named = family.introduces_single_file
    return Context(ids, names_path=named, inside_prefix=True, key=neighbours.key) if ids else None


def _last_that_fit(texts: Sequence[str], budget: int, extra: int, chunks: Chunks) -> list[list[int]]:
    """Return the ids of the last texts, in order; each takes `extra` tokens more. The first may be cut."""
    parts: list[list[int]] = []
    for text in reversed(texts):
        part, whole = _fitting(text, budget - extra, chunks)
        if len(part) >= _MIN_USEFUL or whole:
            parts.insert(0, part)
            budget -= len(part) + extra
        if not whole:
            break
    return parts


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
