"""From bytes to message bodies: LSP's header part, and nothing else. No I/O.

The header part is HTTP's: names ignore case, blanks around a value do not count. Lines may end with a bare line feed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 1 << 30
"""The longest body that is read. A client that announces more has lost count."""
_MOST_HEADER = 8192
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")  # RFC 9110, 5.1 and 5.5


class FramingLost(Exception):  # noqa: N818 - reads as the sentence it is
    """Where the next message begins cannot be known any more; the message says why."""


class NoLength(Exception):  # noqa: N818 - as above
    """A header without a length that can be used. Reading can go on with what follows, if that is a header."""


@define
class Framing:
    """Takes the bytes of a connection in pieces of any size, and gives the bodies in them."""

    _held: bytearray = field(factory=bytearray)
    _length: int | None = None
    """Of the body, once the header named it."""
    _in_header: bool = True
    _seen: bool = False
    """Whether this header has a line already."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._held += data

    def bodies(self) -> Iterator[bytes]:
        """Give each body that is complete. May be called again after NoLength.

        Raises:
            NoLength: a header names no length in bytes, and no body is taken to follow it.
            FramingLost: what follows is no header, or it announces what cannot be read.
        """
        while True:
            if self._in_header and not self._header():
                return
            assert self._length is not None  # noqa: S101 - a header ends with one, or with NoLength
            if len(self._held) < self._length:
                return
            body = bytes(self._held[: self._length])
            del self._held[: self._length]
            self._length, self._in_header = None, True
            yield body

    def _header(self) -> bool:
        """Read header lines; True once the empty one came."""
        while True:
            end = self._held.find(b"\n", 0, _MOST_HEADER)
            if end < 0:
                if len(self._held) >= _MOST_HEADER:
                    raise FramingLost(f"a line of {_MOST_HEADER:,} bytes or more stands where a header should")
                return False
            line = bytes(self._held[:end]).removesuffix(b"\r")
            del self._held[: end + 1]
            if line:
                self._field(line)
            elif self._length is not None:
                self._in_header, self._seen = False, False
                return True
            elif self._seen:
                self._seen = False
                raise NoLength("a header names no Content-Length in bytes")
            # else an empty line between two messages

    def _field(self, line: bytes) -> None:
        self._seen = True
        match = _FIELD.fullmatch(line)
        if match is None:
            raise FramingLost("a header was expected, and something else came")
        name, value = match.groups()
        if name.lower() != b"content-length" or not value.isdigit():
            return
        digits = value.lstrip(b"0") or b"0"
        if len(digits) > len(str(MOST_BYTES)) or int(digits) > MOST_BYTES:
            shown = digits.decode() if len(digits) <= 20 else f"a number of {len(digits):,} digits"  # noqa: PLR2004 - fits a line
            raise FramingLost(f"a message of {shown} bytes is announced; {MOST_BYTES:,} are the most")
        if self._length not in (None, int(digits)):
            raise FramingLost("a header names two different lengths")
        self._length = int(digits)
