"""A fleet's figures as one JSON object, and as a table for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from starcoder_lsp.bench.report import quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.bench.fleet.counters import Counters
    from starcoder_lsp.bench.fleet.people import Figures


def one_side(
    figures: Figures,
    seconds: float,
    *,
    sent: Sequence[int],
    counts: Sequence[Counters | None],
    requests: int,
    opened_s: float,
) -> dict[str, Any]:
    """Return the figures of one side.

    `sent`: prompt tokens sent until all files were open, and until the end; `counts`: the server's counters before,
    between and after.
    """
    before, between, after = counts
    opened = between - before if before is not None and between is not None else None
    worked = after - between if between is not None and after is not None else None
    computed = None if worked is None else worked.computed
    tokens = sent[1] - sent[0]
    return {
        "keystrokes": figures.keys,
        "asked": figures.asked,
        "answered": len(figures.latency_ms),
        "too_late": figures.late,
        "failed": figures.failed,
        "failure": str(figures.failure) if figures.failure else None,
        "requests": requests,
        "suggestions_per_s": round(len(figures.latency_ms) / seconds, 2),
        "latency_ms": {
            name: _rounded(quantile(figures.latency_ms, share))
            for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "prompt_tokens": {
            "sent": tokens,
            "computed": _whole(computed),
            "sent_per_key": _per(tokens, figures.keys),
            "computed_per_key": _per(computed, figures.keys),
        },
        "generated_tokens": None if worked is None else round(worked.generated),
        "opening": {
            "seconds": round(opened_s, 1),
            "sent": sent[0],
            "computed": None if opened is None else round(opened.computed),
        },
        "behind_ms_p95": _rounded(quantile(figures.behind_ms, 0.95)),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _per(tokens: float | None, keys: int) -> float | None:
    return None if tokens is None or not keys else round(tokens / keys, 1)


_ROWS: Final = (
    ("keystrokes", ("keystrokes",)),
    ("questions asked", ("asked",)),
    ("  answered before the next key", ("answered",)),
    ("  too late", ("too_late",)),
    ("  failed", ("failed",)),
    ("suggestions a second", ("suggestions_per_s",)),
    ("ms to the whole suggestion, median", ("latency_ms", "median")),
    ("  95 of 100 at most", ("latency_ms", "p95")),
    ("  99 of 100 at most", ("latency_ms", "p99")),
    ("prompt tokens sent", ("prompt_tokens", "sent")),
    ("  computed by the server", ("prompt_tokens", "computed")),
    ("  computed for each keystroke", ("prompt_tokens", "computed_per_key")),
    ("tokens generated", ("generated_tokens",)),
    ("opening the files: tokens computed", ("opening", "computed")),
    ("  seconds until all were served", ("opening", "seconds")),
    ("ms late for a key, 95 of 100", ("behind_ms_p95",)),
)


def table(result: dict[str, Any]) -> Table:
    """Return a report for people."""
    people = "1 person" if result["users"] == 1 else f"{result['users']} people"
    title = f"{result['model']}, {people}, {result['seconds']:g} s of typing each side"
    shown = Table("", *result["sides"], title=title, title_justify="left", box=None)
    for column in shown.columns[1:]:
        column.justify = "right"
    for label, path in _ROWS:
        shown.add_row(label, *(_cell(side, path) for side in result["sides"].values()))
    failures = {name: side["failure"] for name, side in result["sides"].items() if side["failure"]}
    shown.caption = "\n".join(f"{name}: {failure}" for name, failure in failures.items()) or None
    return shown


def _cell(side: dict[str, Any], path: Sequence[str]) -> str:
    value: Any = side
    for name in path:
        value = value[name]
    return "-" if value is None else f"{value:,.10g}"
