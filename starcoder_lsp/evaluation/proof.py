"""From places that were asked at to figures with intervals: by model, context and setting of the gate. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from starcoder_lsp.completer.writing import read_again
from starcoder_lsp.evaluation.outcomes import agreement, ask_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from starcoder_lsp.completion.gate import Gate
    from starcoder_lsp.evaluation.outcomes import Outcome
    from starcoder_lsp.evaluation.replay import Spot

__all__ = ["Asked", "Figures", "Interval", "Seen", "difference", "figures", "groups", "judge"]

Interval = tuple[float, float]

_DRAWS = 1_000
_LEVEL = 0.95
_SEED = 1


@frozen
class Seen:
    """What one setting of the gate shows at a place: characters that agree with what was typed and that do not.

    Attributes:
        right: up to the first that does not agree.
        wrong: the others.
        line: whether all of what is shown is right, and it is at least the rest of the line.
        tokens: decoded until the suggestion ended.
        ms: from the pause in typing to the suggestion; what can be evaluated while typing is.
    """

    right: int
    wrong: int
    line: bool
    tokens: int
    ms: float


@frozen
class Asked:
    """One place, asked by one model: with or without context, and what each setting of the gate shows."""

    commit: str
    language: str
    folder: str
    typed: int
    prompt: int
    """Tokens of the prompt, those of the context included."""
    context: int
    """Tokens of the context."""
    seen: Mapping[str, Seen]


@frozen
class Figures:
    """Of some places. Shares are from 0 to 1; intervals are 95 % of resampled commits.

    Attributes:
        places: how many.
        commits: of how many commits.
        saved: characters shown that agree with what was typed, for 100 to type.
        wrong: all other characters shown, for 100 to type.
        shown: share of places at which something was shown.
        right: of those, the share at which all of it is right.
        lines: share of places at which the rest of the line, or more, was shown and all right.
        ms: median time to the suggestion.
        tokens: mean tokens decoded.
        prompt: mean tokens of the prompt.
    """

    places: int
    commits: int
    saved: float
    saved_interval: Interval
    wrong: float
    wrong_interval: Interval
    shown: float
    right: float
    lines: float
    ms: float
    tokens: float
    prompt: float

    def as_json(self) -> dict[str, object]:
        """Return the figures under the names of `prove --json`."""
        return {
            "places": self.places,
            "commits": self.commits,
            "saved_per_100": round(self.saved, 2),
            "saved_interval": [round(one, 2) for one in self.saved_interval],
            "wrong_per_100": round(self.wrong, 2),
            "wrong_interval": [round(one, 2) for one in self.wrong_interval],
            "shown": round(self.shown, 4),
            "all_right": round(self.right, 4),
            "exact_lines": round(self.lines, 4),
            "latency_ms": round(self.ms, 1),
            "tokens": round(self.tokens, 2),
            "prompt_tokens": round(self.prompt, 1),
        }


def judge(spot: Spot, outcome: Outcome, gates: Mapping[str, Gate]) -> Asked:
    """Return what each gate shows at a place that was asked."""
    answer = outcome.answer
    assert answer is not None  # noqa: S101 - a model was asked
    seen = {}
    for name, gate in gates.items():
        writing = read_again(ask_of(outcome.task, outcome.how), answer, gate)
        text, tokens = writing.text, len(writing.tokens)
        right = agreement(text, outcome.task)
        decoded = answer.timings.decode * tokens / max(1, len(answer.tokens))
        whole_line = right == len(text) and len(text.rstrip()) >= spot.typed
        seen[name] = Seen(right, len(text) - right, whole_line, tokens, answer.timings.prefill + decoded)
    prompt = len(answer.prompt.ids) if answer.prompt else 0
    context = len(answer.prompt.context.ids) if answer.prompt else 0
    return Asked(spot.commit.id, spot.language, spot.folder, spot.typed, prompt, context, seen)


def figures(asked: Sequence[Asked], setting: str) -> Figures:
    """Return the figures of some places at one setting of the gate. Raises ValueError for none."""
    if not asked:
        raise ValueError("no place was asked at")
    seen = [one.seen[setting] for one in asked]
    sums = _by_commit(asked, lambda one: (one.typed, one.seen[setting].right, one.seen[setting].wrong))
    typed, right, wrong = sums.sum(axis=0)
    draws = _resampled(sums)
    shown = [one for one in seen if one.right + one.wrong]
    return Figures(
        places=len(asked),
        commits=len(sums),
        saved=100 * right / typed,
        saved_interval=_interval(100 * draws[:, 1] / draws[:, 0]),
        wrong=100 * wrong / typed,
        wrong_interval=_interval(100 * draws[:, 2] / draws[:, 0]),
        shown=len(shown) / len(seen),
        right=sum(not one.wrong for one in shown) / max(1, len(shown)),
        lines=sum(one.line for one in seen) / len(seen),
        ms=median(one.ms for one in seen),
        tokens=sum(one.tokens for one in seen) / len(seen),
        prompt=sum(one.prompt for one in asked) / len(asked),
    )


def difference(first: Sequence[Asked], second: Sequence[Asked], setting: str) -> tuple[float, Interval]:
    """Return how many characters more `second` saves than `first` at the same places, for 100 to type.

    Raises:
        ValueError: they are not the same places, or none.
    """
    pairs = list(zip(first, second, strict=True))
    if not pairs or any((one.commit, one.typed) != (other.commit, other.typed) for one, other in pairs):
        raise ValueError("these are not the same places")
    more = {id(one): other.seen[setting].right - one.seen[setting].right for one, other in pairs}
    sums = _by_commit(first, lambda one: (one.typed, more[id(one)]))
    typed, saved = sums.sum(axis=0)
    draws = _resampled(sums)
    return 100 * saved / typed, _interval(100 * draws[:, 1] / draws[:, 0])


def groups(asked: Iterable[Asked], name: Callable[[Asked], str]) -> dict[str, list[Asked]]:
    """Return places by a name, the largest group first."""
    found: dict[str, list[Asked]] = {}
    for one in asked:
        found.setdefault(name(one), []).append(one)
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))


def _by_commit(
    asked: Iterable[Asked], row: Callable[[Asked], tuple[float, ...]]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the sums of rows of numbers, one row a commit."""
    sums: dict[str, list[float]] = {}
    for one in asked:
        numbers = row(one)
        kept = sums.setdefault(one.commit, [0.0] * len(numbers))
        for index, number in enumerate(numbers):
            kept[index] += number
    return np.array(list(sums.values()))


def _resampled(
    sums: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return sums of as many commits drawn with replacement, one row a draw: lines of a commit go together."""
    drawn = np.random.default_rng(_SEED).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), _DRAWS)
    return drawn @ sums


def _interval(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Interval:
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)
