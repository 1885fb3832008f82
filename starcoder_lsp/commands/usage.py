"""Show what became of suggestions on this machine: shown, accepted, still there five minutes later.

  starcoder-lsp usage                   the last 30 days, by language, model and day
  starcoder-lsp usage --days 1          today
  starcoder-lsp usage --html usage.html one page with plots
  starcoder-lsp usage --clear           delete all of it

Counts and times only: no text of yours, no file names, and nothing leaves the machine. The setting usage.enabled turns
counting off. docs/usage.md says what each figure means.
"""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from starcoder_lsp.errors import ConfigError
from starcoder_lsp.page import Bar, bars, page, table
from starcoder_lsp.usage.store import Store, Unusable, database, read
from starcoder_lsp.usage.summary import in_short, since_days, summarise

if TYPE_CHECKING:
    import argparse

    from starcoder_lsp.usage.summary import Figures, Summary

_COLUMNS = ("shown", "accepted", "share", "characters", "5 min later", "first piece")
_DAYS = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--days", type=int, metavar="N", default=_DAYS, help="today and the days before (default 30)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots there")
    parser.add_argument("--clear", action="store_true", help="delete all counts of this user")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    path = database()
    if arguments.clear:
        print(_clear(path))
        return 0
    if not 1 <= arguments.days <= 10_000:  # noqa: PLR2004 - said in the message
        raise ConfigError(f"--days must be from 1 to 10000, not {arguments.days}.")
    summary = summarise(read(path, since_days(arguments.days, time.time())))
    if arguments.html is not None:
        _write(arguments.html, _page(summary, arguments.days))
    if arguments.json:
        print(json.dumps({"days": arguments.days, "file": str(path), **summary.as_json()}, indent=2))
    elif arguments.html is None:
        _print(summary, arguments.days)
    return 0


def _clear(path: Path) -> str:
    """Delete the counts, and what was set aside; return what was done. Windows that are open count on, from nothing."""
    aside = list(path.parent.glob(f"{path.stem}-set-aside-*"))
    count = 0
    if path.exists():
        store = Store(path)
        try:
            count = store.clear()
        except (Unusable, sqlite3.Error) as error:
            store.close()
            try:
                for one in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
                    one.unlink(missing_ok=True)
            except OSError as problem:
                raise ConfigError(f"{path} cannot be deleted: {problem}. ({error})") from problem
            return f"Deleted {path}, which could not be read."
        finally:
            store.close()
        aside = list(path.parent.glob(f"{path.stem}-set-aside-*"))
    for one in aside:
        one.unlink(missing_ok=True)
    more = f", and {len(aside)} files that had been set aside" if aside else ""
    return f"Deleted the counts of {count:,} suggestions{more}." if count or aside else "There is nothing to delete."


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error}.") from error


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _cells(figures: Figures) -> list[str]:
    return [
        f"{figures.shown:,}",
        f"{figures.accepted:,}",
        _share(figures.accepted_share),
        f"{figures.characters:,}",
        _share(figures.standing["5min"]),
        _milliseconds(figures.first_ms),
    ]


def _in_full(figures: Figures) -> list[tuple[str, str]]:
    """Return every figure with its name."""
    counts = {
        "offered": figures.offered,
        "shown": figures.shown,
        "accepted, at least a part": figures.accepted,
        "  whole": figures.whole,
        "  by the line": figures.lines,
        "  by the word": figures.words,
        "typed through by hand": figures.typed_through,
        "dismissed": figures.dismissed,
        "characters accepted": figures.characters,
        "characters typed that were shown": figures.typed,
    }
    still = zip(("30 seconds", "5 minutes", "the next save"), figures.standing.values(), strict=True)
    return [
        *((name, f"{count:,}") for name, count in counts.items()),
        ("time to the first piece, median", _milliseconds(figures.first_ms)),
        *((f"still standing after {name}", _share(share)) for name, share in still),
    ]


def _parts(summary: Summary) -> dict[str, dict[str, Figures]]:
    return {"language": summary.by_language, "model": summary.by_model, "day": summary.by_day}


def _print(summary: Summary, days: int) -> None:
    console = Console(highlight=False)
    console.print(in_short(summary.total, days), soft_wrap=True)
    if not summary.total.offered:
        console.print("Counts appear here as you use an editor with starcoder-lsp (setting usage.enabled).")
        return
    total = Table(box=None, show_header=False, pad_edge=False)
    total.add_column()
    total.add_column(justify="right")
    for row in _in_full(summary.total):
        total.add_row(*row)
    console.print()
    console.print(total)
    for title, part in _parts(summary).items():
        shown = Table(box=None, pad_edge=False, header_style="bold")
        shown.add_column(title, no_wrap=True)
        for column in _COLUMNS:
            shown.add_column(column, justify="right")
        for name, figures in part.items():
            shown.add_row(name, *_cells(figures))
        console.print()
        console.print(shown)


def _page(summary: Summary, days: int) -> str:
    parts = [table("All of it", ("", ""), _in_full(summary.total))]
    for title, part in _parts(summary).items():
        rows = [[name, *_cells(figures)] for name, figures in part.items()]
        parts.append(table(f"By {title}", (title, *_COLUMNS), rows))
        taken = [Bar(name, 100 * (one.accepted_share or 0), kind="good") for name, one in part.items() if one.shown]
        parts.append(bars(f"Accepted of 100 shown, by {title}", taken, ""))
    written = [Bar(day, one.characters) for day, one in summary.by_day.items()]
    parts.append(bars("Characters accepted, by day", written, ""))
    stood = [
        Bar(name, 100 * share, kind="good")
        for name, share in zip(
            ("30 seconds later", "5 minutes later", "at the next save"), summary.total.standing.values(), strict=True
        )
        if share is not None
    ]
    parts.append(bars("Of 100 accepted characters, still standing", stood, ""))
    notes = [in_short(summary.total, days), f"Made on {time.strftime('%Y-%m-%d')}, from counts kept on this machine."]
    return page("What starcoder-lsp's suggestions were worth", parts, notes)
