"""Definitions by tree-sitter.

The queries (`queries/*.scm`) follow the convention of tree-sitter's tags: `@name` inside `@definition.KIND`. Two
captures are ours: `@owner`, where the owner is named beside the definition (a receiver in Go, `A::b` in C++), and
`@container`, what owns names and defines none (an `impl` in Rust).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.repository.model import Definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Node

    from starcoder_lsp.repository.grammars import Grammar

    _Found = tuple[int, int, str, str, Node, Node]  # start, end, kind, owner, name, whole

__all__ = ["definitions_in"]

_SIGNATURE = 8  # lines at most
_LOST = 20
"""Bytes of an error, from where it may hide definitions."""
_CLIMB = frozenset(
    (
        "function_declarator", "pointer_declarator", "reference_declarator", "init_declarator", "array_declarator",
        "parenthesized_declarator", "function_definition", "declaration", "field_declaration", "template_declaration",
    )
)  # fmt: skip
"""In C and C++ a name stands deep in its declaration."""
_OWNERS = frozenset(("class", "module"))


def definitions_in(data: bytes, grammar: Grammar) -> tuple[list[Definition], list[range]]:
    """Return the definitions of a file in their order, and lines (one-based) in which the parser lost its way.

    Names inside of functions are left out.
    """
    from tree_sitter import QueryCursor  # noqa: PLC0415 - as in grammars

    tree = grammar.parser.parse(data)
    found: list[_Found] = []
    for _pattern, captures in QueryCursor(grammar.definitions, match_limit=4096).matches(tree.root_node):
        owner = _text(captures["owner"][0]) if "owner" in captures else ""
        for kind, nodes in captures.items():
            if kind.startswith("definition.") or kind == "container":
                node = _whole(nodes[0])
                found += [
                    (node.start_byte, node.end_byte, kind.rpartition(".")[2], owner, name, node)
                    for name in captures["name"]
                ]
    found.sort(key=lambda one: (one[0], -one[1]))
    root = tree.root_node
    lost = [one for one in ([root] if root.is_error else root.children) if one.is_error]
    return list(_owned(found)), [
        range(one.start_point.row + 1, one.end_point.row + 2) for one in lost if one.end_byte - one.start_byte > _LOST
    ]


def _owned(found: Sequence[_Found]) -> Iterator[Definition]:
    """Give each its owner by nesting."""
    open_: list[tuple[int, str, str, Node, Node]] = []  # end, kind, name, its node, the whole
    seen: set[tuple[str, str, int]] = set()
    for start, end, kind, named_owner, name_node, node in found:
        name = _text(name_node)
        while open_ and open_[-1][0] <= start:
            open_.pop()
        inside_function = any(one[1] == "function" for one in open_)
        around = [one for one in open_ if one[1] != "function" and one[4] != node and one[3].start_byte < start]
        owner = named_owner or (around[-1][2] if around else "")
        open_.append((end, kind, name, name_node, node))
        if kind == "container" or (inside_function and kind != "attribute"):
            continue
        line, last = _signature(node, name_node)
        key = (name, owner, line if kind != "attribute" else 0)  # self.x = … is a definition where it comes first
        if name and key not in seen:
            seen.add(key)
            yield Definition(name, kind, owner, line, last)


def _text(node: Node) -> str:
    text = node.text
    return "" if text is None else text.decode("utf-8", "replace").strip(":'\"@#")


def _whole(node: Node) -> Node:
    """The statement that a declarator belongs to."""
    if not node.type.endswith("_declarator"):
        return node
    while (parent := node.parent) is not None and parent.type in _CLIMB:
        node = parent
    return node


def _signature(node: Node, name: Node) -> tuple[int, int]:
    """The line of the name, and the last one in front of the body, one-based."""
    first = name.start_point.row + 1
    body = node.child_by_field_name("body")
    if body is None:
        inner = node.child_by_field_name("declarator")
        body = None if inner is None else inner.child_by_field_name("body")
    if body is None:
        return first, min(node.end_point.row + 1, first + _SIGNATURE - 1)
    before = body.prev_sibling
    last = body.start_point.row + 1 if before is None else max(before.end_point.row + 1, first)
    return first, min(last, first + _SIGNATURE - 1)
