"""Editing traces: JSON lines that say what a person did in an editor, and when.

    {"event": "open", "path": "a.py", "language": "python", "text": "…"}
    {"event": "change", "t_ms": 1200, "range": [[10, 4], [10, 4]], "text": "r"}
    {"event": "request", "t_ms": 1201, "position": [10, 5]}
    {"event": "accept", "t_ms": 1900}
    {"event": "restart", "t_ms": 2000}

Lines and columns count from 0, columns in UTF-16 units, in the text as it stands at that moment. An event is about
the file that was opened last; opening a path again goes back to it (its text is not read again), and `path` in a
`change` or `request` goes to another open file too. After a `restart` of the editor no file is open; a path that was
is opened again with the text as it stood. Unknown fields are ignored. Columns beyond a line's end mean its
end, as in LSP. Where times go back (another recording follows), they go on from where they were.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import frozen

from starcoder_lsp.errors import StarcoderError

if TYPE_CHECKING:
    from pathlib import Path

Position = tuple[int, int]
"""(line, column), from 0; columns in UTF-16 units."""


class BadTrace(StarcoderError):  # noqa: N818 - reads as the fact it is
    """A trace cannot be replayed; the message names the file, the line and what is wrong with it."""


@frozen
class Open:
    """A file is opened, or (`text` unused) shown again."""

    path: str
    language: str
    text: str


@frozen
class Change:
    """`start` to `end` is replaced by `text`."""

    at_ms: float
    path: str
    start: Position
    end: Position
    text: str


@frozen
class Request:
    """A suggestion is wanted at `position`."""

    at_ms: float
    path: str
    position: Position


@frozen
class Accept:
    """The suggestion that is shown is accepted; nothing, if none is."""

    at_ms: float


@frozen
class Restart:
    """The editor ends, and starts again."""

    at_ms: float


Event = Open | Change | Request | Accept | Restart


@frozen
class Trace:
    """What happened, in order."""

    name: str
    events: tuple[Event, ...]


def read_trace(path: Path) -> Trace:
    """Read and check a trace. Raises BadTrace."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTrace(f"{path}: cannot be read: {error}") from error
    events: list[Event] = []
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            events.append(reader.take(json.loads(line)))
        except json.JSONDecodeError as error:
            raise BadTrace(f"{path}, line {number}: not JSON: {error.msg} at column {error.colno}.") from error
        except _Wrong as error:
            raise BadTrace(f"{path}, line {number}: {error}") from error
    if not any(isinstance(event, Open) for event in events):
        raise BadTrace(f"{path}: no file is opened in this trace.")
    return Trace(path.stem, tuple(events))


class _Wrong(Exception):  # noqa: N818 - becomes a BadTrace with the line's number
    """What is wrong with one line."""


class _Reader:
    """Turns objects into events; knows which files are open, and the time so far."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._known: set[str] = set()  # what was open before a restart too
        self._active = ""
        self._now_ms = 0.0
        self._ahead_ms = 0.0  # of the recorded times, once those have gone back

    def take(self, data: Any) -> Event:  # noqa: ANN401 - any JSON
        if not isinstance(data, dict):
            raise _Wrong("an event is a JSON object.")
        kind = data.get("event")
        if kind == "open":
            return self._take_open(data)
        if kind not in ("change", "request", "accept", "restart"):
            raise _Wrong(f'"event" must be open, change, request, accept or restart, not {kind!r:.40}.')
        if not self._open:
            raise _Wrong(f'"{kind}" comes before any file is opened.')
        at_ms = self._time(data)
        if kind == "accept":
            return Accept(at_ms)
        if kind == "restart":
            self._open.clear()
            return Restart(at_ms)
        path = self._path(data)
        if kind == "request":
            return Request(at_ms, path, _position(data.get("position"), '"position"'))
        span = data.get("range")
        if not isinstance(span, list) or len(span) != 2:  # noqa: PLR2004 - a start and an end
            raise _Wrong('"range" must be [[line, column], [line, column]].')
        start, end = _position(span[0], 'the start of "range"'), _position(span[1], 'the end of "range"')
        if end < start:
            raise _Wrong('"range" ends before it starts.')
        return Change(at_ms, path, start, end, _text(data, "text"))

    def _take_open(self, data: dict[str, Any]) -> Open:
        path = _text(data, "path")
        if not path:
            raise _Wrong('"path" is empty.')
        again = path in self._known
        opened = Open(
            path,
            _text(data, "language") if "language" in data or not again else "",
            _text(data, "text") if "text" in data or not again else "",
        )
        self._open.add(path)
        self._known.add(path)
        self._active = path
        return opened

    def _path(self, data: dict[str, Any]) -> str:
        path = data.get("path", self._active)
        if path not in self._open:
            raise _Wrong(f'"path" names {path!r:.80}, which is not open.')
        self._active = path
        return str(path)

    def _time(self, data: dict[str, Any]) -> float:
        at_ms = data.get("t_ms")
        if isinstance(at_ms, bool) or not isinstance(at_ms, (int, float)) or not 0 <= at_ms < float("inf"):
            raise _Wrong('"t_ms" must be a number of milliseconds from 0.')
        self._ahead_ms = max(self._ahead_ms, self._now_ms - at_ms)
        self._now_ms = at_ms + self._ahead_ms
        return self._now_ms


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise _Wrong(f'"{name}" must be a text.')
    return value


def _position(value: object, what: str) -> Position:
    if (
        not isinstance(value, list)
        or len(value) != 2  # noqa: PLR2004 - line and column
        or not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in value)
    ):
        raise _Wrong(f"{what} must be [line, column], whole numbers from 0.")
    return value[0], value[1]
