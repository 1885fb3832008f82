"""From what the model wrote to what is shown: small pure filters `(text, cursor) -> text`.

Each filter only removes: the result is a substring of its input that starts where the input starts, so nothing is
invented. An empty result means that there is nothing worth showing. `refine` applies them until nothing changes, so
refining twice is refining once.
"""

from __future__ import annotations

from collections.abc import Callable

from starcoder_lsp.completion.cursor import CLOSERS, Cursor, unclosed

Filter = Callable[[str, Cursor], str]

_MIN_OVERLAP = 3
_LOOP_LINES = 3


def drop_blank(text: str, _cursor: Cursor) -> str:
    """Nothing but blanks is no suggestion."""
    return text if text.strip() else ""


def trim_end(text: str, _cursor: Cursor) -> str:
    """Trailing blanks and line ends are not shown: the user's next key would meet them."""
    return text.rstrip()


def cut_unprintable(text: str, _cursor: Cursor) -> str:
    """Cut at the first replacement or control character: half a character, or noise."""
    for index, letter in enumerate(text):
        if letter == "\ufffd" or (letter < " " and letter not in "\n\t") or letter == "\x7f":
            return text[:index]
    return text


def cut_repeated_rest(text: str, cursor: Cursor) -> str:
    """`foo(▌)` must not become `foo(x))`: cut what the rest of the line already says.

    Where brackets that the suggestion did not open stand at its end and behind the cursor, they are the file's. Where
    the first line ends with the rest of the line (at least three characters), the rest is the file's.
    """
    rest = cursor.line_after.strip()
    if not rest or not text:
        return text
    first, newline, below = text.partition("\n")
    shown = first.rstrip()
    if len(rest) >= _MIN_OVERLAP and rest in shown:
        return shown[: shown.index(rest)]
    for size in range(min(len(rest), len(shown)), 0, -1):
        if shown.endswith(rest[:size]) and _is_files(shown[: len(shown) - size], rest[:size], cursor):
            return shown[: len(shown) - size]
    if newline and not cursor.rest_is_closers:
        return first
    return text if newline else _cut_closed_twice(first, rest)


def _is_files(kept: str, overlap: str, cursor: Cursor) -> bool:
    """Whether `overlap` at the end of a suggestion belongs to the file's rest of the line, not to `kept`."""
    if not all(letter in CLOSERS for letter in overlap):
        return len(overlap) >= _MIN_OVERLAP
    brackets = [letter for letter in overlap if letter in ")]}"]
    owed_here = unclosed(kept)
    if brackets:
        return owed_here[: len(brackets)] != brackets
    quotes = overlap[0]
    if quotes in "\"'`":
        return (cursor.line_before + kept).count(quotes) % 2 == 1
    return True


def _cut_closed_twice(line: str, rest: str) -> str:
    """Cut from the first closing bracket that nothing in the line opened and that stands behind the cursor."""
    owed: list[str] = []
    pairs = {"(": ")", "[": "]", "{": "}"}
    for index, letter in enumerate(line):
        if letter in pairs:
            owed.append(pairs[letter])
        elif letter in ")]}":
            if owed and owed[-1] == letter:
                owed.pop()
            elif not owed and rest.startswith(letter):
                return line[:index]
    return line


def cut_repeated_suffix(text: str, cursor: Cursor) -> str:
    """Cut from the first line that says what the next line of the file says."""
    following = cursor.next_line.strip()
    if len(following) < _MIN_OVERLAP:
        return text
    lines = text.split("\n")
    for index, line in enumerate(lines):
        content = (cursor.line_before + line if index == 0 else line).strip()
        if content == following:
            return "\n".join(lines[:index])
    return text


def drop_repeated_line(text: str, cursor: Cursor) -> str:
    """A suggestion that writes the line above once more is no help."""
    first = (cursor.line_before + text.split("\n", 1)[0]).strip()
    if len(first) >= _MIN_OVERLAP and "\n" not in text and first == cursor.previous_line.strip():
        return ""
    return text


def cut_loops(text: str, _cursor: Cursor) -> str:
    """Keep a line that repeats itself without end only once."""
    lines = text.split("\n")
    for index in range(len(lines) - _LOOP_LINES + 1):
        line = lines[index].strip()
        if len(line) >= _MIN_OVERLAP and all(
            lines[index + step].strip() == line for step in range(1, _LOOP_LINES)
        ):
            return "\n".join(lines[: index + 1])
    return text


def cut_stutter(text: str, _cursor: Cursor) -> str:
    """Keep once what a line says over and over (`a, a, a, a,`): a unit of up to 24 characters, four times or more."""
    first, newline, below = text.partition("\n")
    for size in range(1, 25):
        unit = first[-size:]
        if len(unit) < size or not unit.strip() or (len(set(unit)) == 1 and unit[0] in "-=#*_/. "):
            continue
        count, at = 0, len(first)
        while at >= size and first[at - size : at] == unit:
            count, at = count + 1, at - size
        if count >= 4 and count * size >= 8:  # noqa: PLR2004 - see the docstring; short runs such as `....` are code
            return first[: at + size]
    return first + newline + below


FILTERS: tuple[Filter, ...] = (
    cut_unprintable,
    cut_loops,
    cut_stutter,
    cut_repeated_suffix,
    cut_repeated_rest,
    trim_end,
    drop_repeated_line,
    drop_blank,
)


def refine(text: str, cursor: Cursor) -> str:
    """Apply all filters until nothing changes. Terminates: each pass keeps the text or shortens it."""
    while True:
        refined = text
        for one in FILTERS:
            refined = one(refined, cursor)
        if refined == text:
            return text
        text = refined


def adapt(text: str, *, line_end: str) -> str:
    """Return the text with the file's own line ends."""
    return text if line_end == "\n" else text.replace("\n", line_end)


def line_end_of(text: str) -> str:
    """Return the line end that a file uses: that of its first line; a newline where there is none."""
    at = text.find("\n")
    if at > 0 and text[at - 1] == "\r":
        return "\r\n"
    return "\r" if at < 0 and "\r" in text else "\n"
