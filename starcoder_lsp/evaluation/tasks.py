"""Tasks of the human-eval-infilling format (Bavarian et al. 2022, arXiv 2207.14255, section 3).

A task may say more than the format has: `path` and `repo`, and `neighbours`, a list of `{"path", "text"}`: passages of
other files of the repository, the most useful last.
"""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import chain
from typing import TYPE_CHECKING

from attrs import field, frozen

from starcoder_lsp.completion.context import Neighbour
from starcoder_lsp.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_FIELDS = ("task_id", "prompt", "suffix", "canonical_solution")
_MORE = ("test", "entry_point", "path", "repo")


@frozen
class Task:
    """A hole in a program: what stands before and behind it, what stood in it, and a test of the whole."""

    task_id: str
    prompt: str = field(repr=False)
    suffix: str = field(repr=False)
    canonical_solution: str = field(repr=False)
    test: str = field(default="", repr=False)
    entry_point: str = ""
    path: str = "main.py"
    repo: str = ""
    neighbours: tuple[Neighbour, ...] = field(default=(), repr=False)


def read_tasks(path: Path, limit: int | None = None) -> list[Task]:
    """Return the tasks of a `.jsonl` or `.jsonl.gz` file, every n-th of them where `limit` asks for fewer.

    Raises:
        ConfigError: it cannot be read, or a line is not a task; the message names the line.
    """
    tasks: list[Task] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    tasks.append(_task(path, number, line))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}.") from error
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ConfigError(f"{path} cannot be read as JSON lines: {why}.") from error
    if limit is not None and 0 < limit < len(tasks):
        return [tasks[index * len(tasks) // limit] for index in range(limit)]
    return tasks


def _task(path: Path, number: int, line: str) -> Task:
    try:
        row = json.loads(line)
        values = {name: row[name] for name in _FIELDS}
        values |= {name: row[name] for name in _MORE if name in row}
        neighbours = [(one["path"], one["text"]) for one in row.get("neighbours", ())]
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}, line {number} is not a task: it needs {', '.join(_FIELDS)}.") from error
    if not all(isinstance(text, str) for text in (*values.values(), *chain.from_iterable(neighbours))):
        raise ConfigError(f"{path}, line {number} is not a task: its fields must be texts.")
    return Task(**values, neighbours=tuple(Neighbour(*one) for one in neighbours))
