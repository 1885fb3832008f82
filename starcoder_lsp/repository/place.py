"""What the text around a cursor says of the names that are wanted there.

Read from the text as it is, by its lines: at a cursor the syntax is broken more often than not.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from starcoder_lsp.repository.languages import stop_words
from starcoder_lsp.repository.patterns import imports_in
from starcoder_lsp.repository.words import numbers_of, parts_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from starcoder_lsp.repository.model import Import
    from starcoder_lsp.repository.query import Query

    Numbers = NDArray[np.uint32]

__all__ = ["Place", "place_of"]

_NEAR_BEFORE = 60
"""Lines before the cursor that say what its place is about."""
_NEAR_AFTER = 30
_HALF = 8.0
"""Lines from the cursor, at which a word says half as much."""
_LINE = 3.0
"""How much more a word of the cursor's own line says."""
_WINDOW = (24_000, 12_000)
"""Characters before and behind the cursor that a prompt holds where nobody says what it does."""
_NAME = r"[^\W\d][\w$]*"
_RECEIVER = re.compile(rf"({_NAME})(?:\([^()]*\)|\[[^\[\]]*\])?\s*(?:\?\.|->|::|\.|\\)\s*(?:{_NAME})?\Z")
_CALL = re.compile(rf"({_NAME})\s*[({{<\[]")
_CLASS = re.compile(
    r"^([ \t]*)(?:[\w@]+[ \t]+)*?(?:class|struct|interface|trait|impl|object|enum|module)\b([^\n{]*)", re.MULTILINE
)
_IMPORT = re.compile(
    r"^\s*(?:from|import|use|using|require|require_relative|include|export|#\s*include|\}\s*from)\b|\brequire\("
)
_TYPE = re.compile(
    rf"(?:\b(?:new|extends|implements|class|instanceof|throws?|catch|raise|except|as|is|typeof|impl|for|dyn)\s+|[:<|&]\s*|->\s*|@)(?:{_NAME})?\Z"
)
_OPENERS, _CLOSERS = "([{", ")]}"
_REACH = 3_000  # characters before the cursor, in which open brackets and the class around it are looked for
_MOST_CLUES = 40
_DECLARED = 12
"""Lines that may declare the receiver, the last ones, whose names are clues."""


@frozen(eq=False)
class Place:
    """The cursor's surroundings, words as numbers.

    Attributes:
        near: words around the cursor, sorted; `weights`: what each says, 3 for those of its line, less with distance.
        parts: parts of the words around the cursor, sorted; `part_weights`: what each says, as `weights`.
        shown: the words that the prompt holds already, and keywords, sorted.
        begun: the letters of the unfinished word in front of the cursor.
        member: whether something's member is wanted: a dot, an arrow or `::` in front.
        clues: names that may own the member: the receiver's type, the receiver's name in the form of a type's.
        bases: names on the head of the class around the cursor.
        calls: names of the functions whose brackets are open.
        receiver: the name in front of the dot.
        previous: the number of the word in front of the cursor (of the unfinished one).
        typed: whether a type is wanted: behind `new`, `extends`, `:`, `->`, `<` and the like.
        importing: whether the cursor stands in an import.
        imports: those of the file.
    """

    near: Numbers = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    parts: Numbers = field(repr=False)
    part_weights: NDArray[np.float32] = field(repr=False)
    shown: Numbers = field(repr=False)
    begun: str
    member: bool
    clues: Numbers
    bases: Numbers
    calls: Numbers
    receiver: str
    previous: int
    typed: bool
    importing: bool
    imports: tuple[Import, ...]
    line_imports: tuple[Import, ...]


def place_of(query: Query) -> Place:
    """Read the surroundings of a query's cursor."""
    text, offset = query.text, query.offset
    start, end = query.window or (max(0, offset - _WINDOW[0]), min(len(text), offset + _WINDOW[1]))
    before, after = text[start:offset], text[offset:end]
    line = before[before.rfind("\n") + 1 :]
    begun_match = re.search(rf"{_NAME}\Z", line)
    begun = begun_match[0] if begun_match else ""
    receiver_match = _RECEIVER.search(line)
    if receiver_match is None and (dot := re.match(rf"\s*(?:\?\.|\.|->|::)(?:{_NAME})?\Z", line)):
        above = before[: len(before) - len(line)].rstrip()  # a chain of calls, a line each
        receiver_match = _RECEIVER.search(above[above.rfind("\n") + 1 :] + dot[0].strip())
    receiver = receiver_match[1] if receiver_match else ""
    member = bool(receiver_match) or bool(re.search(rf"(?:\.|->|::)(?:{_NAME})?\Z", line))
    bases = _bases(before[-20 * _REACH :])
    statement = _statement(before[-_REACH:], after[:_REACH])
    importing = bool(_IMPORT.search(statement))
    near, weights, parts, part_weights = _near(before, after)
    shown = np.union1d(words_of(before[: len(before) - len(begun)] + "\n" + after).numbers, _stop_numbers())
    return Place(
        near=near,
        weights=weights,
        parts=parts,
        part_weights=part_weights,
        shown=shown,
        begun=begun,
        member=member,
        clues=_clues(receiver, before, after) if receiver else _none(),
        bases=bases,
        calls=_known(_open_calls(before[-_REACH:])),
        receiver=receiver,
        previous=_previous(line[: len(line) - len(begun)]),
        typed=bool(_TYPE.search(line)),
        importing=importing,
        imports=tuple(imports_in(text, query.language)),
        line_imports=tuple(imports_in(_completed(statement, query.language), query.language)) if importing else (),
    )


