"""Replay your own history: what would suggestions have saved while you wrote your last commits?

  starcoder-lsp prove                               the last 100 commits of the repository around the current folder
  starcoder-lsp prove ~/project --model nano --model ~/starcoder2-3b.gguf
  starcoder-lsp prove --html proof.html --minutes 30

In lines that commits added, a cursor is put where people stop typing, and the server's own question is asked there: the
file above is as the commit left it, below as it was, and the other files are the parent's. For each model, with and
without the context of other files, and for each setting of `confidence` this says how many characters were saved and
how many were wrong, for 100 to type. Brackets hold what 95 of 100 redrawn samples of commits give.

Nothing is checked out or written, and nothing leaves the machine. Ctrl-C stops early and reports what is there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, evolve, field
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from starcoder_lsp.commands.interrupt import interruptible
from starcoder_lsp.commands.prove_report import printed, proof_page, report
from starcoder_lsp.completion.curve import LEVELS
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.evaluation.git import History
from starcoder_lsp.evaluation.outcomes import How, ask_of, outcomes
from starcoder_lsp.evaluation.proof import judge
from starcoder_lsp.evaluation.replay import DATA, Spots
from starcoder_lsp.loading import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from starcoder_lsp.completer import TokenCompleter
    from starcoder_lsp.completion.gate import Gate
    from starcoder_lsp.config import Settings
    from starcoder_lsp.evaluation.proof import Asked
    from starcoder_lsp.evaluation.replay import Spot

_KINDS = {"both": (True, False), "on": (True,), "off": (False,)}


@define
class Run:
    """One model's answers: at the same places with the context of other files (True) and without."""

    model: str
    asked: dict[bool, list[Asked]] = field(factory=dict)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_confidence_option, add_engine_options, add_model_option  # noqa: PLC0415 - cli imports the commands

    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: the current folder"
    )
    parser.add_argument("--commits", type=int, default=100, metavar="N", help="the last N commits (default 100)")
    parser.add_argument("--until", default="HEAD", metavar="REV", help="the last of them (default HEAD)")
    parser.add_argument("--places", type=int, default=300, metavar="N", help="places to ask at (default 300)")
    parser.add_argument(
        "--minutes", "--time-budget", type=float, default=15.0, metavar="M", help="stop after so long (default 15)"
    )
    parser.add_argument(
        "--language", action="append", metavar="ID", help=f"only these; default: all but {', '.join(sorted(DATA))}"
    )
    parser.add_argument(
        "--context", choices=list(_KINDS), default="both", help="of other files (default both, to compare)"
    )
    add_model_option(parser, several=True)
    add_engine_options(parser)
    add_confidence_option(parser)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="other places in the same commits")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots there")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    for name in ("commits", "places", "minutes"):
        if getattr(arguments, name) <= 0:
            raise ConfigError(f"--{name} must be more than 0, not {getattr(arguments, name)}.")
    settings = [_settings(arguments, model) for model in arguments.model or ["nano"]]
    if arguments.html is not None:
        _try_to_write(arguments.html)
    console = Console(stderr=True)
    end = time.monotonic() + 60 * arguments.minutes
    runs: list[Run] = []
    with History(arguments.folder) as history:
        spots = Spots(
            history, arguments.folder, history.commits(arguments.commits, arguments.until), arguments.language or ()
        )
        with console.status("Reading the history"):
            places = list(spots.draw(arguments.places, arguments.seed))
        if not places:
            raise ConfigError(
                f"The last {len(spots.commits)} commits of {arguments.folder} added no lines of code to ask at. "
                "Take more --commits, or name a --language."
            )
        stopped = False
        for number, one in enumerate(settings):
            share = (end - time.monotonic()) / (len(settings) - number)
            found, stopped = _ask(spots, places, one, arguments.context, time.monotonic() + share, console)
            runs.append(found)
            if stopped:
                break
    runs = [one for one in runs if any(one.asked.values())]
    if not runs:
        raise ConfigError("No place was asked at. Give it more --minutes.")
    facts = {
        "folder": arguments.folder.resolve().name,
        "until": spots.commits[0].id,
        "since": spots.commits[-1].id,
        "commits": len(spots.commits),
        "places": len(places),
        "stopped": stopped or any(len(one) < len(places) for each in runs for one in each.asked.values()),
        "confidence": str(settings[0].confidence),
    }
    told = report(runs, facts)
    if arguments.html is not None:
        arguments.html.write_text(proof_page(told), encoding="utf-8")
    if arguments.json:
        print(json.dumps(told, indent=2))
    else:
        printed(told, Console(highlight=False))
    return 0


def _settings(arguments: argparse.Namespace, model: str) -> Settings:
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    arguments.model = model
    return settings_of(arguments)


def _try_to_write(file: Path) -> None:
    try:
        file.open("a", encoding="utf-8").close()
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error}.") from error


def _ask(
    spots: Spots, places: Sequence[Spot], settings: Settings, context: str, end: float, console: Console
) -> tuple[Run, bool]:
    """Ask a model at each place until its time is over; True with it where the user stopped it."""
    completer = load(settings)
    found = Run(completer.name, {kind: [] for kind in _KINDS[context]})
    columns = (*Progress.get_default_columns(), TextColumn("{task.completed}/{task.total}"), TimeRemainingColumn())
    try:
        gates = gates_of(completer, settings)
        with interruptible() as interrupt, Progress(*columns, console=console) as progress:
            bar = progress.add_task(completer.name, total=len(places))
            console.print(f"Asking {completer.name} at {len(places)} places; Ctrl-C reports what is there.")
            for place in places:
                _ask_at(spots, place, completer, settings, gates, found)
                progress.advance(bar)
                if interrupt.wanted or time.monotonic() > end:
                    break
    finally:
        completer.close()
    return found, interrupt.wanted


def gates_of(completer: TokenCompleter, settings: Settings) -> dict[str, Gate]:
    """Return the settings of the gate that are compared: the levels of the knob, and what is set."""
    return {str(name): completer.about.gate(name) for name in (*LEVELS, settings.confidence)}


def _ask_at(
    spots: Spots, place: Spot, completer: TokenCompleter, settings: Settings, gates: dict[str, Gate], found: Run
) -> None:
    """Ask with and without context; a place counts only where both were answered."""
    answers = {}
    for with_context in found.asked:
        how = How(
            layout=settings.layout,
            multiline=settings.multiline,
            max_tokens=settings.max_tokens,
            language=place.language,
            context_share=settings.context_budget if with_context else 0.0,
        )
        spot = place
        if with_context:
            budget = completer.context_budget(evolve(ask_of(place.task, how), context_share=how.context_share))
            spot = spots.with_neighbours(place, budget, completer.count) if budget > 0 else place
        (outcome,) = outcomes(completer, [spot.task], how)
        answers[with_context] = judge(spot, outcome, gates)
    for kind, answer in answers.items():
        found.asked[kind].append(answer)
