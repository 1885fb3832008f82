"""What `prove` found, as one JSON object, as tables for people, and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from starcoder_lsp.evaluation.proof import difference, figures, groups
from starcoder_lsp.page import Bar, bars, page, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from starcoder_lsp.commands.prove import Run
    from starcoder_lsp.evaluation.proof import Asked

_COLUMNS = ("saved", "wrong", "shown", "right", "lines", "wait", "tokens")
_MEANING = (
    "Saved and wrong: characters shown that were, and were not, typed next, for 100 to type up to the line's end; in "
    "brackets what 95 of 100 redrawn samples of commits give. Lines: the whole rest of the line was right."
)
_FEW = 20
"""Places; a group of fewer says nothing by itself."""


def report(runs: Sequence[Run], facts: dict[str, Any]) -> dict[str, Any]:
    """Return all figures: `runs` by model and context with their `levels`, `by_language`, `by_folder`; comparisons.

    `facts`: what was replayed; `confidence` among them is the setting at which groups and comparisons are given.
    """
    setting = str(facts["confidence"])
    rows = []
    for run in runs:
        for with_context, asked in run.asked.items():
            rows.append(
                {
                    "model": run.model,
                    "context": with_context,
                    "context_tokens": round(sum(one.context for one in asked) / len(asked), 1),
                    "levels": {name: figures(asked, name).as_json() for name in asked[0].seen},
                    "by_language": _by(asked, setting, "language"),
                    "by_folder": _by(asked, setting, "folder"),
                }
            )
    return {**facts, "runs": rows, "context_brings": _context(runs, setting), "models_differ": _models(runs, setting)}


def _by(asked: Sequence[Asked], setting: str, name: str) -> dict[str, dict[str, object]]:
    found = groups(asked, lambda one: getattr(one, name))
    return {key or ".": figures(part, setting).as_json() for key, part in found.items()}


def _context(runs: Sequence[Run], setting: str) -> list[dict[str, object]]:
    """How many characters more are saved with context, at the same places."""
    found = []
    for run in runs:
        if len(run.asked) == 2:  # noqa: PLR2004 - with and without
            more, interval = difference(run.asked[False], run.asked[True], setting)
            found.append({"model": run.model, **_more(more, interval)})
    return found


def _models(runs: Sequence[Run], setting: str) -> list[dict[str, object]]:
    """How many characters more each other model saves than the first, at the places that both were asked at."""
    found = []
    first, *others = runs
    kind = next(iter(first.asked))
    for other in others:
        count = min(len(first.asked[kind]), len(other.asked[kind]))
        more, interval = difference(first.asked[kind][:count], other.asked[kind][:count], setting)
        found.append({"model": other.model, "than": first.model, "places": count, **_more(more, interval)})
    return found


def _more(more: float, interval: tuple[float, float]) -> dict[str, object]:
    return {"saved_per_100": round(more, 2), "saved_interval": [round(one, 2) for one in interval]}


def _name(run: dict[str, Any]) -> str:
    return f"{run['model']}, {'with context' if run['context'] else 'alone'}"


def _value(one: dict[str, Any], name: str) -> str:
    low, high = one[f"{name}_interval"]
    return f"{one[f'{name}_per_100']:.1f} ({low:.1f}-{high:.1f})"


def _cells(one: dict[str, Any]) -> list[str]:
    return [
        _value(one, "saved"),
        _value(one, "wrong"),
        f"{one['shown']:.0%}",
        f"{one['all_right']:.0%}",
        f"{one['exact_lines']:.0%}",
        f"{one['latency_ms']:.0f} ms",
        f"{one['tokens']:.1f}",
    ]


def _sentences(told: dict[str, Any]) -> list[str]:
    lines = []
    for one in told["context_brings"]:
        low, high = one["saved_interval"]
        lines.append(
            f"{one['model']}: the context of other files brings {one['saved_per_100']:+.1f} characters of 100 "
            f"({low:+.1f} to {high:+.1f}), at {told['confidence']}."
        )
    for one in told["models_differ"]:
        low, high = one["saved_interval"]
        lines.append(
            f"{one['model']} saves {one['saved_per_100']:+.1f} characters of 100 ({low:+.1f} to {high:+.1f}) more than "
            f"{one['than']}, at {one['places']} places, at {told['confidence']}."
        )
    return lines


def _groups(told: dict[str, Any]) -> list[tuple[str, list[list[str]]]]:
    """Return a title and rows for each group of the first run, which has context where any has."""
    run = told["runs"][0]
    found = []
    for title, name in (("language", "by_language"), ("folder", "by_folder")):
        rows = [[key, str(one["places"]), *_cells(one)] for key, one in run[name].items() if one["places"] >= _FEW]
        if len(run[name]) > 1 and rows:
            found.append((title, rows))
    return found


def _head(told: dict[str, Any]) -> list[str]:
    asked = max(one["places"] for run in told["runs"] for one in run["levels"].values())
    early = f"; stopped early, of {told['places']}" if told["stopped"] else ""
    replayed = f"{told['folder']}: {told['commits']} commits up to {told['until'][:10]}"
    return [f"{replayed}, {asked} places where typing stopped{early}.", _MEANING]


def printed(told: dict[str, Any], console: Console) -> None:
    """Print it for people."""
    for line in _head(told):
        console.print(line, soft_wrap=True, markup=False)
    for run in told["runs"]:
        shown = _table(_name(run), "confidence")
        for level, one in run["levels"].items():
            shown.add_row(level, *_cells(one))
        console.print()
        console.print(shown)
    console.print()
    for line in _sentences(told):
        console.print(line, soft_wrap=True, markup=False)
    for title, rows in _groups(told):
        shown = _table(f"{_name(told['runs'][0])}, {told['confidence']}", title, "places")
        for row in rows:
            shown.add_row(*row)
        console.print()
        console.print(shown)


def _table(title: str, *first: str) -> Table:
    found = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in (*first, *_COLUMNS):
        found.add_column(column, justify="left" if column == first[0] else "right", no_wrap=True)
    return found


def proof_page(told: dict[str, Any]) -> str:
    """Return it as one HTML file."""
    parts = []
    for title, value, kind in (("Characters saved", "saved", "good"), ("Characters wrong", "wrong", "bad")):
        found = [
            Bar(f"{_name(run)}, {level}", one[f"{value}_per_100"], tuple(one[f"{value}_interval"]), kind)
            for run in told["runs"]
            for level, one in run["levels"].items()
        ]
        parts.append(bars(f"{title}, for 100 to type", found, ""))
    for run in told["runs"]:
        rows = [[level, *_cells(one)] for level, one in run["levels"].items()]
        parts.append(table(_name(run), ("confidence", *_COLUMNS), rows))
    first = told["runs"][0]
    for title, rows in _groups(told):
        found = [
            Bar(key, one["saved_per_100"], tuple(one["saved_interval"]), "good")
            for key, one in first[f"by_{title}"].items()
            if one["places"] >= _FEW
        ]
        parts.append(table(f"By {title}: {_name(first)}, {told['confidence']}", (title, "places", *_COLUMNS), rows))
        parts.append(bars(f"Characters saved, by {title}", found, ""))
    notes = [*_head(told), *_sentences(told), "Nothing was written into the repository, and nothing left the machine."]
    return page(f"What suggestions would have saved in {told['folder']}", parts, notes)
