"""Bytes to lines, and lines to JSON objects: server-sent events (HTML standard, section 9.2) and JSON lines (NDJSON).

A line is decoded only when it is whole, so no character is cut by where the bytes were. Of server-sent events only the
data matters here: no server of completions sends names, ids or retries that do.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from starcoder_lsp.engine.http.events import NotUnderstood

MOST_LINE: Final = 4 * 2**20
"""Bytes of one line: llama-server repeats a prompt in its last event, which is some hundred thousand."""

_LINE_END: Final = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A carriage return at the end of what came may be half of a line's end."""


class Lines:
    """Cuts bytes into lines, whatever portions they come in."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole now, without their ends. Raises NotUnderstood for one that never ends."""
        *lines, self._rest = _LINE_END.split(self._rest + data)
        if len(self._rest) > MOST_LINE or any(len(line) > MOST_LINE for line in lines):
            raise NotUnderstood(f"a line of more than {MOST_LINE:,} bytes")
        return lines


class ServerSentEvents:
    """Returns the JSON objects of a stream of server-sent events; what follows `[DONE]` is nothing."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lines = Lines()
        self._data: list[bytes] = []
        self.done = False

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the objects that are whole now."""
        found = []
        for line in self._lines.feed(data):
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif line.startswith(b"error:"):  # llama.cpp's server of 2023 and 2024 sent failures so
                found.append(read_object(line[6:]))
            elif not line and self._data:
                text, self._data = b"\n".join(self._data), []
                self.done = self.done or text.strip() == b"[DONE]"
                if not self.done:
                    found.append(read_object(text))
        return found


class JsonLines:
    """Returns the JSON objects of a stream that has one in each line."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lines = Lines()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the objects that are whole now."""
        return [read_object(line) for line in self._lines.feed(data) if line.strip()]


def read_object(text: bytes) -> dict[str, Any]:
    """Return a JSON object. What is no UTF-8 in it becomes U+FFFD. Raises NotUnderstood."""
    try:
        value = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise NotUnderstood("a line that is no JSON") from None
    if not isinstance(value, dict):
        raise NotUnderstood("JSON that is no object")
    return value
