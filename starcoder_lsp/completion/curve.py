"""How often a model is right, by the threshold of the gate: measured on holes, read by the knob `confidence`.

A point (t, p): with a gate at t, a share p of the suggestions that are shown is right, all of it. It rises with t;
where counts are small it may not, and is pooled until it does (isotonic regression, pool adjacent violators: Ayer et
al. 1955).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Level = Literal["bold", "balanced", "careful"]

LEVELS: tuple[Level, ...] = ("bold", "balanced", "careful")
WRONG: Mapping[Level, float] = {"bold": 1 / 3, "balanced": 1 / 5, "careful": 1 / 10}
"""About which share of the suggestions that are shown may have something wrong."""
_FLOOR, _CEILING = 0.02, 0.98
"""A knob never shows everything, nor nothing, however good or bad a model was measured to be."""
_LEAST_NUMBERS = 3
_MOST_HOLES = 10**9


@frozen
class Curve:
    """Points (threshold, share right), both ascending, and on how many holes they were measured (0: not measured)."""

    points: tuple[tuple[float, float], ...]
    holes: int = 0

    def numbers(self) -> list[float]:
        """Return it as numbers for a file: holes, then thresholds and shares in turn."""
        return [float(self.holes), *(round(value, 4) for point in self.points for value in point)]

    def precision(self, threshold: float) -> float:
        """Return the share of what is shown that is right at a threshold, interpolated."""
        first, last = self.points[0], self.points[-1]
        if threshold <= first[0]:
            return first[1]
        for (low, below), (high, above) in pairwise(self.points):
            if threshold <= high:
                return below + (above - below) * (threshold - low) / (high - low)
        return last[1]

    def threshold(self, level: Level) -> float:
        """Return the least threshold at which no more is wrong than a level of the knob allows."""
        wanted = 1 - WRONG[level]
        if self.points[0][1] >= wanted:
            return max(_FLOOR, self.points[0][0])
        for (low, below), (high, above) in pairwise(self.points):
            if above >= wanted:
                return min(_CEILING, max(_FLOOR, low + (high - low) * (wanted - below) / (above - below)))
        return _CEILING


DEFAULT = Curve(((0.1, 0.41), (0.2, 0.5), (0.3, 0.6), (0.4, 0.68), (0.5, 0.74), (0.6, 0.8), (0.7, 0.86), (0.9, 0.945)))
"""For models that were not measured."""


def isotonic(points: Iterable[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """Return (x, y) with y ascending, as near to the given (x, y, weight) as weighted least squares can be."""
    pools: list[tuple[list[float], float, float]] = []  # xs, weighted sum, weight
    for x, y, weight in sorted(points):
        xs, total, weights = [x], y * weight, weight
        while pools and pools[-1][1] * weights >= total * pools[-1][2]:
            above = pools.pop()
            xs, total, weights = above[0] + xs, total + above[1], weights + above[2]
        pools.append((xs, total, weights))
    return [(x, total / weights) for xs, total, weights in pools for x in xs]


def checked(numbers: object) -> Curve | None:
    """Return the curve that `Curve.numbers` made these numbers of; None for anything else."""
    if not isinstance(numbers, Sequence) or isinstance(numbers, (str, bytes)) or len(numbers) < _LEAST_NUMBERS:
        return None
    if not all(isinstance(one, (int, float)) and 0 <= one <= _MOST_HOLES for one in numbers):
        return None
    points = list(zip(numbers[1::2], numbers[2::2], strict=False))
    rises = all(low < high and below <= above for (low, below), (high, above) in pairwise(points))
    if len(numbers) % 2 == 0 or not rises or points[-1][0] > 1 or points[-1][1] > 1:
        return None
    return Curve(tuple((float(t), float(p)) for t, p in points), int(numbers[0]))
