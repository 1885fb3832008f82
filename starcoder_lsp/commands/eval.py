"""Measure how often suggestions are right.

  starcoder-lsp eval infill FILE.jsonl[.gz]   human-eval-infilling tasks; pass@1 with --run-tests
  starcoder-lsp eval repo DIR…                holes in real repositories: what the context of other files is worth

Each hole is asked as the server would ask. `shown` (share of holes), `right_per_100` and `wrong_per_100` (characters
shown that agree with what was written there up to the first that does not, and all others, for 100 characters to type)
and `all_right` (share of what is shown) count what an editor would show with --confidence as set. `exact_match` counts
the whole text, whatever the model's doubts, trailing whitespace aside. `reliability`: by joint probability of the whole
text, how often all of it is what was written. --run-tests runs generated programs (the whole text), each in a process
of its own with limits on time and memory. A task may bring passages of other files of its repository, in "neighbours":
[{"path": …, "text": …}, …], the most useful last.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

from starcoder_lsp.chaining import load_first
from starcoder_lsp.commands import eval_repo
from starcoder_lsp.completion.gate import OPEN
from starcoder_lsp.evaluation.baseline import copy_line
from starcoder_lsp.evaluation.calibration import summarise
from starcoder_lsp.evaluation.outcomes import CONTEXT_SHARE, How, Outcome, Shown, is_exact, outcomes
from starcoder_lsp.evaluation.programs import program
from starcoder_lsp.evaluation.sandbox import passes
from starcoder_lsp.evaluation.tasks import read_tasks

if TYPE_CHECKING:
    from starcoder_lsp.evaluation.tasks import Task


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_confidence_option, add_model_options  # noqa: PLC0415 - cli imports the commands

    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    repo = kinds.add_parser(
        "repo",
        help="holes in real repositories that need a name of another file",
        description=eval_repo.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    eval_repo.configure(repo)
    infill = kinds.add_parser("infill", help="tasks in the human-eval-infilling format")
    infill.add_argument("file", type=Path, metavar="FILE.jsonl[.gz]")
    add_model_options(infill)
    add_confidence_option(infill)
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
    return eval_repo.run(arguments) if arguments.kind == "repo" else _infill(arguments)


def _infill(arguments: argparse.Namespace) -> int:
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    settings = settings_of(arguments)
    tasks = read_tasks(arguments.file, arguments.limit)
    results: list[Outcome] = []
    passed = 0
    completer = None if arguments.baseline else load_first(settings)
    gate = completer.about.gate(settings.confidence) if completer else OPEN
    how = How(
        gate,
        layout=arguments.layout,
        max_tokens=arguments.max_tokens,
        context_share=0.0 if arguments.without_neighbours else CONTEXT_SHARE,
    )
    try:
        found = outcomes(completer, tasks, how) if completer else (_copied(task, how) for task in tasks)
        progress = Progress(*Progress.get_default_columns(), TimeRemainingColumn(), console=Console(stderr=True))
        with progress:
            for one in progress.track(found, total=len(tasks), description=arguments.file.name):
                results.append(one)
                if arguments.run_tests:
                    passed += is_exact(one.whole, one.task) or passes(program(one.whole, one.task))
    finally:
        if completer is not None:
            completer.close()
    if arguments.out:
        arguments.out.write_text("".join(json.dumps(_row(one)) + "\n" for one in results), encoding="utf-8")
    summary = summarise(results, passed if arguments.run_tests else None)
    summary |= {
        "model": completer.name if completer else "copy-line baseline",
        "confidence": settings.confidence,
        "least_joint": round(gate.least, 4),
        "layout": arguments.layout,
        "file": arguments.file.name,
    }
    if arguments.json:
        print(json.dumps(summary, indent=2))
    else:
        _print(summary)
    return 0


def _copied(task: Task, how: How) -> Outcome:
    line = copy_line(task.prompt, task.suffix)
    return Outcome(task, how, line, Shown(line, 1.0))


def _print(summary: dict[str, object]) -> None:
    rows = summary.pop("reliability")
    for name, value in summary.items():
        print(f"{name:18} {value}")
    assert isinstance(rows, list)  # noqa: S101 - as summarise made it
    if rows:
        print("\njoint probability  count   mean  right")
    for row in rows:
        print(f"{row['from']:8.2f} to {row['to']:4.2f} {row['count']:8} {row['mean']:6.3f} {row['right']:6.3f}")


def _row(one: Outcome) -> dict[str, object]:
    return {
        "task_id": one.task.task_id,
        "shown": one.shown.text,
        "whole": one.whole,
        "joint": one.joint,
        "exact": is_exact(one.whole, one.task),
        "generated": one.answer.generated if one.answer else 0,
    }
