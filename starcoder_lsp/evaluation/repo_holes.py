"""Holes in a repository's files: the rest of a line of code that needs a name which only another file knows."""

from __future__ import annotations

import builtins
import random
import re
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from attrs import field, frozen

from starcoder_lsp.repository.grammars import grammar
from starcoder_lsp.repository.languages import KIN, language_of, stop_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tree_sitter import Node

    from starcoder_lsp.repository.facts import FileFacts

__all__ = ["Hole", "holes_in"]

_WORD = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"[^\W\d]\w*|\d+|[^\w\s]")
_COMMON = """
console window document Object Array String Number Boolean Promise Math JSON Date Error Map Set Symbol RegExp
Integer Long Double Float Exception Iterable List Some None Ok Err Vec Box Option Result println printf malloc
free memcpy memset strlen size_t uint8_t uint32_t uint64_t int32_t int64_t std vector unique_ptr shared_ptr
length toString equals hashCode prototype arguments main
"""
_BUILTINS = frozenset(dir(builtins)) | frozenset(_COMMON.split())
_LEAST = 3  # letters; shorter names are found everywhere


@frozen
class Hole:
    """A hole in a file: `text[start:end]` is missing, the rest of a line.

    `names` stand in it and nowhere else in the file.
    """

    path: str
    language: str
    start: int
    end: int
    names: frozenset[str]
    text: str = field(repr=False)

    @property
    def prefix(self) -> str:
        """The file in front of the hole."""
        return self.text[: self.start]

    @property
    def suffix(self) -> str:
        """The file behind it."""
        return self.text[self.end :]


def holes_in(
    files: Mapping[str, str],
    facts: Mapping[str, FileFacts],
    n: int,
    seed: int,
    lines: Mapping[str, frozenset[int]] | None = None,
) -> list[Hole]:
    """Return at most `n` holes, a line each, from as many files as possible; the same ones for the same seed.

    Args:
        files: the texts in which holes are made, by path.
        facts: of all files of the repository, by path.
        n: how many.
        seed: of the sample.
        lines: only these (one-based), by path.
    """
    owners: dict[str, set[str]] = {}
    for path, one in facts.items():
        for definition in one.definitions:
            owners.setdefault(definition.name, set()).add(path)
    kin_owners = _Owners(owners, facts)
    generator = random.Random(seed)  # noqa: S311 - a sample
    paths = sorted(files)
    generator.shuffle(paths)
    waiting = [_of_file(path, files[path], kin_owners, generator, lines[path] if lines else None) for path in paths]
    found: list[Hole] = []
    while waiting and len(found) < n:
        still = []
        for holes in waiting:
            hole = next(holes, None)
            if hole is not None:
                found.append(hole)
                still.append(holes)
                if len(found) == n:
                    break
        waiting = still
    return found


class _Owners:
    """Which files define a name."""

    def __init__(self, owners: Mapping[str, set[str]], facts: Mapping[str, FileFacts]) -> None:
        self._owners = owners
        self._facts = facts

    def elsewhere(self, name: str, path: str, kin: frozenset[str]) -> bool:
        """Whether another file, in one of these languages, defines a name."""
        return any(other != path and self._facts[other].language in kin for other in self._owners.get(name, ()))


def _of_file(
    path: str, text: str, owners: _Owners, generator: random.Random, wanted: frozenset[int] | None
) -> Iterator[Hole]:
    language = language_of(path)
    known = grammar(language)
    if known is None:
        return
    data = text.encode("utf-8", "surrogatepass")
    counts = Counter(_WORD.findall(text))
    kin = KIN.get(language, frozenset((language,)))
    by_line: dict[int, list[tuple[int, str]]] = {}
    for row, column, name in _identifiers(known.parser.parse(data).root_node):
        if counts[name] == 1 and _is_telling(name) and owners.elsewhere(name, path, kin):
            by_line.setdefault(row, []).append((column, name))
    text_lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in text_lines), initial=0))
    rows = [row for row in sorted(by_line) if wanted is None or row + 1 in wanted]
    generator.shuffle(rows)
    for row in rows:
        line = text_lines[row]
        names = [(len(line.encode()[:column].decode("utf-8", "replace")), name) for column, name in by_line[row]]
        last = max(column for column, _ in names)
        places = [match.start() for match in _TOKEN.finditer(line) if match.start() <= last]
        if places:
            at = generator.choice(places)
            needed = frozenset(name for column, name in names if column >= at)
            yield Hole(path, language, starts[row] + at, starts[row] + len(line.rstrip()), needed, text)


def _is_telling(name: str) -> bool:
    return len(name) >= _LEAST and name not in _BUILTINS and name not in stop_words()


def _identifiers(root: Node) -> Iterator[tuple[int, int, str]]:
    """Names of code, not of comments or strings: (row, byte column, name)."""
    cursor = root.walk()
    while True:
        node = cursor.node
        if node is None:
            return
        kind = node.type
        inside = not ("comment" in kind or kind in ("string_content", "string_fragment", "char_literal"))
        if node.child_count == 0 and node.is_named and inside and node.text is not None:
            name = node.text.decode("utf-8", "replace")
            if name.isidentifier():
                yield node.start_point.row, node.start_point.column, name
        if inside and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
