"""Holes in somebody's own files: a cursor where people stop typing, and the rest of that line missing."""

from __future__ import annotations

import os
import re
from itertools import cycle
from typing import TYPE_CHECKING

from starcoder_lsp.evaluation.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from random import Random

LANGUAGES = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".jsx": "javascriptreact", ".mjs": "javascript",
    ".ts": "typescript", ".tsx": "typescriptreact", ".go": "go", ".rs": "rust", ".java": "java", ".kt": "kotlin",
    ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".hpp": "cpp", ".cs": "csharp", ".rb": "ruby", ".php": "php",
    ".lua": "lua", ".sh": "shellscript", ".swift": "swift", ".scala": "scala", ".sql": "sql",
}  # fmt: skip
_NOT_THEIRS = frozenset({"node_modules", "vendor", "third_party", "dist", "build", "target", "site-packages", "venv"})
_MOST_BYTES = 300_000
_LEAST_LINES = 20
_STOPS = re.compile(r"(?<=[.(=,\[{:\"'@ ])(?=\S)|\b(?=\w)|(?<=\w)(?=\w)")
"""Where somebody might stop typing: behind a sign, in front of a word, within one."""
_AT_THE_MARGIN = 0.25
_NOT_CODE = ("#", "//", "/*", "*", "--", '"', "'")


def source_files(folders: Iterable[Path]) -> list[Path]:
    """Return the source files below some folders, by path; hidden folders and those of dependencies are left out.

    Symbolic links are not followed, nor are large files read.
    """
    found: set[Path] = set()
    for folder in folders:
        for place, folders_in, names in os.walk(folder):
            folders_in[:] = [name for name in folders_in if not name.startswith(".") and name not in _NOT_THEIRS]
            paths = [os.path.join(place, name) for name in names if os.path.splitext(name)[1] in LANGUAGES]  # noqa: PTH118, PTH122 - many files
            found.update(folder.__class__(path) for path in paths if _readable(path))
    return sorted(found)


def _readable(path: str) -> bool:
    return not os.path.islink(path) and os.path.isfile(path) and os.path.getsize(path) <= _MOST_BYTES  # noqa: PTH113, PTH114, PTH202 - many files


def own_holes(files: Iterable[Path], count: int, rng: Random) -> Iterator[Task]:
    """Yield up to `count` holes in files drawn at random, at most one in each 20 lines of a file."""
    drawn = list(files)
    rng.shuffle(drawn)
    if not drawn:
        return
    made = 0
    texts: dict[Path, tuple[str, int]] = {}
    for path in cycle(drawn):
        text, left = texts[path] if path in texts else _read(path)
        texts[path] = (text, left - 1)
        if left > 0:
            hole = rest_of_line(text, rng)
            if hole is not None:
                start, end = hole
                name = path.as_posix()
                yield Task(f"{name}#{made}", text[:start], text[end:], text[start:end], path=path.name, repo=name)
                made += 1
        if made == count or (all(left <= 0 for _text, left in texts.values()) and len(texts) == len(drawn)):
            return


def _read(path: Path) -> tuple[str, int]:
    try:
        text = path.read_text("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return "", 0
    return text, text.count("\n") // _LEAST_LINES


def rest_of_line(text: str, rng: Random) -> tuple[int, int] | None:
    """Return (start, end) of the rest of a line of code behind a place where typing might stop; None after bad luck."""
    for _try in range(20):
        start = text.rfind("\n", 0, rng.randrange(len(text))) + 1
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        column = stop_in(text[start:end], rng)
        if column is not None:
            return start + column, end
    return None


def stop_in(line: str, rng: Random) -> int | None:
    """Return a column of a line of code at which somebody might stop typing; None where it is no code or bad luck.

    A quarter of the places are the line's margin; the rest of the line has two characters at least.
    """
    margin = len(line) - len(line.lstrip())
    if not line.strip() or line.lstrip().startswith(_NOT_CODE):
        return None
    places = [match.start() for match in _STOPS.finditer(line, margin)]
    column = margin if rng.random() < _AT_THE_MARGIN or not places else rng.choice(places)
    return column if len(line[column:].strip()) > 1 else None
