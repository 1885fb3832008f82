"""The loss curve of a training log as SVG, without a plotting library.

python training/plot.py --log training/.data/nano/log.jsonl --out docs/nano-loss.svg
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["curve"]

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 360, 56, 44, 28, 16
Point = tuple[float, float]


def smooth(points: Sequence[Point], weight: float = 0.95) -> list[Point]:
    """Exponential running average of the second coordinate, corrected for its start."""
    total = norm = 0.0
    result = []
    for x, y in points:
        total, norm = weight * total + (1 - weight) * y, weight * norm + (1 - weight)
        result.append((x, total / norm))
    return result


def _line(points: Sequence[Point], place: Callable[[Point], Point], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, points))
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>'


def curve(log: Path) -> str:
    """Training loss (running average) and held-out loss over millions of tokens."""
    entries = {e["seen"]: e for e in map(json.loads, log.read_text("utf-8").splitlines())}  # a resumed step counts once
    ordered = [entries[seen] for seen in sorted(entries)]
    training = smooth([(e["seen"] / 1e6, e["loss"]) for e in ordered])
    training = training[:: max(1, len(training) // 400)]
    held_out = [(e["seen"] / 1e6, e["held_out"]) for e in ordered if "held_out" in e]
    last = max(x for x, _ in training)
    low = int(min(y for _, y in training + held_out))
    high = 1 + int(max(y for _, y in training))

    def place(point: Point) -> Point:
        x, y = point
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * x / last,
            TOP + (HEIGHT - TOP - BOTTOM) * (high - y) / (high - low),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for level in range(low, high + 1):
        x, y = place((0, level))
        parts.append(f'<line x1="{x}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4:.1f}" text-anchor="end">{level}</text>')
    for tick in range(6):
        x, y = place((last * tick / 5, low))
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{last * tick / 5:.1f}</text>')
    parts += [
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">million tokens seen</text>',
        f'<text x="{LEFT}" y="16">loss, nats per token:</text>',
        f'<text x="{LEFT + 150}" y="16" fill="#1f77b4">training (running average)</text>',
        f'<text x="{LEFT + 330}" y="16" fill="#d62728">held-out packages</text>',
        _line(training, place, "#1f77b4"),
        _line(held_out, place, "#d62728"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.write_text(curve(options.log), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
