"""Where a suggestion may end: at a *complete point*, not in the middle of something.

It is not behind a binary operator, a dot or half a word, nor behind a bracket or quote that was opened and that neither
the text nor the file closes. Braces and triple quotes that go on over lines are no such openers: `if (x) {` is complete
as `if x:` is, and so is each line of its body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starcoder_lsp.completion.brackets import read
from starcoder_lsp.completion.cursor import COMMENTS, indent_of
from starcoder_lsp.completion.rest import closed_behind, statement, statement_behind, within_behind

if TYPE_CHECKING:
    from starcoder_lsp.completion.brackets import Opened
    from starcoder_lsp.completion.cursor import Cursor

_WANTS_MORE = re.compile(
    r"""(?: (?<![\w.]) (?: and|or|not|in|is|as|import|from|lambda|await|new|instanceof|typeof|extends|implements )
        | &&  | \|\| | \?\? | [-=]> | :: | (?<=\s)[>?/|] | // | /\*+ | (?<![.\d]) \.
        | (?<!-) - | (?<!\+) \+ | (?<![*/]) (?<!import\s) (?<!export\s) \* | (?<=[\s\w)\]]) % | [&^<=@\#$]
        )\Z""",
    re.VERBOSE,
)
"""What an operand, a member or a name must follow, at the end of a text."""
_HALF_NAME = re.compile(r"\w*[^\W_]_+\Z")
_BLOCK = re.compile(r"[\w)>\]|!]\s+\Z|\)\Z")
_GROUP = re.compile(r"^\s*(?:var|const|type|import) \Z")
_CALLBACK = re.compile(r"\bfunction\s*\([^()]*\)\Z")
_NO_BLOCK = re.compile(r"\b(?:return|in|case|yield|from|import|export|throw)\s+\Z")
_POINTER = re.compile(r"\w\s*[*&]+\Z")
_PROSE = re.compile(r"(?<![^\s(])[A-Za-z][a-z'-]*,? [A-Za-z][a-z'-]*,? \S+\Z")
_SENTENCE = re.compile(r"^.*[a-z)`]\.$", re.MULTILINE)
_DOC_STRING = re.compile(r'"""[\s\S]*?(?:"""|\Z)')
_DEFINITION = re.compile(r"^\s*(?:async def|def|class|return)\b", re.MULTILINE)
_MACRO = re.compile(r"\$\(.*\)[*+]\Z")
_WORDS_OF_CODE = """
if elif else while for return assert import from raise with not export case when and or in is
"""
_KEYWORDS = frozenset(_WORDS_OF_CODE.split())
_OFTEN_SPELLED_OTHERWISE = """
class def from import in is not and or if else for while return lambda with as try except finally pass del global type
id list dict set str int float bool bytes object input print filter map range hash format max min sum all any next iter
len vars dir file license property async await yield raise assert match case var new exec
"""
_RESERVED = frozenset(_OFTEN_SPELLED_OTHERWISE.split())


def cut_back(text: str, cursor: Cursor, *, allowed: int | None = None, ended: bool = True) -> str:
    """Return the longest beginning of `text` that ends at a complete point; empty where there is none.

    Args:
        text: the suggestion so far.
        cursor: where it will stand.
        allowed: no more characters than this may be kept; all where it is None.
        ended: whether the text came to its end; otherwise a word at its end may be half a word.
    """
    size = len(text) if allowed is None else max(0, min(allowed, len(text)))
    place = _Place(cursor)
    if (size == len(text) and not ended) or (size < len(text) and _in_word(text, size)):
        size = _word_start(text, size)
    while size > 0:
        less = place.less(text[:size])
        if less == size:
            return text if size == len(text) else text[:size].rstrip()
        size = less
    return ""


def cut_incomplete(text: str, cursor: Cursor) -> str:
    """`cut_back` as a filter of a text that came to its end."""
    return cut_back(text, cursor)


class _Place:
    """What the rules ask of the file, once for all lengths."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        place = statement(cursor)
        self._within = place.within
        self._continues = place.above
        in_comment = place.comment or cursor.line_before.lstrip().startswith(COMMENTS)
        self._prose = in_comment or _in_doc_string(cursor)
        rest = read(cursor.line_after, within_behind(cursor))
        self._code = (cursor.line_after[: rest.comment] if rest.comment >= 0 else cursor.line_after).strip()

    def less(self, text: str) -> int:
        """Return the length of `text` if it may end there, else a smaller one that is worth a look."""
        kept = text.rstrip()
        if not kept:
            return 0
        reading = read(kept, self._within)
        above, _, last = kept.rpartition("\n")
        line = last if above or kept.startswith("\n") else self._cursor.line_before + last
        if self._prose or reading.comment >= 0 or _is_comment(line):
            return len(text)
        opened = self._opened(kept, reading.open)
        if opened is not None:
            return opened
        half = None if _is_word(self._cursor.line_after[:1]) else _HALF_NAME.search(line)
        if half and not self._known(half[0]):
            return max(0, len(kept) - len(half[0]))
        wants = None if reading.quote else self._wants_more(line)
        return max(0, len(kept) - len(wants)) if wants else len(text)

    def _wants_more(self, line: str) -> str:
        """Return the operator or dot that a line ends in and that nothing follows; empty where there is none."""
        wants = _WANTS_MORE.search(line)
        if wants is None or _ends_prose(line) or _MACRO.search(line) or self._goes_on(line):
            return ""
        return "" if wants[0] == "." and self._has_sentences() else wants[0]

    def _opened(self, text: str, opened: list[Opened]) -> int | None:
        """Return where the first opener stands that nothing closes; None where there is none."""
        if any(one.at < 0 and one.kind[0] in "\"'`" for one in opened):
            return None  # still within the string that the cursor stands in
        if _joins_three(self._cursor.line_before, text):
            return None
        own = [one for one in opened if one.at >= 0 and one.kind != "<"]
        if not own:
            return None
        blocks = [index for index, one in enumerate(own) if _is_block(self._cursor.line_before, text, one)]
        inner = own[blocks[-1] + 1 :] if blocks else own
        without = closed_behind(text, self._cursor).kinds
        whole = read(text + statement_behind(text, self._cursor), self._within).kinds
        for one in inner:
            if one.kind in {'"""', "'''"}:
                continue  # goes on over lines
            # No more may stay open than without the suggestion.
            if whole.count(one.kind) > without.count(one.kind):
                return one.at
        return None

    def _has_sentences(self) -> bool:
        """Whether lines end in a full stop here, outside of comments and doc strings: a text for people."""
        around = _DOC_STRING.sub("", self._cursor.before + "\n" + self._cursor.after)
        return any(not _is_comment(match[0]) for match in _SENTENCE.finditer(around))

    def _known(self, name: str) -> bool:
        """Whether the file has a name that ends in `_`, or it is a word that had to be spelled otherwise (`class_`)."""
        if name.startswith("__") and name.endswith("__"):
            return True
        whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        cursor = self._cursor
        return bool(whole.search(cursor.before) or whole.search(cursor.after)) or name[:-1] in _RESERVED

    def _goes_on(self, line: str) -> bool:
        """Whether the file has what an operator at the end of `line` needs: behind the cursor, or in the next line."""
        if self._code:
            pointer = _POINTER.search(line) is not None and self._code[0] in ",)>"
            return pointer or self._code[0] not in ")]},;:"
        following = self._cursor.after.split("\n", 2)[1:2]
        if not following or not following[0].strip() or following[0].lstrip()[0] in ")]}":
            return False
        depth, own = indent_of(following[0]), indent_of(line)
        again = self._continues or _WANTS_MORE.search(self._cursor.previous_line.rstrip()) is not None
        return depth > own or (depth == own and again)


def _is_block(line_before: str, text: str, opened: Opened) -> bool:
    """Whether a brace opens a block (it ends its line, behind a parenthesis or a word).

    So does a parenthesis of Go (`import (`), and one in front of a function of Lua, which has no brace.
    """
    before, after = line_before + text[: opened.at], text[opened.at + 1 :].split("\n", 1)[0].strip()
    ends_line = not after or after.startswith(("//", "/*", "# "))
    if opened.kind == "(" and _CALLBACK.search(after):
        return True
    if opened.kind == "(":
        return ends_line and _GROUP.match(before.rpartition("\n")[2]) is not None
    opens = not before.strip() or bool(_BLOCK.search(before) and not _NO_BLOCK.search(before))
    return opened.kind == "{" and ends_line and opens


def _joins_three(before: str, text: str) -> bool:
    """Whether three quotes begin in front of the cursor and end behind it."""
    quote = before[-1:]
    if quote not in {'"', "'"}:
        return False
    return text.startswith(quote * 2) or (text.startswith(quote) and before.endswith(quote * 2))


def _in_doc_string(cursor: Cursor) -> bool:
    """Whether a triple quote is open at the cursor, and no definition stands up to its end: words, not code."""
    return any(
        cursor.before.count(quotes) % 2
        and quotes in cursor.after
        and not _DEFINITION.search(cursor.before.rpartition(quotes)[2] + cursor.after.partition(quotes)[0])
        for quotes in ('"""', "'''")
    )


def _is_comment(line: str) -> bool:
    """Whether a line is a comment, or a row of a table of Markdown."""
    return (line.strip() + " ").startswith((*COMMENTS, "---", "*/", "|"))


def _ends_prose(line: str) -> bool:
    """Whether a line ends in words as sentences have them; in code, operators and keywords stand between words."""
    words = _PROSE.search(line)
    return words is not None and not any(word.strip(",") in _KEYWORDS for word in words[0].split()[:-1])


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _in_word(text: str, at: int) -> bool:
    return at > 0 and _is_word(text[at - 1]) and _is_word(text[at])


def _word_start(text: str, at: int) -> int:
    while at > 0 and _is_word(text[at - 1]):
        at -= 1
    return at
