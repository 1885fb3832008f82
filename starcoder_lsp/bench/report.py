"""A comparison as one JSON object, and as a table for people."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.bench.tally import Tally


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of the values do not exceed (nearest rank); None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float | None:
    """Return the median; None of nothing."""
    return statistics.median(values) if values else None


def side(tally: Tally, wasted: int) -> dict[str, Any]:
    """Return one side of the comparison; tokens are whole prompts' tokens, times are ms."""
    return {
        "evaluated": {
            "median": median(tally.by_key),
            "p95": quantile(tally.by_key, 0.95),
            "total": sum(tally.by_key),
        },
        "to_suggestion_ms": {
            "median": _rounded(median(tally.waits_ms)),
            "p95": _rounded(quantile(tally.waits_ms, 0.95)),
        },
        "wasted_tokens": wasted,
        "generated_tokens": tally.generated,
        "keystrokes": len(tally.by_key),
        "suggestions": {"waited_for": len(tally.waits_ms) + len(tally.opening_ms), "none": tally.without},
        "opening": {
            "evaluated": sum(tally.opening),
            "to_suggestion_ms": _rounded(median(tally.opening_ms)),
        },
        "prompt": {
            "tokens": median([one.tokens for one in tally.prompts]),
            "before": median([one.before for one in tally.prompts]),
            "after": median([one.after for one in tally.prompts]),
        },
    }


def details(tally: Tally) -> dict[str, Any]:
    """Return each keystroke's and each opening's tokens, and each rest's wait, in order, for plots."""
    waits = [round(wait, 1) for wait in tally.waits_ms]
    return {"by_key": tally.by_key, "by_opening": tally.opening, "waits_ms": waits}


def ratio(ours: dict[str, Any], infill: dict[str, Any]) -> dict[str, float | None]:
    """Return how many times more the peer needs. A median of 0 tokens counts as 1: no ratio is infinite."""
    return {
        "evaluated_median": _over(infill["evaluated"]["median"], ours["evaluated"]["median"], least=1),
        "evaluated_total": _over(infill["evaluated"]["total"], ours["evaluated"]["total"], least=1),
        "to_suggestion_median": _over(
            infill["to_suggestion_ms"]["median"], ours["to_suggestion_ms"]["median"], least=0.1
        ),
    }


def _over(many: float | None, few: float | None, *, least: float) -> float | None:
    return None if many is None or few is None else round(many / max(few, least), 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


_ROWS = (
    ("prompt tokens evaluated per keystroke, median", "evaluated", "median"),
    ("  95 of 100 keystrokes at most", "evaluated", "p95"),
    ("  all keystrokes together", "evaluated", "total"),
    ("last keystroke to suggestion, median, ms", "to_suggestion_ms", "median"),
    ("  95 of 100 at most, ms", "to_suggestion_ms", "p95"),
    ("tokens generated", "generated_tokens", None),
    ("  and thrown away", "wasted_tokens", None),
    ("opening the files: prompt tokens", "opening", "evaluated"),
    ("  to the first suggestion, median, ms", "opening", "to_suggestion_ms"),
    ("prompt, median tokens", "prompt", "tokens"),
    ("  of text before the cursor", "prompt", "before"),
    ("  of text behind it", "prompt", "after"),
)


def table(report: dict[str, Any]) -> Table:
    """Return a report for people."""
    names = [name for name in ("ours", "infill") if name in report]
    shown = Table("", *[_HEADINGS[name] for name in names], title=_title(report), title_justify="left", box=None)
    for column in shown.columns[1:]:
        column.justify = "right"
    for label, part, item in _ROWS:
        cells = [report[name][part] if item is None else report[name][part][item] for name in names]
        shown.add_row(label, *["-" if cell is None else f"{cell:,.10g}" for cell in cells])
    if "ratio" in report:
        shown.add_section()
        for label, item in (("median", "evaluated_median"), ("total", "evaluated_total")):
            shown.add_row(f"times more tokens evaluated, {label}", "", _times(report["ratio"][item]))
        shown.add_row("times longer to the suggestion, median", "", _times(report["ratio"]["to_suggestion_median"]))
    return shown


_HEADINGS = {"ours": "starcoder-lsp", "infill": "llama.vim, /infill"}


def _title(report: dict[str, Any]) -> str:
    keys = next(report[name]["keystrokes"] for name in ("ours", "infill") if name in report)
    decode, prefill = report["threads"]
    traces = f"{len(report['traces'])} traces" if len(report["traces"]) > 1 else "1 trace"
    return f"{report['model']}, {traces}, {keys} keystrokes, threads: {decode} decoding, {prefill} reading prompts"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
