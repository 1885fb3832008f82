"""What contradicts the code around it, as can be seen without a model.

A keyword argument that the call has already, a definition of a name that the same scope defines, an argument list
behind another's closing bracket, half a word that is taken for a name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starcoder_lsp.completion.brackets import read
from starcoder_lsp.completion.cursor import indent_of
from starcoder_lsp.completion.rest import statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starcoder_lsp.completion.cursor import Cursor

_REACH = 2000
"""Characters in front of the cursor and behind it in which a call's arguments are looked for."""
_KEYWORD = re.compile(r"\s*(\w+)=(?![=>~])")
"""As Python and its formatters write it; attributes of Rust may repeat a name (`feature = "a", feature = "b"`)."""
_DEFINITION = re.compile(r"[ \t]*(?:export |async |pub |local |static )*((?:def|class|func|fn|function) +\w+) *[(:<{]")
_FREE = re.compile(r"(?:def|func|fn|function) +_\Z")
_CALL = re.compile(r"\w\s*\Z")


def cut_contradictions(text: str, cursor: Cursor) -> str:
    """Cut in front of the first contradiction."""
    if _copies_half_a_word(text, cursor) or _calls_again(text, cursor):
        return ""
    return text[: min(_repeated_keyword(text, cursor), _repeated_definition(text, cursor))]


# ---- keyword arguments


def _repeated_keyword(text: str, cursor: Cursor) -> int:
    """Return where the suggestion repeats a keyword argument of its call."""
    if "=" not in text or "(" not in statement(cursor).within:
        return len(text)
    before = cursor.before[-_REACH:]
    opened = read(before).open
    if not opened or opened[-1].kind != "(" or not _CALL.search(before[: opened[-1].at]):
        return len(text)
    own = before[opened[-1].at + 1 :]
    behind = cursor.after[:_REACH]
    names = {name for name, _at in _keywords(behind, fresh=False)}
    # The suggestion may go on in the middle of an argument: both are read as one.
    for name, at in _keywords(own + text, fresh=True):
        if name in names and at + len(name) > len(own) - 1:
            where = max(0, at - len(own))
            kept = text[:where].rstrip()
            return len(kept.removesuffix(",")) if where else 0
        names.add(name)
    return len(text)


def _keywords(text: str, *, fresh: bool) -> Iterator[tuple[str, int]]:
    """Yield the keyword arguments of the call that `text` stands in, up to its end, and where they begin.

    `fresh`: the text begins with an argument, not within one.
    """
    starts = [0] if fresh else []
    depth = 0
    for change, at in _separators(text):
        depth += change
        if depth < 0:
            break
        if not change and not depth:
            starts.append(at + 1)
    end = at if depth < 0 else len(text)
    for start in starts:
        match = _KEYWORD.match(text, start, end)
        if match:
            yield match[1], match.start(1)


def _separators(text: str) -> Iterator[tuple[int, int]]:
    """Yield (1, place) of openers, (-1, place) of closers, (0, place) of commas; nothing within strings."""
    changes = {change.at: change.step for change in read(text).changes}
    strings = _strings(text)
    for at, letter in enumerate(text):
        if at in changes:
            yield changes[at], at
        elif letter == "," and not any(start < at < end for start, end in strings):
            yield 0, at


def _strings(text: str) -> list[tuple[int, int]]:
    """Return where the strings of a text begin and end."""
    spans: list[tuple[int, int]] = []
    start = -1
    for change in read(text).changes:
        if change.kind[0] in "\"'`":
            if change.step > 0:
                start = change.at
            elif start >= 0:
                spans.append((start, change.at))
                start = -1
    return [*spans, (start, len(text))] if start >= 0 else spans


# ---- definitions


def _repeated_definition(text: str, cursor: Cursor) -> int:
    """Return where the suggestion defines a name that is defined in the same scope, just above or below."""
    lines = [cursor.line_before + text.split("\n", 1)[0], *text.split("\n")[1:]]
    at = 0
    for index, line in enumerate(lines):
        match = _DEFINITION.match(line)
        begun = 0 if index else len(cursor.line_before)
        if match and match.end(1) > begun and not _FREE.search(match[1]):
            above = lines[index - 1] if index else cursor.previous_line
            if not above.lstrip().startswith("@") and match[1] in _neighbours(cursor, indent_of(line)):
                return max(0, at - 1)
        at += len(line) + 1 - (0 if index else len(cursor.line_before))
    return len(text)


def _neighbours(cursor: Cursor, indent: int) -> set[str]:
    """Return the definitions at a depth next above and next below the cursor's line."""
    above = cursor.before.split("\n")[:-1][::-1]
    below = cursor.after.split("\n")[1:]
    return {name for lines in (above, below) if (name := _nearest(lines, indent))}


def _nearest(lines: list[str], indent: int) -> str:
    """Return the first definition at a depth, before a line that is less deep; empty where there is none."""
    for line in lines:
        if not line.strip():
            continue
        if indent_of(line) < indent:
            return ""
        match = _DEFINITION.match(line)
        if match and indent_of(line) == indent:
            return match[1]
    return ""


# ---- words and calls


def _copies_half_a_word(text: str, cursor: Cursor) -> bool:
    """Whether a word that is being typed is taken for a name: `sames▌` → `=sames` where the file has `samesite`."""
    half = re.search(r"[^\W\d]\w+\Z", cursor.line_before)
    if half is None:
        return False
    word = half[0]
    if not re.match(rf"\s*[=:]\s*{re.escape(word)}\b", text):
        return False
    others = cursor.before[: len(cursor.before) - len(word)] + " " + cursor.after
    return not re.search(rf"\b{re.escape(word)}\b", others) and bool(re.search(rf"\b{re.escape(word)}\w", others))


def _calls_again(text: str, cursor: Cursor) -> bool:
    """Whether an argument list follows the closer of one, in a file that has nothing of the kind."""
    if not text.startswith("(") or not cursor.line_before.endswith(")"):
        return False
    last = read(cursor.line_before[:-1]).open
    call = bool(last) and last[-1].kind == "(" and _CALL.search(cursor.line_before[: last[-1].at])
    return bool(call) and ")(" not in cursor.before + cursor.after
