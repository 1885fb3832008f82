"""One HTML file for people: tables and plots, no script, nothing fetched; light or dark as the reader has it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bar", "bars", "page", "table"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --soft: #59636e; --line: #d1d9e0; --good: #1a7f37;
  --bad: #cf222e; --other: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9198a1; --line: #3d444d;
  --good: #3fb950; --bad: #f85149; --other: #4493f8; } }
body { color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.note, figcaption { color: var(--soft); font-size: .9rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; }
figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.good { fill: var(--good); } .bad { fill: var(--bad); } .other { fill: var(--other); }
.axis { stroke: var(--line); } .whisker { stroke: var(--ink); stroke-width: 1.5; }
"""


@frozen
class Bar:
    """One bar of a plot: a value, and where its interval is known its ends."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    kind: str = "other"
    """`good`, `bad` or `other`: its colour."""


def page(title: str, parts: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return the whole file. `parts` are HTML, `notes` and the title plain text."""
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
    view = '<meta name=viewport content="width=device-width"><meta http-equiv=Content-Security-Policy '
    view += "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    said = "".join(f"<p class=note>{escape(note)}</p>" for note in notes)
    body = "\n".join(parts)
    return f"{head}{view}<style>{_STYLE}</style><body><h1>{escape(title)}</h1>{said}\n{body}\n</body></html>\n"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a heading; texts are plain."""
    head = "".join(f"<th>{escape(one)}</th>" for one in columns)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(one)}</td>' for one in row)}</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def bars(title: str, found: Sequence[Bar], unit: str, note: str = "") -> str:
    """Return a plot of lying bars, one a row, with whiskers where an interval is known. `unit` stands behind values."""
    if not found:
        return ""
    names = 9 * max(len(one.name) for one in found) if len(found) else 0
    left, width, row = min(260, max(60, names)), 480, 22
    most = max([one.value for one in found] + [one.interval[1] for one in found if one.interval]) or 1.0
    scale = width / most
    drawn = []
    for index, one in enumerate(found):
        y = index * row + 4
        length = max(0.0, one.value) * scale
        end = max(length, one.interval[1] * scale if one.interval else 0.0)
        name = one.name if len(one.name) * 7 <= left else one.name[: left // 7 - 1] + "…"
        drawn.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        drawn.append(f'<rect class="{one.kind}" x="{left}" y="{y}" width="{length:.1f}" height="{row - 7}" rx="2"/>')
        if one.interval:
            low, high = (left + max(0.0, end_) * scale for end_ in one.interval)
            middle = y + (row - 7) / 2
            drawn.append(f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>')
        drawn.append(f'<text x="{left + end + 6:.1f}" y="{y + 12}">{_short(one.value)}{escape(unit)}</text>')
    height = len(found) * row + 6
    axis = f'<line class="axis" x1="{left}" x2="{left}" y1="0" y2="{height}"/>'
    across = left + width + 90
    drawn.insert(0, axis)
    svg = f'<svg role="img" viewBox="0 0 {across} {height}" width="{across}">{"".join(drawn)}</svg>'
    caption = f"<figcaption>{escape(note)}</figcaption>" if note else ""
    return f"<h2>{escape(title)}</h2><figure>{svg}{caption}</figure>"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004 - enough digits
