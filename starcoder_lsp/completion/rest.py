"""What the file says behind the cursor is not said again: `foo(▌)` must not become `foo(x))`.

Two rules. Brackets and quotes are counted: a closer that the suggestion did not open is the file's, whatever else
stands behind the cursor. Text is compared: a suggestion ends where it begins to say the rest of the line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.brackets import Opened, Reading, read
from starcoder_lsp.completion.cursor import QUOTES, indent_of, unclosed

if TYPE_CHECKING:
    from starcoder_lsp.completion.cursor import Cursor

_OVERLAP = 3
"""A suggestion that stops within the rest of the line is known by this many characters."""
_ABOVE = 2000
"""So many characters above the cursor's line may open what is open on it."""
_BELOW = 40
"""So many lines below the cursor's may close that."""


@frozen
class Statement:
    """What is open at a cursor: on its line, and in parentheses and brackets that go on from the lines above.

    Attributes:
        within: the openers, outermost first; the quote of a string last.
        indent: columns of the line on which the outermost one stands.
        above: whether that is a line above the cursor's.
        comment: whether the cursor stands in a comment.
    """

    within: tuple[str, ...]
    indent: int
    above: bool = False
    comment: bool = False


@lru_cache(maxsize=16)
def statement(cursor: Cursor) -> Statement:
    """Return the statement that a cursor stands in."""
    line, rest = cursor.line_before, cursor.line_after.strip()
    start = len(cursor.before) - len(line)
    own = read(line)
    comment = own.comment >= 0 or _in_block_comment(cursor.before)
    quote = _string_around(cursor)
    if not quote and cursor.on_blank_line and cursor.rest_is_closers and rest[:1] in QUOTES and rest:
        quote = rest[:3] if rest[:3] == rest[0] * 3 else rest[0]
    if quote or comment:
        return Statement(tuple(read(line, (quote,) if quote else ()).kinds), cursor.indent, comment=comment)
    first = max(0, start - _ABOVE)
    reading = read(cursor.before[first:])
    if reading.quote != own.quote:  # the window begins within a string
        return Statement(tuple(own.kinds), cursor.indent)
    within: list[Opened] = []
    for one in reversed(reading.open):
        if first + one.at < start and one.kind not in {"(", "["}:
            break
        within.insert(0, one)
    above = bool(within) and first + within[0].at < start
    if not above:
        return Statement(tuple(one.kind for one in within), cursor.indent)
    opens = first + within[0].at
    opening_line = cursor.before[cursor.before.rfind("\n", 0, opens) + 1 :].split("\n", 1)[0]
    return Statement(tuple(one.kind for one in within), indent_of(opening_line), above=True)


def _in_block_comment(before: str) -> bool:
    """Whether a comment that begins its line with `/*` goes on up to here (`"src/*"` begins none)."""
    at = before.rfind("/*")
    return at > before.rfind("*/") and not before[before.rfind("\n", 0, at) + 1 : at].strip()


def _string_around(cursor: Cursor) -> str:
    """Return the quote of the string of several lines that the cursor's line begins in; empty where there is none."""
    start = len(cursor.before) - len(cursor.line_before)
    for quote in ('"""', "'''", "`"):
        if quote not in cursor.before or quote in cursor.line_before:
            continue
        above, below = cursor.before[:start], cursor.line_before + cursor.after
        if quote == "`":  # but for the fences of Markdown
            above, below = above.replace("```", ""), below.replace("```", "")
        if above.count(quote) % 2 == 1 and below.count(quote) % 2 == 1:
            return quote
    return ""


@lru_cache(maxsize=16)
def within_behind(cursor: Cursor) -> tuple[str, ...]:
    """Return what is open behind the cursor: the statement's openers, less a string that the file does not close."""
    within = statement(cursor).within
    for index, kind in enumerate(within):
        if kind in QUOTES:
            odd = _quotes(kind, cursor.line_after) % 2
            if not odd and not (kind == "`" and cursor.after.replace("```", "").count(kind) % 2):
                return within[:index]
    return within


def _quotes(kind: str, line: str) -> int:
    return sum(match[0] == kind for match in re.finditer(rf"\\.|{kind}", line))


@lru_cache(maxsize=64)
def _lines_behind(cursor: Cursor, indent: int) -> str:
    first, *below = cursor.after.split("\n", _BELOW + 1)[: _BELOW + 1]
    lines = [first]
    for line in below:
        depth = indent_of(line)
        if not line.strip() or depth < indent or (depth == indent and line.lstrip()[0] not in ")]}"):
            break
        lines.append(line)
    return "\n".join(lines)


