"""Measure how often suggestions are right.

  starcoder-lsp eval infill FILE.jsonl[.gz]   human-eval-infilling tasks: exact match, and pass@1 with --run-tests

`exact_match` counts what the server would show, after its stop rules and filters; `exact_match_raw` what the model
wrote until it ended by itself. Both leave trailing whitespace aside. `calibration` says, for thresholds of the mean
log-probability (the setting minConfidence), which share would be shown and how much of that is exact. --run-tests runs
generated programs, each in a process of its own with limits on time and memory. A task may bring passages of other
files of its repository, in "neighbours": [{"path": …, "text": …}, …], the most useful last.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

from starcoder_lsp.evaluation.baseline import copy_line
from starcoder_lsp.evaluation.calibration import Judged, calibration
from starcoder_lsp.evaluation.infill import Filled, fill, is_exact, program
from starcoder_lsp.evaluation.sandbox import passes
from starcoder_lsp.evaluation.tasks import read_tasks
from starcoder_lsp.loading import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_model_options  # noqa: PLC0415 - cli imports the commands

    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    infill = kinds.add_parser("infill", help="tasks in the human-eval-infilling format")
    infill.add_argument("file", type=Path, metavar="FILE.jsonl[.gz]")
    add_model_options(infill)
    infill.add_argument("--layout", choices=["psm", "spm", "auto"], default="auto", help="order of the prompt's parts")
    infill.add_argument("--without-neighbours", action="store_true", help="leave out passages of other files")
    infill.add_argument("--limit", type=int, metavar="N", help="only N tasks, evenly spread over the file")
    infill.add_argument("--max-tokens", type=int, default=128, metavar="N", help="of one middle (default 128)")
    infill.add_argument("--run-tests", action="store_true", help="run the programs for pass@1")
    infill.add_argument("--baseline", action="store_true", help="copy a line from the file instead of asking a model")
    infill.add_argument("--out", type=Path, metavar="FILE.jsonl", help="write each task's result there")
    infill.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    tasks = read_tasks(arguments.file, arguments.limit)
    results: list[Filled] = []
    passed = 0
    runtime = None if arguments.baseline else load(settings_of(arguments))
    try:
        progress = Progress(*Progress.get_default_columns(), TimeRemainingColumn(), console=Console(stderr=True))
        with progress:
            for task in progress.track(tasks, description=arguments.file.name):
                if runtime is None:
                    line = copy_line(task.prompt, task.suffix)
                    filled = Filled(task, line, line, 0.0, ended=True, seconds=0.0)
                else:
                    filled = fill(
                        runtime,
                        task,
                        layout=arguments.layout,
                        max_tokens=arguments.max_tokens,
                        neighbours=not arguments.without_neighbours,
                    )
                results.append(filled)
                if arguments.run_tests:
                    passed += is_exact(filled.shown, task) or passes(program(filled.shown, task))
    finally:
        if runtime is not None:
            runtime.engine.close()
    if arguments.out:
        arguments.out.write_text("".join(json.dumps(_row(one)) + "\n" for one in results), encoding="utf-8")
    summary = summarise(results, passed if arguments.run_tests else None)
    summary |= {
        "model": runtime.name if runtime else "copy-line baseline",
        "layout": arguments.layout,
        "file": arguments.file.name,
    }
    if arguments.json:
        print(json.dumps(summary, indent=2))
    else:
        rows = summary.pop("calibration")
        for name, value in summary.items():
            print(f"{name:18} {value}")
        assert isinstance(rows, list)  # noqa: S101 - as summarise made it
        if rows:
            print("\nthreshold  shown  precision")
        for row in rows:
            print(f"{row['threshold']:9.2f} {row['shown']:6.1%} {row['precision']:10.1%}")
    return 0


def summarise(results: Sequence[Filled], passed: int | None) -> dict[str, object]:
    """Return the figures of a run: shares from 0 to 1."""
    count = max(1, len(results))
    summary: dict[str, object] = {
        "n": len(results),
        "exact_match": sum(is_exact(one.shown, one.task) for one in results) / count,
        "exact_match_raw": sum(is_exact(one.raw, one.task) for one in results) / count,
        "shown": sum(bool(one.shown) for one in results) / count,
        "ended": sum(one.ended for one in results) / count,
        "seconds_per_task": round(sum(one.seconds for one in results) / count, 4),
    }
    if passed is not None:
        summary["pass_at_1"] = passed / count
    summary["calibration"] = calibration(
        Judged(bool(one.shown), is_exact(one.shown, one.task), one.mean_logprob) for one in results
    )
    return summary


def _row(one: Filled) -> dict[str, object]:
    return {
        "task_id": one.task.task_id,
        "shown": one.shown,
        "raw": one.raw,
        "mean_logprob": one.mean_logprob,
        "exact": is_exact(one.shown, one.task),
    }
