"""From what the model wrote to what is shown: small pure filters `(text, cursor) -> text`.

Each filter only cuts the end off: the result is a prefix of its input, so nothing is invented. An empty one means that
there is nothing worth showing. `refine` applies them until nothing changes, so refining twice is refining once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starcoder_lsp.completion.contradiction import cut_contradictions
from starcoder_lsp.completion.cursor import Cursor, indent_of, telling
from starcoder_lsp.completion.ending import cut_incomplete
from starcoder_lsp.completion.families import CONTROL_SPELLINGS
from starcoder_lsp.completion.repetition import endless, loop
from starcoder_lsp.completion.rest import cut_repeated_rest, cut_unpaired

Filter = Callable[[str, Cursor], str]

_CLOSING = ")]};, \t"
_UNMISTAKABLE = tuple(one for one in CONTROL_SPELLINGS if not one.strip("</>").isalpha())
"""Spellings of control tokens that are no HTML tags or placeholders (`</s>` and `<filename>` are)."""


def drop_blank(text: str, _cursor: Cursor) -> str:
    """Nothing but blanks is no suggestion."""
    return text if text.strip() else ""


def trim_end(text: str, cursor: Cursor) -> str:
    """Trailing blanks and line ends are not shown: the user's next key would meet them.

    Two of them are wanted: the line end that puts a bracket behind the cursor on a line of its own (`{▌}`), and the
    blank in front of a word (`import ▌as np`).
    """
    trimmed, rest = text.rstrip(), cursor.line_after
    *above, last = text.split("\n")
    if above and rest.lstrip().startswith((")", "]", "}")) and cursor.rest_is_closers:
        own_line = not last.strip() and indent_of(last) == cursor.indent and above[-1].strip()
        return text if own_line else trimmed
    wants_blank = not cursor.rest_is_closers and not rest[0].isspace() and text.startswith(" ", len(trimmed))
    return text[: len(trimmed) + 1] if wants_blank else trimmed


def cut_unprintable(text: str, _cursor: Cursor) -> str:
    """Cut at the first replacement or control character: half a character, or noise."""
    for index, letter in enumerate(text):
        if letter == "\ufffd" or (letter < " " and letter not in "\n\t") or letter == "\x7f":
            return text[:index]
    return text


def cut_control_spelling(text: str, cursor: Cursor) -> str:
    """Cut at a control token that the model spelled out, unless the file around it is about such tokens."""
    if "<" not in text:
        return text
    found = [at for one in _UNMISTAKABLE if (at := text.find(one)) >= 0 and one not in cursor.before + cursor.after]
    return text[: min(found)] if found else text


def cut_repeated_suffix(text: str, cursor: Cursor) -> str:
    """Cut from the first line that says what the next line of the file says, at the same indentation.

    Short lines (brackets) are cut only where all that follows in the suggestion follows in the file.
    """
    if not cursor.lines_below:
        return text
    lines = _lines(text, cursor)
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        if cursor.repeats_next_line(line) or _says_the_same(lines[index:], cursor.lines_below):
            return "\n".join(text.split("\n")[:index])
    return text


def _says_the_same(lines: Sequence[str], below: Sequence[str]) -> bool:
    *others, last = [line.rstrip() for line in lines if line.strip()]
    if len(others) >= len(below) or others != [line.rstrip() for line in below[: len(others)]]:
        return False
    theirs = below[len(others)].rstrip()
    # Brackets may differ in what follows them: `})` and `});`.
    return last == theirs or (
        not (last + theirs).strip(_CLOSING) and last.startswith(theirs) != theirs.startswith(last)
    )


def drop_repeated_line(text: str, cursor: Cursor) -> str:
    """A suggestion that only writes the line above once more is no help."""
    line = cursor.line_before + text
    repeats = line.rstrip() == cursor.previous_line.rstrip() and not cursor.line_after.strip()
    return "" if repeats and telling(line) else text


def cut_loops(text: str, cursor: Cursor) -> str:
    """Keep only once the lines that repeat themselves without end."""
    lines = _lines(text, cursor)
    for end in range(1, len(lines) + 1):
        keep = loop(lines[:end])
        if keep is not None:
            return "\n".join(text.split("\n")[:keep])
    return text


def cut_endless(text: str, cursor: Cursor) -> str:
    """Keep once what a line says over and over (`a, a, a, a, …`)."""
    kept = text.split("\n")
    for count in range(1, len(kept) + 1):
        end = endless("\n".join(kept[:count]), cursor)
        if end is not None:
            return text[:end]
    return text


def _lines(text: str, cursor: Cursor) -> list[str]:
    """Return the lines as they will stand in the file."""
    first, *others = text.split("\n")
    return [cursor.line_before + first, *others]


FILTERS: tuple[Filter, ...] = (
    cut_unprintable,
    cut_control_spelling,
    cut_loops,
    cut_endless,
    cut_repeated_suffix,
    cut_repeated_rest,
    cut_unpaired,
    cut_contradictions,
    cut_incomplete,
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
    feed, carriage = text.find("\n"), text.find("\r")
    if carriage < 0 or 0 <= feed < carriage:
        return "\n"
    return "\r\n" if feed == carriage + 1 else "\r"
