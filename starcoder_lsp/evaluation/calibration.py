"""Does a model know when it is right? What is shown right and wrong, and whether the joint probability tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.curve import Curve, isotonic
from starcoder_lsp.completion.gate import Gate
from starcoder_lsp.evaluation.outcomes import agreement, is_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from starcoder_lsp.evaluation.outcomes import Outcome

THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Joint probabilities at which a curve is measured."""
BINS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


@frozen
class Tally:
    """What was shown at some holes.

    Attributes:
        holes: how many were asked.
        shown: at how many something was shown.
        all_right: at how many of those all of it agrees with what was written there.
        typed: characters to type, trailing blanks aside.
        right: characters shown that agree with what was written, up to the first that does not.
        wrong: all other characters shown.
    """

    holes: int
    shown: int
    all_right: int
    typed: int
    right: int
    wrong: int

    def figures(self) -> dict[str, float]:
        """Return shares from 0 to 1, and characters for 100 to type."""
        typed = max(1, self.typed)
        return {
            "shown": round(self.shown / max(1, self.holes), 4),
            "all_right": round(self.all_right / max(1, self.shown), 4),
            "right_per_100": round(100 * self.right / typed, 3),
            "wrong_per_100": round(100 * self.wrong / typed, 3),
        }


def tally(outcomes: Iterable[Outcome], text_of: Callable[[Outcome], str] = lambda one: one.shown.text) -> Tally:
    """Count what `text_of` an outcome is shown; by default what the gate of its settings shows."""
    holes = shown = all_right = typed = right = wrong = 0
    for one in outcomes:
        text = text_of(one)
        good = agreement(text, one.task)
        holes += 1
        typed += len(one.task.canonical_solution.rstrip())
        shown += bool(text)
        all_right += bool(text) and good == len(text)
        right += good
        wrong += len(text) - good
    return Tally(holes, shown, all_right, typed, right, wrong)


def curve_of(outcomes: Sequence[Outcome]) -> Curve | None:
    """Return the share of suggestions of which all is right, by threshold; None where nothing was ever shown."""
    points = []
    for threshold in THRESHOLDS:
        gate = Gate(threshold)
        one = tally(outcomes, lambda outcome, gate=gate: outcome.at(gate).text)  # type: ignore[misc]
        if one.shown:
            points.append((threshold, one.all_right / one.shown, float(one.shown)))
    return Curve(tuple(isotonic(points)), len(outcomes)) if points else None


def reliability(outcomes: Iterable[Outcome]) -> list[dict[str, float]]:
    """Return a row for each bin of the joint probability of the whole text, ungated: does it tell the share right?

    `from`, `to`: the bin; `count`: texts in it; `mean`: their mean joint probability; `right`: the share of them that
    agrees with what was written, all of it. A calibrated model has `mean` and `right` alike. Empty bins are left out.
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in BINS[1:]]
    for one in outcomes:
        if one.whole:
            index = next((i for i, top in enumerate(BINS[1:]) if one.joint <= top), len(bins) - 1)
            bins[index].append((one.joint, agreement(one.whole, one.task) == len(one.whole)))
    return [
        {
            "from": low,
            "to": high,
            "count": len(found),
            "mean": round(sum(joint for joint, _right in found) / len(found), 4),
            "right": round(sum(right for _joint, right in found) / len(found), 4),
        }
        for low, high, found in zip(BINS, BINS[1:], bins, strict=False)
        if found
    ]


def summarise(outcomes: Sequence[Outcome], passed: int | None = None) -> dict[str, object]:
    """Return the figures of a run: what the gate shows, the whole text without it, and whether the model knows.

    `passed`: how many programs passed their tests, where they were run.
    """
    count = max(1, len(outcomes))
    summary: dict[str, object] = {
        "n": len(outcomes),
        **tally(outcomes).figures(),
        "exact_match": sum(is_exact(one.whole, one.task) for one in outcomes) / count,
        "seconds_per_task": round(sum(one.seconds for one in outcomes) / count, 4),
    }
    if passed is not None:
        summary["pass_at_1"] = passed / count
    summary["reliability"] = reliability(one for one in outcomes if one.answer is not None)
    return summary
