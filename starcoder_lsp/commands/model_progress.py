"""A bar on stderr for what takes a while, on a terminal only; and a yes or no from a person."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starcoder_lsp.hub.pull import Report

_PHASES = {
    "waiting": "waiting: another process fetches it",
    "fetching": "fetching",
    "checking": "checking",
    "copying": "copying",
}


@contextmanager
def progress() -> Iterator[Report]:
    """Show bytes done, in all, their speed, and the time that is left."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        tasks = {phase: bar.add_task(text, total=None, visible=False) for phase, text in _PHASES.items()}

        def report(phase: str, done: int, total: int | None) -> None:
            for name, task in tasks.items():
                bar.update(task, visible=name == phase)
            bar.update(tasks[phase], completed=done, total=total)

        yield report


def agrees(question: str) -> bool:
    """Ask on the terminal; False where nobody is there to answer."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
