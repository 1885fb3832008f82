"""Fills the holes of a benchmark with a model, once per task, and says how many were filled right."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from starcoder_lsp.completion.context import context_of
from starcoder_lsp.completion.continuation import Continuation
from starcoder_lsp.completion.cursor import Cursor
from starcoder_lsp.completion.prompt import Context, LayoutChoice, Place
from starcoder_lsp.completion.refine import refine
from starcoder_lsp.completion.stop import StopRules
from starcoder_lsp.engine.base import CancelToken, Token
from starcoder_lsp.suggest import Ask, Runtime

if TYPE_CHECKING:
    from starcoder_lsp.evaluation.tasks import Task


@frozen
class Filled:
    """One hole, filled.

    Attributes:
        task: which.
        raw: what the model wrote until it ended by itself, or reached the limit.
        shown: what the server would have shown of it: after its stop rules and filters.
        mean_logprob: of the tokens of `shown` (of `raw` where nothing is shown), natural log.
        ended: whether the model ended by itself.
        seconds: wall time.
    """

    task: Task
    raw: str
    shown: str
    mean_logprob: float
    ended: bool
    seconds: float


_CONTEXT_TOKENS = 1000


def fill(runtime: Runtime, task: Task, *, layout: LayoutChoice, max_tokens: int, neighbours: bool = True) -> Filled:
    """Fill one hole greedily, with the task's neighbours in the prompt if wanted. Raises what the engine raises."""
    started = time.perf_counter()
    text = task.prompt + task.suffix
    place = Place(text, len(task.prompt), task.path)
    cursor = Cursor.at(text, len(task.prompt))
    ask = Ask("eval", place, cursor, multiline=True, max_tokens=max_tokens, layout=layout, progressive=False)
    if neighbours and task.neighbours:
        ask = evolve(ask, context=_context(runtime, task))
    choice, _quick = runtime.plan(ask)
    written = Continuation(choice.prompt.begin)

    def take(token: Token) -> bool:
        return token.id in runtime.tokens.stops or not written.add(token.piece, token.logprob)

    outcome = runtime.generate(choice, max_tokens, take, CancelToken())
    raw = written.text
    kept = StopRules(cursor, multiline=cursor.wants_block).check(raw)
    shown = refine(raw if kept is None else kept, cursor)
    mean = written.mean(len(shown or raw))
    return Filled(task, raw, shown, mean, outcome.finish == "stop", time.perf_counter() - started)


def _context(runtime: Runtime, task: Task) -> Context:
    return context_of(
        task.neighbours,
        repo=task.repo,
        language="python",
        tokens=runtime.tokens,
        budget=_CONTEXT_TOKENS,
        chunks=runtime.encoder.chunks,
    )


def is_exact(middle: str, task: Task) -> bool:
    """Return whether a middle is the canonical one, trailing whitespace aside."""
    return middle.rstrip() == task.canonical_solution.rstrip()


def program(middle: str, task: Task) -> str:
    """Return the whole program with its test; a middle that was trimmed gets back its line end."""
    joint = "" if not middle or middle.endswith("\n") or task.suffix.startswith("\n") else "\n"
    call = f"\ncheck({task.entry_point})\n" if task.entry_point else "\n"
    return task.prompt + middle + joint + task.suffix + "\n" + task.test + call
