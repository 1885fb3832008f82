"""The programs of tasks that bring a test: a filled hole, put together and run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starcoder_lsp.evaluation.tasks import Task


def program(middle: str, task: Task) -> str:
    """Return the whole program with its test; a middle that was trimmed gets back its line end."""
    joint = "" if not middle or middle.endswith("\n") or task.suffix.startswith("\n") else "\n"
    call = f"\ncheck({task.entry_point})\n" if task.entry_point else "\n"
    return task.prompt + middle + joint + task.suffix + "\n" + task.test + call
