"""Draw the result of `starcoder-lsp bench keystrokes --each --json` as SVG, by hand: no library needed.

    starcoder-lsp bench keystrokes --each --json > keystrokes.json
    python benchmarks/plot_keystrokes.py keystrokes.json docs/keystrokes       writes docs/keystrokes-*.svg

The first picture shows the prompt tokens that each keystroke of each trace evaluated, on a logarithmic scale; the
second the share of suggestions that were there within a given time.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH, _HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 40, 46
_SIDES = {"ours": ("starcoder-lsp", "#0b7285"), "infill": ("llama.vim, /infill", "#c2410c")}
_TEXT = 'font-family="system-ui, sans-serif" font-size="12" fill="#495057"'


@frozen
class Scale:
    """Maps values to pixels, logarithmically or not."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high, value = (math.log10(one) if self.logarithmic else one for one in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def _svg(title: str, body: Iterable[str]) -> str:
    legend = "".join(
        f'<circle cx="{_LEFT + 6 + 170 * index}" cy="30" r="4" fill="{colour}"/>'
        f'<text x="{_LEFT + 16 + 170 * index}" y="34" {_TEXT}>{name}</text>'
        for index, (name, colour) in enumerate(_SIDES.values())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n'
        f'<text x="{_LEFT}" y="17" {_TEXT} font-weight="600">{title}</text>\n{legend}\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _grid(scale: Scale, ticks: Sequence[float], label: str) -> list[str]:
    lines = []
    for tick in ticks:
        y = scale.at(tick)
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e9ecef"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" {_TEXT}>{tick:g}</text>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    lines.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle" {_TEXT}>{label}</text>')
    return lines


def tokens(result: dict[str, Any]) -> str:
    """Draw the tokens of each keystroke, trace beside trace."""
    traces = result["by_trace"]
    counts = {
        name: max(len(sides[side]["by_key"]) for side in sides if side in _SIDES) for name, sides in traces.items()
    }
    most = max(max(sides[side]["by_key"], default=1) for sides in traces.values() for side in sides if side in _SIDES)
    x = Scale(0, sum(counts.values()), _LEFT, _WIDTH - _RIGHT)
    y = Scale(0.5, max(10, most) * 1.3, _HEIGHT - _BOTTOM, _TOP, logarithmic=True)
    ticks = [10.0**power for power in range(6) if 10**power <= y.high]
    body = _grid(y, ticks, "prompt tokens evaluated")
    at = 0
    for name, sides in traces.items():
        left = x.at(at)
        body.append(f'<line x1="{left:.1f}" x2="{left:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#dee2e6"/>')
        body.append(f'<text x="{left + 3:.1f}" y="{_HEIGHT - _BOTTOM + 16}" {_TEXT}>{name[:2]}</text>')
        for side in ("infill", "ours"):
            dots = "".join(
                f"M{x.at(at + index):.1f} {y.at(max(0.6, value)):.0f}h0"
                for index, value in enumerate(sides.get(side, {}).get("by_key", ()))
            )
            body.append(f'<path d="{dots}" stroke="{_SIDES[side][1]}" stroke-width="2.6" stroke-linecap="round"/>')
        at += counts[name]
    body.append(f'<text x="{_LEFT}" y="{_HEIGHT - 10}" {_TEXT}>keystrokes, trace by trace (0 is drawn below 1)</text>')
    return _svg(f"Prompt tokens evaluated for each keystroke, {result['model']}", body)


def waits(result: dict[str, Any]) -> str:
    """Draw the share of rests at which the answer was there after so many ms."""
    by_side = {
        side: sorted(wait for sides in result["by_trace"].values() for wait in sides.get(side, {}).get("waits_ms", ()))
        for side in _SIDES
    }
    most = max((values[-1] for values in by_side.values() if values), default=1.0)
    x = Scale(1, max(10.0, most) * 1.1, _LEFT, _WIDTH - _RIGHT, logarithmic=True)
    y = Scale(0, 100, _HEIGHT - _BOTTOM, _TOP)
    body = _grid(y, (0, 25, 50, 75, 100), "% of rests")
    for power in range(6):
        if 10**power <= x.high:
            at = x.at(10**power)
            body.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#e9ecef"/>')
            body.append(
                f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle" {_TEXT}>{10**power:,}</text>'
            )
    for side, values in by_side.items():
        points = [(x.at(max(1.0, wait)), y.at(100 * (index + 1) / len(values))) for index, wait in enumerate(values)]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        body.append(f'<polyline points="{path}" fill="none" stroke="{_SIDES[side][1]}" stroke-width="2"/>')
    body.append(f'<text x="{_LEFT}" y="{_HEIGHT - 10}" {_TEXT}>ms from the last keystroke to the answer</text>')
    return _svg(f"From the last keystroke to the answer, {result['model']}", body)


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, metavar="JSON", help="what `bench keystrokes --each --json` printed")
    parser.add_argument("out", metavar="STEM", help="the pictures are STEM-tokens.svg and STEM-waits.svg")
    arguments = parser.parse_args()
    result = json.loads(arguments.result.read_text(encoding="utf-8"))
    if "by_trace" not in result:
        parser.error("this result has no single traces: run the benchmark with --each")
    for name, picture in (("tokens", tokens(result)), ("waits", waits(result))):
        path = Path(f"{arguments.out}-{name}.svg")
        path.write_text(picture, encoding="utf-8", newline="\n")
        print(path)


if __name__ == "__main__":
    main()
