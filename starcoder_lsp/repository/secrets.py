"""Lines that look like secrets: they are emptied, so that no prompt holds them.

Two detectors, and either is enough. gitleaks' rules (rules/gitleaks.json: 220 kinds of tokens and keys, kept up by
its authors; benchmarks/gitleaks_rules.py takes over a newer state), and a few of our own for what has no form:
passwords in quotes or in addresses, blocks of keys, long random strings. detect-secrets is not used: its last release
is of May 2024, and each of its plugins imports `requests` to try what it found on the network.

Emptied, not replaced: what a line defines is known by its number, and a hole in a string would still show its name.
Speed matters, since every file of a workspace passes here: cheap searches over the whole text choose the lines that
the rules are asked about (about 30 MB/s).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["prepare", "secret_lines", "without_secrets"]

_RUN: Final = re.compile(r"[A-Za-z0-9_+/=.~-]{16,}")
"""Every token that gitleaks knows the form of is at least this long."""
_DIGIT: Final = re.compile(r"[0-9]")
_WORDS: Final = re.compile(r"pass(?:w|p|_|\b)|pwd|secret|token|key|cred|auth|bearer|connectionstring|dsn")
_WORD: Final = (
    r"(?:(?<![a-z])pass(?:phrase|code)?(?![a-z])|passw(?:or)?d|passwd|passphrase|pwd|secret|token|api[_-]?key"
    r"|(?:access|private|encryption|signing|auth|account|master|shared)[_-]?key|credentials?|(?<![a-z])auth(?![a-z])"
    r"|bearer|(?<![a-z])dsn|connection[_-]?string)"
)
_GIVEN: Final = (
    r"""(?:[rbuf@$]|new\s\w+\(|String\(|str\(|\(\s{0,9}\n\s{0,40})?"""
    r"""(?P<q>["'`])(?P<value>(?:\\.|(?!(?P=q))[^\n\\]){3,300})(?P=q)"""
)
_QUOTED: Final = re.compile(
    rf"""(?i){_WORD}[\w-]{{0,24}}(?:["']?\])?["']?\s{{0,3}}"""
    rf"""(?:[:=](?!=)(?:\s{{0,3}}[\w.<>\[\],| ?*&]{{1,30}}=)?|=>|:=|\(|\bis\b)\s{{0,40}}{_GIVEN}"""
)
"""A literal that is given to something whose name says that it is secret."""
_PAIR: Final = re.compile(rf"""(?i){_WORD}[\w-]{{0,24}}(?:["']\s?,|["']?\]?\s?[=!]={{1,2}})\s{{0,4}}{_GIVEN}""")
"""Two arguments of a call, two items of a list, or compared: then only what is no word is taken for a secret."""
_BARE: Final = re.compile(
    r"(?i)[ \t#/;*-]*(?:export\s+|set\s+|env\s+)?[\w.-]{0,40}"
    rf"""{_WORD}[\w-]{{0,16}}\s*[=:]\s*(?P<value>[^\s"'`(){{}}\[\];,<>$]{{8,200}})\s*$"""
)
"""The same without quotes, as in settings files and shell scripts."""
_FLAG: Final = re.compile(
    rf"""(?i)(?:--?{_WORD}[\w-]*[= ]|authorization["']?\s*[:=,]\s*["']?(?:basic|bearer|token)\s+)["']?"""
    r"""(?P<value>[^\s"'<>${]{4,300})"""
)
_ADDRESS: Final = re.compile(r"://[^\s/:@\"'<>]{0,80}:(?P<value>[^\s/@\"'<>]{1,200})@")
_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,60}(?:KEY|CERTIFICATE|PARAMETERS|MESSAGE|SIGNATURE)[A-Z0-9 ]{0,20}-----"
    r"(?:(?!-----BEGIN)[\s\S]){0,20000}?(?:-----END [A-Z0-9 ]{0,60}-----|\Z)"
)
_RANDOM: Final = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
_HEX: Final = re.compile(r"(?i)[0-9a-f]{32,}")
_HEX_ENTROPY: Final = 3.0
_RANDOM_ENTROPY: Final = 4.0
"""Bits a character: random base64 of 20 characters has about 4.1, of 40 about 4.8, English words below 3.7."""
_FEW_DIGITS: Final = 3
_LONG: Final = 30
_LONGEST: Final = 4000
"""Characters: no rule is asked about a longer piece at once."""
_BEFORE: Final = 100
_AROUND: Final = 40
"""Characters: so far in front of a word such as "token" may stand what belongs to it."""
_START: Final = 2
"""Letters of the shortest of the words that stand near what gitleaks' rules match."""
_BEHIND: Final = 8
"""Characters: gitleaks' rules are asked about a token with so much in front of it and behind it, in the same line."""

_PLACEHOLDERS: Final = re.compile(
    r"(?i)\W*(?:none|null|nil|true|false|undefined|str(?:ing)?|int|bool|bytes|optional|token|password|passwd|secret|key"
    r"|[*x.•-]+|<[^<>]*>|\$\{?[\w.]+\}?|%\(?\w*\)?s?|\{\{?[\w. ]*\}?\}|[\w.]*\(.*)\W*"
)
"""Values that are no secret: the word itself, stars, and what stands for a value."""
_WORDY: Final = re.compile(r"[A-Za-z]+(?:[ ._-]+[A-Za-z]+)*[.:!?]?")


@frozen
class _Rule:
    expression: re.Pattern[str]
    entropy: float
    group: int


@cache
def _rules() -> dict[str, tuple[_Rule, ...]]:
    """Return gitleaks' rules by the words, in small letters, one of which stands near what a rule matches."""
    data = json.loads(resources.files(__package__).joinpath("rules/gitleaks.json").read_text(encoding="utf-8"))
    by_word: dict[str, tuple[_Rule, ...]] = {}
    for one in data["rules"]:
        rule = _Rule(re.compile(one["regex"]), one["entropy"], one["group"])
        for word in one["keywords"]:
            by_word[word] = (*by_word.get(word, ()), rule)
    return by_word


def prepare() -> None:
    """Compile the rules ahead: a quarter of a second, once a process."""
    _rules()


def without_secrets(text: str) -> str:
    """Return the text with its secret lines emptied: as many lines as before. Never raises."""
    hidden = secret_lines(text)
    if not hidden:
        return text
    lines = text.split("\n")
    for at in hidden:
        lines[at] = ""
    return "\n".join(lines)


def secret_lines(text: str) -> set[int]:
    """Return the numbers, from 0, of the lines (ended by a newline) that look like secrets."""
    spans = sorted((*_blocks(text), *_named_lines(text), *_token_lines(text)))
    hidden: set[int] = set()
    at = line = 0
    for start, end in spans:
        line += text.count("\n", at, start)
        at = start
        hidden.update(range(line, line + text.count("\n", start, max(start, end - 1)) + 1))
    return hidden


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield where, in characters, blocks of keys and addresses with passwords stand."""
    if "-----BEGIN" in text:
        for found in _BLOCK.finditer(text):
            yield found.span()
    if "://" in text and "@" in text:
        for found in _ADDRESS.finditer(text):
            if _PLACEHOLDERS.fullmatch(found["value"]) is None:
                yield found.span()


def _named_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a literal is given to a name that says that it is secret."""
    asked = -1
    for found in _WORDS.finditer(_lowered(text)):
        if found.start() > asked:
            start, asked = _line_around(text, found.start())
            yield from _named(text, max(start, found.start() - _AROUND), min(asked, start + _LONGEST))


def _token_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the lines that hold a token of a known form, or one without words in it."""
    hidden = -1
    for found in _RUN.finditer(text):
        start, end = found.span()
        if start > hidden and (_DIGIT.search(text, start, end) or _is_long_and_mixed(found[0])):
            first, last = _line_around(text, start)
            around = text[max(first, start - _BEFORE) : min(last, start + _LONGEST, end + _BEHIND)]
            if _looks_random(found[0]) or _is_known(around):
                hidden = last
                yield first, last


def _is_long_and_mixed(token: str) -> bool:
    return len(token) >= _LONG and token.lower() != token and token.upper() != token


def _lowered(text: str) -> str:
    """Return the text in small letters, of the same length: "İ" alone would become two."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.translate(_ASCII_LOWER)


_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _line_around(text: str, at: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return start, len(text) if end < 0 else end


def _named(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where a line, or it and the next, give a literal to a secret name."""
    bare = _BARE.match(text, start, end)
    if bare is not None and _is_value(bare["value"]) and _DIGIT.search(bare["value"]):
        yield bare.span()
    reach = end
    if text.endswith(("=", ":", "(", ">", "\\", " "), start, end):  # the value may stand on the next line
        reach = _line_around(text, min(end + 1, len(text)))[1]
        reach = min(reach, end + _LONGEST)
    quoted = any(text.find(quote, start, reach) >= 0 for quote in "\"'`")
    for rule, may_be_words in ((_QUOTED, True), (_PAIR, False), (_FLAG, True)):
        if rule is not _FLAG and not quoted:
            continue
        for found in rule.finditer(text, start, reach):
            if _is_value(found["value"]) and (may_be_words or _WORDY.fullmatch(found["value"]) is None):
                yield found.span()


def _is_value(value: str) -> bool:
    return _PLACEHOLDERS.fullmatch(value) is None


def _looks_random(token: str) -> bool:
    """Whether there is a run of letters and digits in it that has no words."""
    for found in _RANDOM.finditer(token):
        run = found[0]
        if (as_hex := _HEX.search(run)) is not None and _entropy(as_hex[0].lower()) >= _HEX_ENTROPY:
            return True
        mixed = len(_DIGIT.findall(run)) >= _FEW_DIGITS and not (run.islower() or run.isupper())
        if mixed and _entropy(run) >= _RANDOM_ENTROPY:
            return True
    return False


def _is_known(line: str) -> bool:
    """Whether one of gitleaks' rules knows something in the line."""
    low, starts = line.lower(), _words_by_start()
    words: dict[str, None] = {}
    for at in range(len(low) - _START + 1):
        known = starts.get(low[at : at + _START])
        if known is not None:
            words.update(dict.fromkeys(word for word in known if low.startswith(word, at)))
    rules = _rules()
    return any(_matches(rule, line) for word in words for rule in rules[word])


@cache
def _words_by_start() -> dict[str, list[str]]:
    """Return the words of the rules by their first letters: to ask 260 words one by one takes six times as long."""
    starts: dict[str, list[str]] = {}
    for word in _rules():
        starts.setdefault(word[:_START], []).append(word)
    return starts


def _matches(rule: _Rule, line: str) -> bool:
    for found in rule.expression.finditer(line):
        group = rule.group or (1 if rule.expression.groups and found[1] else 0)
        if not rule.entropy or _entropy(found[group]) >= rule.entropy:
            return True
    return False


def _entropy(run: str) -> float:
    """Return Shannon's entropy of the letters, in bits a letter."""
    size = len(run)
    return -sum(count / size * math.log2(count / size) for count in Counter(run).values())
