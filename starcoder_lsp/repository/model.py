"""What is kept of one file, as values."""

from __future__ import annotations

from attrs import frozen

__all__ = ["KINDS", "Definition", "Import"]

KINDS = ("class", "function", "attribute", "constant", "module")


@frozen
class Definition:
    """A name that a file defines.

    Attributes:
        name: without its owner.
        kind: one of `KINDS`: `class` (and every other type), `function`, `attribute` (of a class: fields, enum
            members), `constant` (and variables of a module), `module` (a namespace).
        owner: the class (struct, trait, namespace) that it belongs to; empty at the top level.
        line: where its signature begins, one-based.
        end_line: where its signature ends (the same line for most).
        doc_line: the first line of its docstring that says something; 0 for none.
    """

    name: str
    kind: str
    owner: str
    line: int
    end_line: int
    doc_line: int = 0


@frozen
class Import:
    """One import, as it is written.

    Attributes:
        module: what is imported from: `os.path`, `..base`, `./utils`, `java.util.List`, `stdio.h`.
        names: what is taken out of it, as (name there, name here). Empty: the module itself.
        alias: what the module is called here; empty where only `names` are known.
    """

    module: str
    names: tuple[tuple[str, str], ...] = ()
    alias: str = ""