def _previous(line: str) -> int:
    numbers = words_of(line).numbers
    return int(numbers[-1]) if len(numbers) else 0


def _statement(before: str, after: str) -> str:
    """The cursor's line, or from the line that opened the bracket around it, with JavaScript's `from` behind it."""
    depth = 0
    start = before.rfind("\n") + 1
    for at in range(len(before) - 1, -1, -1):
        if before[at] in _CLOSERS:
            depth += 1
        elif before[at] in _OPENERS:
            depth -= 1
            if depth < 0:
                start = before.rfind("\n", 0, at) + 1
                break
        elif before[at] == "\n" and at < start - 1 and depth == 0 and len(before) - at > 1500:  # noqa: PLR2004
            break
    tail = re.match(r"[^\n]*(?:\n[^\n]*\bfrom\b[^\n]*)?", after)
    return before[start:] + (tail[0] if tail else "")


def _completed(statement: str, language: str) -> str:
    """An unfinished import with something to import, so that its module is found."""
    if language == "python" and re.search(r"\bimport\s*\(?\s*\Z", statement):
        return statement + "x"
    if language == "python" and re.match(r"\s*from\s+[\w.]+\s*\Z", statement):
        return statement + " import x"
    if language == "rust":
        return statement.rstrip().rstrip(":{,;") + ("}" * max(0, statement.count("{") - statement.count("}"))) + ";"
    return statement


def _near(before: str, after: str) -> tuple[Numbers, NDArray[np.float32], Numbers, NDArray[np.float32]]:
    """The words around and what each says, and the same of their parts."""
    lines_before = before.split("\n")[-_NEAR_BEFORE:]
    lines_after = after.split("\n")[:_NEAR_AFTER]
    at = len(lines_before) - 1
    joined = "\n".join([*lines_before[:-1], f"{lines_before[-1]} {lines_after[0]}", *lines_after[1:]])
    found = words_of(joined)
    numbers, weights = _weighed(found.numbers, found.lines, at)
    kept = ~np.isin(numbers, _stop_numbers(), assume_unique=True)
    return numbers[kept], weights[kept], *_weighed(*parts_of(joined), at)


def _weighed(numbers: Numbers, lines: NDArray[np.int32], at: int) -> tuple[Numbers, NDArray[np.float32]]:
    """Distinct numbers, and of each what its nearest line says."""
    distance = np.abs(lines - at).astype(np.float32)
    weights = np.exp2(-distance / _HALF) + np.where(distance == 0, np.float32(_LINE - 1), np.float32(0))
    order = np.argsort(-weights, kind="stable")
    unique, first = np.unique(numbers[order], return_index=True)
    return unique, weights[order][first].astype(np.float32)


def _bases(before: str) -> Numbers:
    """Names on the head of the innermost class around the end of `before`, by indentation."""
    line = before[before.rfind("\n") + 1 :]
    own = len(line) - len(line.lstrip())
    if not line.strip():
        own = 1 << 20
    for match in reversed(list(_CLASS.finditer(before))):
        if len(match[1].expandtabs(4)) < max(1, own):
            return _known(re.findall(_NAME, match[2])[:_MOST_CLUES])
    return _none()


def _open_calls(before: str) -> list[str]:
    """Names in front of brackets that are open at the end, the innermost first."""
    depth, found = 0, []
    for at in range(len(before) - 1, -1, -1):
        letter = before[at]
        if letter in _CLOSERS:
            depth += 1
        elif letter in _OPENERS:
            if depth:
                depth -= 1
            else:
                name = re.search(rf"({_NAME})\s*\Z", before[max(0, at - 80) : at])
                if name:
                    found.append(name[1])
                if len(found) == 3 or letter == "{":  # noqa: PLR2004 - further out says little
                    break
    return found


def _clues(receiver: str, before: str, after: str) -> Numbers:
    """Names that the receiver's type may have."""
    names: dict[str, None] = {receiver: None}
    text = before[-8 * _REACH :] + "\n" + after[:_REACH]
    # where it is declared or assigned: `x: T`, `x = T(`, `T x`, `x := T{`, `let x = T::new(`, `as x`, `def x(…) -> T`
    declared = re.compile(rf"(?<![\w$]){re.escape(receiver)}\s*(?::|=|,|\)|;|\(|->)")
    lines = [line for line in text.split("\n") if receiver in line and declared.search(line)]
    for line in lines[-_DECLARED:]:
        names |= dict.fromkeys(re.findall(_NAME, line)[:20])
    plain = receiver.strip("_")
    parts = [part for part in re.split(r"_+|(?<=[a-z0-9])(?=[A-Z])", plain) if part]
    for at in range(len(parts)):
        tail = parts[at:]
        names["".join(part[:1].upper() + part[1:] for part in tail)] = None
        names["_".join(tail).lower()] = None
    if plain.endswith("s"):
        names[plain[:-1].capitalize()] = None
    names = {one: None for one in names if one not in stop_words()}
    return _known(list(names)[: 4 * _MOST_CLUES])


def _known(names: Iterable[str]) -> Numbers:
    numbers: Numbers = np.unique(numbers_of(names))
    known: Numbers = numbers[numbers != 0]
    return known


@cache
def _stop_numbers() -> Numbers:
    return _known(stop_words())


def _none() -> Numbers:
    return np.zeros(0, dtype=np.uint32)
