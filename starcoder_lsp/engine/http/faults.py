"""What a server's refusal means to the user. Pure.

A server's own words help, but may repeat what it was sent: the user's code, or a key. Such words are left out.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from starcoder_lsp.engine.http.shape import fault, text
from starcoder_lsp.errors import EngineRefused, EngineUnavailable

if TYPE_CHECKING:
    from starcoder_lsp.addresses import Secret
    from starcoder_lsp.errors import EngineError

_MOST_WORDS: Final = 300
_ECHO: Final = 12
"""So many characters in a row that were sent are no accident."""
_LONGEST_WAIT_S: Final = 3600.0
_BUSY: Final = (429, 503)
_PASSING: Final = (408, 425, 500, 502, 504, 529)

_ADVICE: Final = {
    401: 'It wants a key, or another one: see "key" of the option "engines"',
    403: "It does not let this key do that",
    404: 'There is nothing at that address, or no model of that name: see "url" and "model" of the option "engines"',
    407: "The proxy on the way wants a name and password",
    413: "The request is too long for it",
}  # fmt: skip


def refusal(
    where: str,
    status: int,
    body: bytes = b"",
    *,
    retry_after: str | None = None,
    sent: str = "",
    key: Secret | None = None,
    now: datetime | None = None,
) -> EngineError:
    """Return the error that stands for an HTTP status of 300 and more, or for a failure in the middle of a stream.

    `where` is the address as shown, `sent` the text that was sent, `now` what `Retry-After` is counted from.
    """
    words = own_words(body, sent, key)
    said = f' It says: "{words}"' if words else ""
    if status in _BUSY:
        wait = retry_seconds(retry_after, now)
        return EngineUnavailable(f"{where} is busy (HTTP {status}).{said}", status=status, retry_s=wait)
    if status in _PASSING:
        wait = retry_seconds(retry_after, now)
        return EngineUnavailable(f"{where} failed (HTTP {status}).{said}", status=status, retry_s=wait)
    if 300 <= status < 400:  # noqa: PLR2004 - redirections
        moved = f"{where} points to another address (HTTP {status}), which is not followed: name that one."
        return EngineRefused(moved, status=status)
    advice = _ADVICE.get(status)
    return EngineRefused(f"{where} refused (HTTP {status}).{f' {advice}.' if advice else ''}{said}", status=status)


def not_yet(where: str, status: int, body: bytes) -> EngineError | None:
    """Return the error of a server that loads its model or is busy; None where an answer does not say that.

    What stands in front of a server may answer with such a status at a path that it does not know, but not in JSON.
    """
    return refusal(where, status, body) if status in _BUSY and own_words(body) else None


def own_words(body: bytes, sent: str = "", key: Secret | None = None) -> str:
    """Return what a server says of a failure, on one line; empty where that repeats what it was sent."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(data, dict):
        return ""
    failed = fault(data)
    words = failed.message if failed else text(data.get("detail")) or text(data.get("message"))
    words = " ".join(words.split())
    echoes = any(words[at : at + _ECHO] in sent for at in range(len(words) - _ECHO + 1))
    if echoes or (key is not None and key.reveal() in words) or not words.isprintable():
        return ""
    return words if len(words) <= _MOST_WORDS else words[: _MOST_WORDS - 1] + "…"


def retry_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Return for how many seconds `Retry-After` asks to be left alone (RFC 9110, section 10.2.3); None if it does not.

    At most an hour: a wrong clock must not end suggestions for good.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isdigit():
        return min(float(value), _LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    wait = (at - (now or datetime.now(timezone.utc))).total_seconds()
    return min(max(0.0, wait), _LONGEST_WAIT_S)
