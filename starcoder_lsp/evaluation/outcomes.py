"""Holes and settings in, outcomes out: what the server would show at each hole, and what was written there.

The one way in which evaluation asks a model: `eval infill`, `eval repo`, `calibrate` and `prove` all do. It is the
server's own: the context is filled, then a suggestion is made with its windows, stop rules, gate and filters. The text
is generated once without a gate; what a gate shows of it is found by taking the same tokens through the same reading.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completer import Answer, Ask, TokenCompleter
from starcoder_lsp.completer.writing import read_again
from starcoder_lsp.completion.context import Neighbours
from starcoder_lsp.completion.gate import OPEN, Gate
from starcoder_lsp.completion.prompt import LayoutChoice, Place
from starcoder_lsp.engine.base import CancelToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starcoder_lsp.completer.base import Multiline
    from starcoder_lsp.evaluation.tasks import Task

_DOCUMENT = ("", "eval")
CONTEXT_SHARE = 0.25


@frozen
class How:
    """How holes are asked: as the server would with these settings."""

    gate: Gate = OPEN
    layout: LayoutChoice = "auto"
    multiline: Multiline = "auto"
    max_tokens: int = 96
    language: str = "python"
    context_share: float = CONTEXT_SHARE
    """Of the context window, for the neighbours of a task; 0 leaves them out."""


@frozen
class Shown:
    """What a gate shows at a hole: `text` (may be empty), and the joint probability of it, 0 to 1."""

    text: str
    joint: float


@frozen
class Outcome:
    """One hole, asked.

    Attributes:
        task: the hole, and what was written there.
        how: the settings.
        whole: what would be shown without a gate.
        shown: what is shown with that of `how`.
        joint: joint probability of `whole`, 0 to 1.
        seconds: wall time, evaluating the prompt included.
        answer: all that the completer said (tokens, times), without a gate; None where none was asked.
    """

    task: Task
    how: How
    whole: str
    shown: Shown
    joint: float = 1.0
    seconds: float = 0.0
    answer: Answer | None = None

    def at(self, gate: Gate) -> Shown:
        """Return what another gate would have shown."""
        return self.shown if self.answer is None else _read(self.task, self.how, self.answer, gate)


def ask_of(task: Task, how: How) -> Ask:
    """Return what the server would ask at a hole."""
    place = Place(task.prompt + task.suffix, len(task.prompt), task.path)
    files = task.neighbours if how.context_share > 0 else ()
    return Ask(
        _DOCUMENT,
        place,
        multiline=how.multiline,
        max_tokens=how.max_tokens,
        layout=how.layout,
        language=how.language,
        neighbours=Neighbours(task.task_id if files else "", task.repo, files),
        context_share=how.context_share if files else 0.0,
        progressive=False,
    )


def outcomes(completer: TokenCompleter, tasks: Iterable[Task], how: How) -> Iterator[Outcome]:
    """Ask `completer` at each hole, one after another; nothing of one hole is left when the next is asked.

    Raises:
        EngineError: the engine failed.
    """
    for task in tasks:
        started = time.perf_counter()
        ask = ask_of(task, how)
        completer.forget(_DOCUMENT)  # its anchor is another task's
        completer.fill(ask, CancelToken())
        answer = completer.suggest(ask, CancelToken())
        seconds = time.perf_counter() - started
        shown = _read(task, how, answer, how.gate)
        yield Outcome(task, how, answer.text, shown, answer.joint, seconds, answer)


def _read(task: Task, how: How, answer: Answer, gate: Gate) -> Shown:
    writing = read_again(ask_of(task, how), answer, gate)
    text = writing.text
    return Shown(text, writing.joint(len(text)))


def agreement(text: str, task: Task) -> int:
    """Return how many characters of `text`, from its start, agree with what was written in the hole."""
    written = task.canonical_solution.rstrip()
    for index, (one, other) in enumerate(zip(text, written, strict=False)):
        if one != other:
            return index
    return min(len(text), len(written))


def is_exact(middle: str, task: Task) -> bool:
    """Return whether a middle is the canonical one, trailing whitespace aside."""
    return middle.rstrip() == task.canonical_solution.rstrip()
