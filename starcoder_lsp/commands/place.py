"""FILE:LINE:COL, the place that `complete`, `context` and `demo` are asked about. One-based; columns in characters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starcoder_lsp.completion.cursor import normalised
from starcoder_lsp.errors import ConfigError

if TYPE_CHECKING:
    from starcoder_lsp.documents import Snapshot

_MAX_BYTES = 20_000_000


def parse_place(place: str) -> tuple[Path, int, int]:
    """Return (file, line, column) of FILE:LINE:COL; raises ConfigError."""
    name, _, rest = place.rpartition(":")
    name, _, line = name.rpartition(":")
    if not (name and line.isdigit() and rest.isdigit() and int(line) > 0 and int(rest) > 0):
        raise ConfigError(f"The place must be FILE:LINE:COL with one-based numbers, not {place!r}.")
    return Path(name), int(line), int(rest)


def read_text(path: Path) -> str:
    """Return a source file's text. Raises ConfigError for what is none; bytes that are not UTF-8 become U+FFFD."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than {_MAX_BYTES // 10**6} MB; that is not source code.")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    if b"\0" in data[:8192]:
        raise ConfigError(f"{path} is a binary file.")
    return data.decode("utf-8", "replace")


def text_and_offset(snapshot: Snapshot, name: Path, line: int, column: int) -> tuple[str, int]:
    r"""Return a text with `\n` line ends, and a place's offset in it in characters.

    Raises ConfigError for a place outside of it.
    """
    start = snapshot.lines.start(line - 1)
    if start is None:
        count = snapshot.lines.count - snapshot.text.endswith(("\n", "\r"))
        raise ConfigError(f"{name} has {count} line{'' if count == 1 else 's'}; there is no line {line}.")
    length = snapshot.lines.end(start) - start
    if column > length + 1:
        raise ConfigError(f"Line {line} of {name} has {length} characters; the last column is {length + 1}.")
    offset = snapshot.offset(line - 1, column - 1, "utf-32")
    return normalised(snapshot.text), offset - snapshot.text.count("\r\n", 0, offset)
