"""The process that reads a workspace's files.

So the server's own never waits for Python's lock, nor dies of a parser's fault. It answers one request after another:
pickles of (name, arguments) on its input, of (True, answer) or (False, traceback) on its output, each behind its
length. It ends with its input. What reads for a scan runs at the lowest priority.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import psutil
from attrs import evolve

from starcoder_lsp.repository import scan
from starcoder_lsp.repository.facts import extract, language_of
from starcoder_lsp.repository.ignore import Ignore
from starcoder_lsp.repository.secrets import without_secrets
from starcoder_lsp.repository.texts import Refused, read, why_generated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.repository.facts import FileFacts
    from starcoder_lsp.repository.scan import Entry

__all__ = ["LENGTH_BYTES", "Place", "Row", "main"]

LENGTH_BYTES: Final = 8
Place = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A root, the patterns of `context.exclude`, and the other roots."""
Row = tuple[str, int, int, bool, "FileFacts | None", str]
"""Path relative to the root, size in bytes, time of change in ns, whether it was parsed, the facts, and why there are
none, as the end of "it is …"."""


def _ignore(place: Place) -> Ignore:
    root, exclude, others = place
    return Ignore(Path(root), exclude, tuple(map(Path, others)))


def walk(place: Place, near: Sequence[str], most: int) -> scan.Walked:
    """Return the files of a root."""
    return scan.walk(_ignore(place), near=near, most=most)


def look(place: Place, paths: Sequence[str]) -> scan.Looked:
    """Return what there is of some paths."""
    return scan.look(_ignore(place), paths)


def facts(place: Place, entries: Sequence[Entry], *, parse: bool) -> list[Row]:
    """Return the facts of files as they are now."""
    return [_facts(place[0], entry, parse=parse) for entry in entries]


def _facts(root: str, entry: Entry, *, parse: bool) -> Row:
    path = entry[0]
    whole = os.path.join(root, *path.split("/"))  # noqa: PTH118 - hot
    text = read(whole)
    if isinstance(text, Refused):
        return (*entry, parse, None, text.why)
    if why := why_generated(text.text):
        return (*entry, parse, None, why)
    taken = text_facts(path, text.text, parse=parse)
    return (path, text.size, text.mtime_ns, parse, taken, "")


def text_facts(path: str, text: str, *, parse: bool = True) -> FileFacts:
    """Return the facts of a text, without names as text, and without passwords in the addresses that it imports from.

    The rest of what they hold, names and numbers, is no secret; to look for secrets costs half as much again as all
    else and is done where a text is read for a prompt (root.py).
    """
    facts = extract(path, language_of(path), text, parse=parse)
    return evolve(facts, names=b"", needs=without_secrets(facts.needs.decode("utf-8", "replace")).encode())


REQUESTS: Final[dict[str, Callable[..., Any]]] = {one.__name__: one for one in (walk, look, facts, text_facts)}


def send(stream: BinaryIO, message: object) -> None:
    """Write a message. Raises OSError."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(LENGTH_BYTES, "little"))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:  # noqa: ANN401 - whatever was sent
    """Read a message. Raises EOFError where the stream ends."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        raise EOFError
    size = int.from_bytes(head, "little")
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - from the process that started this one, or that this one started


def be_quiet() -> None:
    """Take the lowest priority, for the processor and for the disk, so that a suggestion never waits for this."""
    process = psutil.Process()
    try:
        if sys.platform == "win32":
            process.nice(psutil.IDLE_PRIORITY_CLASS)
        else:
            process.nice(19)
            if sys.platform == "linux":
                process.ionice(psutil.IOPRIO_CLASS_IDLE)
    except (OSError, psutil.Error):
        pass  # then it is a process like any other


def main(*, quiet: bool) -> None:
    """Answer until the input ends; `quiet`: when nobody else wants the processor."""
    if quiet:
        be_quiet()
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            name, arguments, named = receive(incoming)
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer: tuple[bool, object] = (True, REQUESTS[name](*arguments, **named))
        except Exception:  # noqa: BLE001 - the parent logs it
            answer = (False, traceback.format_exc())
        try:
            send(outgoing, answer)
        except OSError:
            return
