"""What the file says behind the cursor on its line is not said again: `foo(▌)` must not become `foo(x))`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starcoder_lsp.completion.cursor import QUOTES, unclosed

if TYPE_CHECKING:
    from starcoder_lsp.completion.cursor import Cursor

_OPENERS = {")": "(", "]": "[", "}": "{", ">": "<"}
_STRINGS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`')
_ARROWS = re.compile("[-=]>|>=")
_OVERLAP = 3
"""A suggestion that stops within the rest of the line is known by this many characters."""


def cut_repeated_rest(text: str, cursor: Cursor) -> str:
    """Cut from where the suggestion says what already stands behind the cursor on its line.

    A closing bracket or quote is the file's where nothing in the suggestion opened it and nothing behind opens it
    again: `x).bar(` in `foo(▌)` is good. In front of code, only the first line is kept.
    """
    rest = cursor.line_after.strip()
    if not rest:
        return text
    if not cursor.rest_is_closers:
        return _cut_code(text.split("\n", 1)[0], rest, cursor.line_before)
    if rest[0] in QUOTES:
        return _cut_quote(text, rest, cursor.line_before)
    if rest[0] in _OPENERS:
        return _cut_bracket(text, rest, cursor.line_before)
    return _cut_tail(text, rest)


def _cut_quote(text: str, rest: str, line_before: str) -> str:
    """Cut at the last quote if the suggestion leaves the string that the cursor stands in."""
    quote = rest[:3] if rest[:3] == rest[0] * 3 else rest[0]
    places = _places(quote, text)
    # On a blank line, the string was opened somewhere above.
    inside = not line_before.strip() or len(_places(quote, line_before)) % 2 == 1
    return text[: places[-1]] if inside and len(places) % 2 == 1 else text


def _places(quote: str, text: str) -> list[int]:
    return [match.start() for match in re.finditer(rf"\\.|{quote}", text) if match[0] == quote]


def _cut_bracket(text: str, rest: str, line_before: str) -> str:
    """Cut at the last bracket that is one too many, counting those that the line owes beyond what its rest closes."""
    closer = rest[0]
    opener = _OPENERS[closer]
    before, code = _code(line_before, closer), _code(text, closer)
    depth = max(0, before.count(opener) - before.count(closer) - rest.count(closer))
    cut = len(text)
    for index, letter in enumerate(code):
        if letter == opener:
            depth += 1
        elif letter == closer:
            depth -= 1
            if depth == -1:
                cut = index
    return text[:cut] if depth < 0 else text


def _code(text: str, closer: str) -> str:
    """Return the text with complete strings as blanks of their length, and arrows too where `>` is a bracket."""
    code = _STRINGS.sub(lambda match: " " * len(match[0]), text)
    return _ARROWS.sub("  ", code) if closer == ">" else code


def _cut_tail(text: str, rest: str) -> str:
    """Cut punctuation that ends the suggestion and begins the rest of the line."""
    for size in range(len(rest), 0, -1):
        kept = text[: len(text) - size]
        if text.endswith(rest[:size]) and not unclosed(kept):
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
