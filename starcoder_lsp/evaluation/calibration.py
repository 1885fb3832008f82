"""Does a model know when it is right? Precision and share of what a display threshold would let through."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

THRESHOLDS = (-2.0, -1.5, -1.0, -0.8, -0.6, -0.5, -0.4, -0.3, -0.2, -0.15, -0.1, -0.05)
"""Mean log-probabilities, in nats a token."""


class Judged(NamedTuple):
    """One task's suggestion: whether there was one, whether it was exact, and its mean log-probability."""

    suggested: bool
    exact: bool
    mean_logprob: float


def calibration(judged: Iterable[Judged]) -> list[dict[str, float]]:
    """Return a row for each threshold: `threshold`, `shown` (of all tasks) and `precision` (of the shown ones), 0 to 1.

    Thresholds that let nothing through are left out.
    """
    tasks = list(judged)
    table = []
    for threshold in THRESHOLDS:
        shown = [one for one in tasks if one.suggested and one.mean_logprob >= threshold]
        if shown:
            precision = sum(one.exact for one in shown) / len(shown)
            share = len(shown) / len(tasks)
            table.append({"threshold": threshold, "shown": round(share, 4), "precision": round(precision, 4)})
    return table