def statement_behind(text: str, cursor: Cursor) -> str:
    """Return what the file has behind the cursor of the statement that it stands in, if `text` is written there.

    That is the rest of the line, and lines below that are deeper, or begin with a closer at the same depth.
    """
    place = statement(cursor)
    indent = place.indent
    if cursor.on_blank_line and not place.above:
        indent = indent_of(cursor.line_before + text.lstrip("\n").split("\n", 1)[0])
    return _lines_behind(cursor, indent)


def closed_behind(text: str, cursor: Cursor) -> Reading:
    """Return what that closes of what is open at the cursor."""
    return read(statement_behind(text, cursor), within_behind(cursor))


def cut_unpaired(text: str, cursor: Cursor) -> str:
    """Cut at the last closer that is one too many: the suggestion did not open it, and the file closes it behind.

    `x).bar(` in `foo(▌)` is good: it opens again what it closed.
    """
    place = statement(cursor)
    if place.comment:
        return text
    cut = len(text)
    written = read(text, place.within)
    closed = {change.kind for change in written.changes if change.step < 0}
    behind = closed_behind(text, cursor) if closed else Reading()
    for kind in closed:
        closes = behind.lacks(kind)
        if not closes or (kind not in place.within and not _opened_above(kind, cursor)):
            continue
        depth, at = max(0, place.within.count(kind) - closes), len(text)
        for change in written.changes:
            if change.kind == kind:
                depth += change.step
                if change.step < 0 and depth == -1:
                    at = change.at
        if depth < 0:
            cut = min(cut, at)
    return text[:cut]


def _opened_above(kind: str, cursor: Cursor) -> bool:
    return kind in read(cursor.before).kinds


def cut_repeated_rest(text: str, cursor: Cursor) -> str:
    """Cut from where the suggestion says what already stands behind the cursor on its line.

    In front of code or a comment, only the first line is kept; in front of closers, more only within brackets that are
    still open there (`{▌}`).
    """
    rest = cursor.line_after.strip()
    if not rest:
        return text
    behind = read(cursor.line_after, within_behind(cursor))
    if cursor.rest_is_closers:
        text = _cut_lines(text, cursor, behind)
    else:
        text = _cut_code(text.split("\n", 1)[0], rest, cursor.line_before)
    code = cursor.line_after[: behind.comment].strip() if behind.comment >= 0 else rest
    return _cut_tail(text, code)


def _cut_lines(text: str, cursor: Cursor, behind: Reading) -> str:
    """Cut at the first line end outside of all brackets: the rest belongs to the cursor's line."""
    within = statement(cursor).within
    if "\n" not in text or any(behind.lacks(kind) > within.count(kind) for kind in "([{"):
        return text
    for at, kinds in read(text, within).line_ends:
        if not kinds or any(kind in {'"', "'"} for kind in kinds):
            above = cursor.line_before + text[:at]
            return text[:at] if above.strip() else text
    return text


def _cut_tail(text: str, rest: str) -> str:
    """Cut punctuation that ends the suggestion and begins the rest of the line."""
    match = re.match(r"[:;,\s]*", rest)
    separators = match[0].rstrip() if match else ""
    for size in range(len(separators), 0, -1):
        kept = text[: len(text) - size]
        if text.endswith(separators[:size]) and not unclosed(kept):
            return kept
    return text


def _cut_code(line: str, rest: str, line_before: str) -> str:
    """Cut where the rest of the line begins, whole or its start at the end of the suggestion."""
    stripped = line.rstrip()
    for index in range(len(stripped)):
        if not _is_rest(line_before + line[:index], stripped[index:], rest):
            continue
        # `g(a, b)` in `foo(▌, b)` does not repeat the rest: its bracket closes what it opened itself.
        if not unclosed(line[:index]) or len(unclosed(line_before + line[:index])) == _unopened(rest):
            return line[:index]
    return line


def _unopened(text: str) -> int:
    """Return how many closing brackets of `text` belong to openers in front of it."""
    depth = least = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        least = min(least, depth)
    return -least


def _is_rest(before: str, tail: str, rest: str) -> bool:
    if tail == rest:
        return len(rest) >= _OVERLAP or not _joins(before, tail)
    if min(len(rest), len(tail)) < _OVERLAP or _joins(before, tail):
        return False
    return rest.startswith(tail) or (tail.startswith(rest) and not rest.isidentifier())


def _joins(left: str, right: str) -> bool:
    """Whether a word goes on from the one text to the other."""
    return re.match(r"\w\w", left[-1:] + right[:1]) is not None
