"""What neighbouring files say about people and machines is masked, in the words that StarCoder was trained on.

StarPII's list, as the training data was cleaned (StarCoder, section 4; StarCoder2, section 4.2): e-mail addresses
become <EMAIL>, names <NAME>, user names <USERNAME>, IP addresses <IP_ADDRESS>; keys and passwords are not masked but
their lines emptied (secrets.py). StarPII is a model of 125 million parameters; this is a table: names are found only
where their place says so (copyright, author, signed-off-by, a name in front of an e-mail address, who a TODO belongs
to), user names only in paths of homes, in addresses and in assignments. A name in a plain sentence stays.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["masked"]

_EMAIL: Final = re.compile(
    r"(?:(?<=[\s,;:])(?P<name>[^\W\d_][\w.'\u2019-]*(?: [^\W\d_][\w.'\u2019-]*){0,3})(?P<gap>[ \t]+<))?"
    r"(?P<address>[\w.+%-]{1,64}(?:@|\(at\)|\s\[?at\]?\s(?=[\w-]+\s?(?:\.|\[dot\]|dot)))[\w-]{1,63}(?:(?:\.|\s?\[dot\]\s?)[\w-]{1,63})+)"
)
_AT: Final = ("@", "(at)", "[at]")
_DOTS: Final = re.compile(r"\.\d{1,3}\.\d")
_COLONS: Final = re.compile(r":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}")
"""In every address of the kind; they begin with a letter that is not everywhere, so that a search is quick."""
_IP4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IP6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:.])")
_IP6_GROUPS: Final = 3
"""`a[1::2]` is no address: so many groups are not empty."""
_NOBODY: Final = frozenset({"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1"})  # noqa: S104 - nothing is bound
_MARKS: Final = (
    "copyright", "(c)", "©", "author", "maintainer", "contributor", "-by:", "written by", "created by", "todo(",
    "fixme(", "xxx(", "hack(", "note(", "bug(", "/home/", "/users/", "\\users", "user", "login",
)  # fmt: skip
"""In small letters: the lines that the rules below are asked about. To look for words is quicker than an expression."""
_NAME: Final = r"(?P<name>(?!None\b|True\b|False\b)[A-ZÀ-ÞĀ-Ž][^\n\"'<>()=,;]{1,80})"
_GAP: Final = r"[^\w<](?:[^\w<]|\d){0,40}(?<!\.)"
_PEOPLE: Final = re.compile(
    rf"(?P<head>(?:(?i:copyright|\(c\)|©|@authors?\b|signed-off-by|co-authored-by|reviewed-by|__author__|__maintainer__){_GAP})){_NAME}"
)
_WRITTEN: Final = re.compile(
    r"(?P<head>^\s*(?:#|//|/?\*|--|;|%|:|<!--|\.\.|\"{3}|'{3})?[^\n]{0,60}?"
    rf"(?i:\bauthors?|\bmaintainers?|\bcontributors?|\b(?:written|created) by){_GAP}){_NAME}"
)
_TWO_NAMES: Final = re.compile(r"[A-ZÀ-ÞĀ-Ž][\w.'-]*(?: [A-ZÀ-ÞĀ-Ž][\w.'-]*){1,3}\s*")
_COMMENT: Final = re.compile(r"\s*(?:#|//|/?\*|--|;|%|<!--|\.\.|:author)")
_OWNER: Final = re.compile(r"\b(?P<head>(?:TODO|FIXME|XXX|HACK|NOTE|BUG)\()(?P<name>[\w.@-]+)(?=\))")
_HOME: Final = re.compile(r"(?P<head>(?:/home/|/Users/|\b[A-Za-z]:(?:\\{1,2}|/)Users(?:\\{1,2}|/)))(?P<name>[\w.-]+)")
_LOGIN: Final = re.compile(
    r"(?i)(?P<head>\b(?:user_?-?name|user_?-?id|login|db_?user|user)[\"']?\s*[:=]{1,2}\s*[\"'])(?P<name>[\w.@-]{2,64})(?=[\"'])"
)
_ORDINARY: Final = frozenset({
    "user", "username", "users", "login", "admin", "root", "test", "guest", "anonymous", "shared", "public", "me",
    "you", "name",
})  # fmt: skip


def masked(text: str) -> str:
    """Return the text with what identifies people and machines masked: as many lines as before. Never raises."""
    text = _on_lines(text, _with(_AT, text), _emails)
    text = _on_lines(text, (found.start() for found in _DOTS.finditer(text)), _ip4)
    text = _on_lines(text, (found.start() for found in _COLONS.finditer(text)), _ip6)
    return _on_lines(text, _with(_MARKS, text), _people)


def _with(words: Iterable[str], text: str) -> Iterable[int]:
    """Return where words stand in a text, written in small letters or not, in order."""
    lowered = text.lower()
    if len(lowered) != len(text):  # "İ" became two: positions would be off
        return itertools.accumulate((len(line) + 1 for line in text.split("\n")), initial=0)
    found: set[int] = set()
    for word in words:
        at = lowered.find(word)
        while at >= 0:
            found.add(at)
            at = lowered.find("\n", at)  # one in a line is enough
            at = lowered.find(word, at) if at >= 0 else at
    return sorted(found)


def _on_lines(text: str, places: Iterable[int], change: Callable[[str], str]) -> str:
    """Return the text with the lines changed in which places are."""
    parts: list[str] = []
    done = 0
    for place in places:
        if done <= place < len(text):
            start = text.rfind("\n", 0, place) + 1
            end = text.find("\n", place)
            end = len(text) if end < 0 else end
            parts += (text[done:start], change(text[start:end]))
            done = end
    return "".join((*parts, text[done:])) if parts else text


def _ip4(line: str) -> str:
    return _IP4.sub(_address, line)


def _ip6(line: str) -> str:
    return _IP6.sub(_address, line)


def _emails(line: str) -> str:
    return _EMAIL.sub(_email, line)


def _email(found: re.Match[str]) -> str:
    return (f"<NAME>{found['gap']}" if found["name"] else "") + "<EMAIL>"


def _people(line: str) -> str:
    line = _PEOPLE.sub(r"\g<head><NAME>", line)
    line = _WRITTEN.sub(_writer, line)
    line = _OWNER.sub(r"\g<head><USERNAME>", line)
    line = _HOME.sub(_login, line)
    return _LOGIN.sub(_login, line)


def _writer(found: re.Match[str]) -> str:
    """Mask who wrote a file: in a comment, or two names at a line's end. `author: ForeignKey` is code."""
    is_name = _COMMENT.match(found["head"]) or _TWO_NAMES.fullmatch(found["name"])
    return f"{found['head']}<NAME>" if is_name else found[0]


def _login(found: re.Match[str]) -> str:
    return found[0] if found["name"].lower() in _ORDINARY else f"{found['head']}<USERNAME>"


def _address(found: re.Match[str]) -> str:
    try:
        address = ipaddress.ip_address(found[0])
    except ValueError:
        return found[0]
    few = address.version == 6 and sum(map(bool, found[0].split(":"))) < _IP6_GROUPS  # noqa: PLR2004 - its name
    return found[0] if few or str(address) in _NOBODY else "<IP_ADDRESS>"
