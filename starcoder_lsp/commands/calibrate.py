"""Measure how often a model is right, by its own probabilities, and keep that beside the model.

  starcoder-lsp calibrate                        on the code below the current folder
  starcoder-lsp calibrate --model M src lib      another model, other folders
  starcoder-lsp calibrate holes.jsonl            on holes of a benchmark (human-eval-infilling format)

The knob `confidence` ("bold", "balanced", "careful") stands for shares of suggestions that may be wrong: one in 3, in
5, in 10. Which joint probability gives that differs from model to model, and from code to code. Here lines of your code
are cut off where people stop typing, the model is asked for the rest, and the curve from probability to share right is
kept in MODEL.confidence.json beside the model; the server reads it when it loads the model, and `doctor` shows it.
To see that it holds, the curve of one half of the files is tried on the other. Nothing leaves the machine. Ctrl-C stops
early and keeps what was measured, if that is enough.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

from starcoder_lsp.commands.interrupt import interruptible
from starcoder_lsp.completion.curve import LEVELS, WRONG
from starcoder_lsp.completion.gate import Gate
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.evaluation.calibration import curve_of, tally
from starcoder_lsp.evaluation.outcomes import How, Outcome, outcomes
from starcoder_lsp.evaluation.own_code import own_holes, source_files
from starcoder_lsp.evaluation.tasks import Task, read_tasks
from starcoder_lsp.loading import load, read_model
from starcoder_lsp.models.catalogue import resolve
from starcoder_lsp.models.measured import KEY, OLD_KEYS, write_curve

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from starcoder_lsp.completer import TokenCompleter
    from starcoder_lsp.completion.curve import Curve

_LEAST = 100
"""Holes: with fewer, a share of one in 10 says nothing."""
_TOKENS = 32
"""Of one suggestion: rests of lines seldom have more."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_model_options  # noqa: PLC0415 - cli imports the commands

    parser.add_argument("places", nargs="*", type=Path, metavar="DIR|FILE.jsonl", help="default: the current folder")
    add_model_options(parser)
    parser.add_argument("--holes", type=int, default=300, metavar="N", help="places to ask at (default 300)")
    parser.add_argument("--minutes", type=float, default=20.0, metavar="M", help="stop after so long (default 20)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="other places in the same files")
    parser.add_argument("--into-file", action="store_true", help="write into the GGUF file itself, for who ships one")
    parser.add_argument("--dry-run", action="store_true", help="measure, and keep nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    tasks = _tasks(arguments)
    settings = settings_of(arguments)
    completer = load(settings)
    try:
        found = _ask(completer, tasks, arguments.minutes)
    finally:
        completer.close()
    if len(found) < _LEAST:
        raise ConfigError(f"{len(found)} places were asked at; it takes {_LEAST} to say anything. Nothing was kept.")
    with Console(stderr=True).status("Looking at what each threshold shows"):
        curve = curve_of(found)
        if curve is None:
            raise ConfigError(f"{completer.name} suggested nothing at {len(found)} places. Nothing was kept.")
        report = {"model": completer.name, "holes": len(found), "curve": curve.points, "levels": levels(curve, found)}
        report["other_half"] = other_half(found)
    report["kept"] = None if arguments.dry_run else str(_keep(resolve(settings.model), curve, arguments))
    print(json.dumps(report, indent=2)) if arguments.json else _print(report)
    return 0


def _tasks(arguments: argparse.Namespace) -> list[Task]:
    places = arguments.places or [Path()]
    files = [place for place in places if place.is_file()]
    missing = next((place for place in places if not place.exists()), None)
    if missing is not None:
        raise ConfigError(f"{missing} is neither a folder nor a file.")
    tasks = [task for file in files for task in read_tasks(file)]
    folders = [place for place in places if place.is_dir()]
    rng = Random(arguments.seed)  # noqa: S311 - no secret
    if folders:
        tasks += own_holes(source_files(folders), arguments.holes - len(tasks), rng)
    rng.shuffle(tasks)
    tasks = tasks[: arguments.holes]
    if len(tasks) < _LEAST:
        raise ConfigError(f"There are {len(tasks)} places to ask at; it takes {_LEAST}. Name folders with more code.")
    return tasks


def _ask(completer: TokenCompleter, tasks: Sequence[Task], minutes: float) -> list[Outcome]:
    found: list[Outcome] = []
    console = Console(stderr=True)
    end = time.monotonic() + 60 * minutes
    progress = Progress(*Progress.get_default_columns(), TimeRemainingColumn(), console=console)
    with interruptible() as interrupt, progress:
        for one in progress.track(outcomes(completer, tasks, How(max_tokens=_TOKENS)), total=len(tasks)):
            found.append(one)
            if interrupt.wanted or time.monotonic() > end:
                console.print(f"Stopped after {len(found)} places.")
                break
    return found


def levels(curve: Curve, found: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Return, by level, the threshold that a curve gives and what it shows at some holes."""
    report: dict[str, dict[str, float]] = {}
    for level in LEVELS:
        gate = Gate(curve.threshold(level))
        counted = tally(found, lambda one, gate=gate: one.at(gate).text)  # type: ignore[misc]
        report[level] = {"least_joint": round(gate.least, 4), **counted.figures()}
    return report


def other_half(found: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Return what the curve of one half of the repositories (or files) shows at the other half."""
    names = sorted({one.task.repo for one in found})
    first = set(names[::2])
    here = [one for one in found if one.task.repo in first]
    curve = curve_of(here)
    there = [one for one in found if one.task.repo not in first]
    return levels(curve, there) if curve is not None and there else {}


def _keep(model: Path, curve: Curve, arguments: argparse.Namespace) -> Path:
    if not arguments.into_file:
        return write_curve(read_model(model).header, curve)
    from starcoder_lsp.models.stamp import stamp  # noqa: PLC0415 - gguf takes a while to import

    try:
        stamp(model, KEY, json.dumps(curve.numbers()), without=OLD_KEYS)
    except OSError as error:
        raise ConfigError(f"{model} cannot be written: {error.strerror}.") from error
    return model


def _print(report: dict[str, object]) -> None:
    print(f"{report['model']}, asked at {report['holes']} places\n")
    for title, name in (("", "levels"), ("the curve of one half of the files, tried on the other:", "other_half")):
        rows = report[name]
        assert isinstance(rows, dict)  # noqa: S101 - as `run` made it
        if title and rows:
            print(f"\n{title}")
        for line in _rows(rows):
            print(line)
    print(f"\nkept in {report['kept']}" if report["kept"] else "\nnothing was kept (--dry-run)")


def _rows(levels_: dict[str, dict[str, float]]) -> Iterator[str]:
    if levels_:
        yield "confidence  joint probability  shown  all right  allowed wrong  right per 100  wrong per 100"
    for level, row in levels_.items():
        allowed = f"1 in {1 / WRONG[level]:.0f}"  # type: ignore[index]
        yield (
            f"{level:10} {row['least_joint']:18.2f} {row['shown']:6.0%} {row['all_right']:10.0%} {allowed:>14} "
            f"{row['right_per_100']:14.1f} {row['wrong_per_100']:14.1f}"
        )
