"""What is kept of one suggestion: a row of counts and times."""

from __future__ import annotations

import re
from typing import Literal

from attrs import frozen

__all__ = ["Key", "Measure", "Record", "plain_name"]

Key = tuple[int, int]
"""Which suggestion: a random number of the session, and a running number in it."""

Measure = Literal["30s", "5min", "save"]
"""When it is looked how much of an accepted text still stands: times since the acceptance, and the next save."""

_NAME = re.compile(r"[\w#+.-]{1,60}", re.ASCII)


@frozen
class Record:
    """One suggestion.

    Attributes:
        key: which one.
        at: when it was first answered, seconds since 1970.
        language: LSP language id.
        model: its display name.
        first_ms: from the request to the answer that carried its first piece; None where it was ready before.
        offered: characters, as far as it was written.
        shown: whether the editor reported that it was visible (or accepted).
        whole: whether what was left of it was accepted at once.
        words: how often a word of it was accepted.
        lines: how often a line of it was accepted.
        accepted: characters accepted.
        typed: characters that stood in the suggestion and were typed by hand.
        typed_through: whether all of it was typed by hand.
        dismissed: whether the user dismissed it.
    """

    key: Key
    at: int
    language: str
    model: str
    first_ms: float | None
    offered: int
    shown: bool = False
    whole: bool = False
    words: int = 0
    lines: int = 0
    accepted: int = 0
    typed: int = 0
    typed_through: bool = False
    dismissed: bool = False


def plain_name(name: str) -> str:
    """Return a language's or model's name if it is one and no path or text; else the last part of it, or `other`."""
    last = re.split(r"[/\\]", name)[-1]
    return last if _NAME.fullmatch(last) else "other"
