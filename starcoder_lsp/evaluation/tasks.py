"""Tasks of the human-eval-infilling format (Bavarian et al. 2022, arXiv 2207.14255, section 3)."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

from attrs import field, frozen

from starcoder_lsp.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_FIELDS = ("task_id", "prompt", "suffix", "canonical_solution")


@frozen
class Task:
    """A hole in a program: what stands before and behind it, what stood in it, and a test of the whole."""

    task_id: str
    prompt: str = field(repr=False)
    suffix: str = field(repr=False)
    canonical_solution: str = field(repr=False)
    test: str = field(default="", repr=False)
    entry_point: str = ""


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
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as JSON lines: {error}.") from error
    if limit is not None and 0 < limit < len(tasks):
        return [tasks[index * len(tasks) // limit] for index in range(limit)]
    return tasks


def _task(path: Path, number: int, line: str) -> Task:
    try:
        row = json.loads(line)
        values = {name: row[name] for name in _FIELDS}
        values |= {name: row.get(name, "") for name in ("test", "entry_point")}
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}, line {number} is not a task: it needs {', '.join(_FIELDS)}.") from error
    if not all(isinstance(value, str) for value in values.values()):
        raise ConfigError(f"{path}, line {number} is not a task: its fields must be texts.")
    return Task(**values)
