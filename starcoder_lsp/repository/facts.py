"""What is kept of one file: its definitions, its imports, its words.

`extract` is pure: the same text gives the same facts, on any machine. `FileFacts` holds them packed, as an index of
100,000 files must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve, field, frozen

from starcoder_lsp.repository import patterns
from starcoder_lsp.repository.languages import language_of, stop_words
from starcoder_lsp.repository.model import KINDS, Definition, Import
from starcoder_lsp.repository.words import numbers_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "HIDDEN",
    "KIND",
    "SPECIAL",
    "TABLE",
    "TEST",
    "UPPER",
    "VERSION",
    "Definition",
    "FileFacts",
    "Import",
    "extract",
    "imports_of",
    "language_of",
]

VERSION = 4
"""With another layout, another rule of extraction, another number of a word: another one."""
_MOST_DEFINITIONS = 5_000
_MOST_IMPORTS = 500
_MOST_WORDS = 20_000
_PARSED = 500_000
"""Characters; longer files (tables of data, bundles) are read by regular expressions, whose time is linear."""

TABLE = np.dtype([("name", "<u4"), ("owner", "<u4"), ("line", "<u4"), ("kind", "u1"), ("span", "u1"), ("doc", "<i2")])
"""A definition: numbers of its name and owner, first line, index in KINDS with flags, further lines of its signature,
and how many lines below the first one its documentation begins (0: none; negative: above)."""
KIND = 7
"""The bits of `kind` that are the index in KINDS; the others are flags:"""
HIDDEN, TEST, SPECIAL, UPPER = 8, 16, 32, 64
"""Not for other files; a test; a name that the language gives (`__init__`); all capitals."""


@frozen
class FileFacts:
    """What is known of one file.

    Attributes:
        language: as `language_of` names it.
        lines: how many there are.
        table: a row of `TABLE` for each definition.
        names: "name TAB owner" for each definition, a line each.
        needs: "module TAB alias TAB name=here,…" for each import, a line each.
        words: the distinct words of the file: sorted 32-bit numbers, little-endian.
    """

    language: str
    lines: int
    table: bytes = field(repr=False)
    names: bytes = field(repr=False)
    needs: bytes = field(repr=False)
    words: bytes = field(repr=False)

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """The definitions in the order of their lines."""
        rows = np.frombuffer(self.table, dtype=TABLE)
        pairs = [line.partition("\t") for line in self.names.decode("utf-8", "replace").split("\n")]
        return tuple(
            Definition(
                name=name,
                kind=KINDS[min(int(row["kind"]) & KIND, len(KINDS) - 1)],
                owner=owner,
                line=int(row["line"]),
                end_line=int(row["line"]) + int(row["span"]),
                doc_line=int(row["line"]) + int(row["doc"]) if row["doc"] else 0,
            )
            for row, (name, _, owner) in zip(rows, pairs, strict=False)
        )

    @property
    def imports(self) -> tuple[Import, ...]:
        """The imports in their order."""
        return imports_of(self.needs)


def imports_of(needs: bytes) -> tuple[Import, ...]:
    """Return the imports that `FileFacts.needs` lists."""
    found = []
    for line in needs.decode("utf-8", "replace").split("\n") if needs else ():
        module, alias, names = (*line.split("\t"), "", "")[:3]
        pairs = tuple((there, here) for there, _, here in (pair.partition("=") for pair in names.split(",") if pair))
        found.append(Import(module, pairs, alias))
    return tuple(found)


def extract(path: str, language: str, text: str, *, parse: bool = True) -> FileFacts:
    """Return the facts of a file. Never raises for any text.

    `parse`: with tree-sitter where there is a grammar (about 1 ms for each 3 KB); otherwise, for files over 500 KB and
    for other languages, by regular expressions (about a fifth of that): good enough for a first scan of very large
    workspaces.
    """
    del path  # its language is given; what imports mean is the index's business
    data = text.encode("utf-8", "surrogatepass")
    definitions: Sequence[Definition] | None = None
    lost: Sequence[range] = ()
    if parse and len(data) <= _PARSED:
        from starcoder_lsp.repository.grammars import grammar  # noqa: PLC0415 - its parsers cost a start 50 ms

        known = grammar(language)
        if known is not None:
            from starcoder_lsp.repository.symbols import definitions_in  # noqa: PLC0415 - as above

            definitions, lost = definitions_in(data, known)
    lines = text.split("\n")
    if definitions is not None and lost:
        seen = {(one.name, one.line) for one in definitions}
        guessed = (one for one in patterns.definitions_in(lines, language) if any(one.line in span for span in lost))
        definitions = sorted(
            [*definitions, *(one for one in guessed if (one.name, one.line) not in seen)], key=lambda one: one.line
        )
    if definitions is None:
        definitions = patterns.definitions_in(lines, language)
    definitions = [_documented(one, lines, language) for one in definitions[:_MOST_DEFINITIONS]]
    words = np.unique(words_of(data).numbers)
    words = np.setdiff1d(words, _stop_numbers(), assume_unique=True)[:_MOST_WORDS]
    return FileFacts(
        language,
        len(lines),
        _table(definitions, lines, language),
        "\n".join(f"{one.name}\t{one.owner}" for one in definitions).encode("utf-8", "replace"),
        _needs(patterns.imports_in(text, language)[:_MOST_IMPORTS]),
        words.astype("<u4").tobytes(),
    )


def _table(definitions: Sequence[Definition], lines: Sequence[str], language: str) -> bytes:
    table = np.zeros(len(definitions), dtype=TABLE)
    numbers = numbers_of([*(one.name for one in definitions), *(one.owner for one in definitions)])
    table["name"], table["owner"] = numbers[: len(definitions)], numbers[len(definitions) :]
    table["line"] = [one.line for one in definitions]
    table["kind"] = [KINDS.index(one.kind) | _flags(one, lines[one.line - 1], language) for one in definitions]
    table["span"] = [min(255, max(0, one.end_line - one.line)) for one in definitions]
    table["doc"] = [max(-99, min(99, one.doc_line - one.line)) if one.doc_line else 0 for one in definitions]
    return table.tobytes()


_JS = frozenset(("javascript", "javascriptreact", "typescript", "typescriptreact"))


def _flags(one: Definition, line: str, language: str) -> int:
    name = one.name
    hidden = name.startswith("_")
    if language == "go":
        hidden = name[:1].islower()
    elif language == "rust":
        hidden = "pub" not in line and one.kind != "attribute"
    elif language in ("c", "cpp"):
        hidden = line.startswith("static ")
    elif language in ("java", "csharp", "php", "kotlin"):
        hidden = "private" in line
    elif language in _JS and not one.owner:
        hidden = "export" not in line
    flags = HIDDEN * hidden
    flags |= TEST * (name[:4].lower() == "test" and one.kind in ("function", "class"))
    flags |= SPECIAL * (name.startswith("__") and name.endswith("__"))
    return flags | UPPER * name.isupper()


def _needs(imports: Iterable[Import]) -> bytes:
    lines = []
    for one in imports:
        names = ",".join(f"{there}={here}" for there, here in one.names)
        lines.append(f"{one.module}\t{one.alias}\t{names}")
    return "\n".join(lines).encode("utf-8", "replace")


_COMMENTS = ("//", "/*", "* ", "*/", "#", "--")
_NO_COMMENTS = ("#[", "#include", "#define")
_MARKS = " \t/*#!\"'"


def _documented(one: Definition, lines: Sequence[str], language: str) -> Definition:
    """Say where its documentation begins: inside in Python, above it elsewhere."""
    if language == "python":
        for number in range(one.end_line + 1, min(one.end_line + 3, len(lines) + 1)):
            stripped = lines[number - 1].strip()
            if stripped.startswith(('"""', "'''", 'r"""', '"')):
                if stripped.strip(_MARKS + "r"):
                    return evolve(one, doc_line=number)
                return evolve(one, doc_line=min(number + 1, len(lines)))
            if stripped:
                return one
        return one
    first = 0
    for number in range(one.line - 1, max(0, one.line - 60), -1):
        stripped = lines[number - 1].strip()
        if not stripped.startswith(_COMMENTS) or stripped.startswith(_NO_COMMENTS):
            break
        if stripped.strip(_MARKS):
            first = number
    return evolve(one, doc_line=first) if first else one


_stops: np.ndarray[tuple[int], np.dtype[np.uint32]] | None = None


def _stop_numbers() -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    global _stops  # noqa: PLW0603 - made once
    if _stops is None:
        _stops = np.unique(numbers_of(stop_words()))
    return _stops
