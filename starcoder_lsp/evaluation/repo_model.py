"""What a model makes of holes in a repository, with and without context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from starcoder_lsp.completion.context import Neighbour
from starcoder_lsp.evaluation.calibration import tally
from starcoder_lsp.evaluation.outcomes import How, Outcome, is_exact, outcomes
from starcoder_lsp.evaluation.repo_recall import recalled
from starcoder_lsp.evaluation.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starcoder_lsp.completer import TokenCompleter
    from starcoder_lsp.completion.gate import Gate
    from starcoder_lsp.evaluation.repo_holes import Hole
    from starcoder_lsp.evaluation.repo_recall import Repository
    from starcoder_lsp.repository.query import Selection

__all__ = ["Asked", "ask", "figures"]

_MOST_TOKENS = 48
"""Of the rest of a line."""


@frozen
class Asked:
    """One hole, asked without context and with it."""

    hole: Hole
    context_tokens: int
    without: Outcome
    given: Outcome


def ask(completer: TokenCompleter, repository: Repository, budget: int, gate: Gate) -> Iterator[Asked]:
    """Ask a model at each hole of a repository. Raises what the engine raises."""
    completer.planner.context_least = budget  # the context has its tokens, however slow this machine is
    share = budget / completer.planner.longest(_MOST_TOKENS)
    for number, hole in enumerate(repository.holes):
        (selection,) = repository.select(hole, (budget,), completer.count)
        how = How(
            gate, multiline="never", max_tokens=_MOST_TOKENS, language=hole.language, context_share=min(1.0, share)
        )
        task = _task(repository, hole, selection, f"{repository.name}/{number}")
        (without,) = outcomes(completer, [task], evolve(how, context_share=0.0))
        (given,) = outcomes(completer, [task], how)
        yield Asked(hole, selection.tokens, without, given)


def _task(repository: Repository, hole: Hole, selection: Selection, name: str) -> Task:
    return Task(
        task_id=name,
        prompt=hole.prefix,
        suffix=hole.suffix,
        canonical_solution=hole.text[hole.start : hole.end],
        path=hole.path,
        repo=repository.name,
        neighbours=tuple(Neighbour(one.path, one.text) for one in selection.snippets),
    )


def figures(asked: Sequence[Asked]) -> dict[str, object]:
    """Return shares from 0 to 1, and characters for 100 to type: without context and with it, gate on and off.

    `names`: of the names that only another file knows, the share that the text without a gate holds.
    """
    return {
        "holes": len(asked),
        "context_tokens": round(sum(one.context_tokens for one in asked) / max(1, len(asked)), 1),
        "without_context": _side(asked, [one.without for one in asked]),
        "with_context": _side(asked, [one.given for one in asked]),
    }


def _side(asked: Sequence[Asked], found: Sequence[Outcome]) -> dict[str, object]:
    needed = sum(len(one.hole.names) for one in asked)
    written = sum(recalled(one.hole, outcome.whole) for one, outcome in zip(asked, found, strict=True))
    return {
        "exact_match": round(sum(is_exact(one.whole, one.task) for one in found) / max(1, len(found)), 4),
        "names": round(written / max(1, needed), 4),
        "gate_on": tally(found).figures(),
        "gate_off": tally(found, lambda one: one.whole).figures(),
        "seconds_per_hole": round(sum(one.seconds for one in found) / max(1, len(found)), 3),
    }
