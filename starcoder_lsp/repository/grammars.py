"""tree-sitter grammars and our queries of them, loaded when a file of the language is first read."""

from __future__ import annotations

import importlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from tree_sitter import Parser, Query

__all__ = ["Grammar", "grammar"]

_GRAMMARS = {
    "python": ("tree_sitter_python", "language", "python"),
    "javascript": ("tree_sitter_javascript", "language", "javascript"),
    "javascriptreact": ("tree_sitter_javascript", "language", "javascript"),
    "typescript": ("tree_sitter_typescript", "language_typescript", "typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx", "typescript"),
    "java": ("tree_sitter_java", "language", "java"),
    "go": ("tree_sitter_go", "language", "go"),
    "rust": ("tree_sitter_rust", "language", "rust"),
    "c": ("tree_sitter_c", "language", "c"),
    "cpp": ("tree_sitter_cpp", "language", "cpp"),
    "csharp": ("tree_sitter_c_sharp", "language", "csharp"),
    "php": ("tree_sitter_php", "language_php", "php"),
    "ruby": ("tree_sitter_ruby", "language", "ruby"),
    "kotlin": ("tree_sitter_kotlin", "language", "kotlin"),
    "shellscript": ("tree_sitter_bash", "language", "shellscript"),
}
"""By LSP language id: (module, function that gives the grammar, our queries in `queries/`)."""


@frozen
class Grammar:
    """A parser of a language and the query that finds its definitions. One thread at a time may use it."""

    parser: Parser
    definitions: Query


@cache
def grammar(language: str) -> Grammar | None:
    """Return the grammar of a language (an LSP language id); None where there is none."""
    if language not in _GRAMMARS:
        return None
    from tree_sitter import Language, Parser, Query  # noqa: PLC0415 - a server that indexes nothing does not pay for it

    module, function, queries = _GRAMMARS[language]
    made = Language(getattr(importlib.import_module(module), function)())
    source = resources.files(__package__).joinpath("queries").joinpath(f"{queries}.scm").read_text(encoding="utf-8")
    return Grammar(Parser(made), Query(made, source))
