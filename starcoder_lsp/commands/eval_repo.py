"""Measure what the repository's context is worth, on holes in real code.

A hole is the rest of a line of code that uses a name which stands nowhere else in its file and which another file
defines. Reported is how many of those names stand in the context, at 512, 1,024 and 2,048 tokens, beside what others
would have chosen: the same folder, Copilot's 60-line windows by Jaccard likeness, 60-line chunks by BM25, a ring of
random 64-line pieces as llama.vim keeps. Files are read as the server reads them: ignore rules hold, secrets and
personal data are masked.

Without --model, 3.2 characters count as a token. With it, tokens are the model's, and it fills each hole with and
without --budget tokens of context: exact match, and the characters right and wrong for 100 to type, with its gate on
and off.

  starcoder-lsp eval repo DIR… --n 100                  recall in some folders
  starcoder-lsp eval repo DIR --model nano --n 50       and what the model makes of it
  starcoder-lsp eval repo DIR --history 200             holes in lines that the last 200 commits added
"""

from __future__ import annotations

import json
import math
import time
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from starcoder_lsp.completion.gate import OPEN
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.evaluation.repo_files import read_files
from starcoder_lsp.evaluation.repo_history import history
from starcoder_lsp.evaluation.repo_model import ask, figures
from starcoder_lsp.evaluation.repo_recall import Repository, recall
from starcoder_lsp.evaluation.repo_report import Measured, lines_of, report
from starcoder_lsp.loading import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from starcoder_lsp.completer import TokenCompleter
    from starcoder_lsp.completion.curve import Level
    from starcoder_lsp.evaluation.repo_model import Asked
    from starcoder_lsp.evaluation.repo_recall import Recalled

_BUDGETS = (512, 1024, 2048)
_CHARS = 3.2
"""Characters a token, where no model counts them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_confidence_option, add_model_options  # noqa: PLC0415 - cli imports the commands

    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="a repository's folder")
    parser.add_argument("--n", type=int, default=100, metavar="N", help="holes a repository (default 100)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the sample (default 1)")
    parser.add_argument(
        "--budget", type=int, default=1024, metavar="B", help="tokens of context that a model gets (default 1024)"
    )
    parser.add_argument("--history", type=int, metavar="N", help="holes in lines that the last N commits added")
    add_model_options(parser)
    add_confidence_option(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    for name in ("n", "budget", "history"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} must be a whole number from 1 on, not {value}.")
    for folder in arguments.folders:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder.")
    settings = settings_of(arguments)
    completer = load(settings) if arguments.model else None
    try:
        evaluation = _Evaluation(arguments, completer, settings.confidence)
        with Progress(*Progress.get_default_columns(), console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("", total=len(arguments.folders) * arguments.n)
            for index, folder in enumerate(arguments.folders):
                progress.update(bar, description=folder.resolve().name)
                evaluation.add(folder, lambda: progress.advance(bar))
                progress.update(bar, completed=arguments.n * (index + 1))
    finally:
        if completer is not None:
            completer.close()
    found = evaluation.figures()
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(lines_of(found)))
    return 0


class _Evaluation:
    """What is measured, folder by folder."""

    def __init__(
        self, arguments: argparse.Namespace, completer: TokenCompleter | None, confidence: Level | float
    ) -> None:
        self._arguments = arguments
        self._completer = completer
        self._gate = completer.about.gate(confidence) if completer else OPEN
        self._count = lru_cache(maxsize=1 << 16)(completer.count if completer else characters)
        self._budgets = sorted({*_BUDGETS, arguments.budget})
        self._measured: list[Measured] = []
        self._asked: list[list[Asked]] = []

    def add(self, folder: Path, told: Callable[[], None]) -> None:
        """Measure one folder; `told` is called at each hole."""
        arguments = self._arguments
        started = time.perf_counter()
        repositories = self._repositories(folder)
        first = next(repositories, None)
        took = (time.perf_counter() - started) * 1000
        holes: list[Recalled] = []
        asked: list[Asked] = []
        files = symbols = 0
        for repository in chain([first] if first else [], repositories):
            files, symbols = max(files, len(repository.files)), max(symbols, repository.index.symbols)
            for hole in recall(repository, self._budgets, self._count, arguments.seed):
                holes.append(hole)
                if self._completer is None:
                    told()
            for one in ask(self._completer, repository, arguments.budget, self._gate) if self._completer else ():
                asked.append(one)
                told()
        self._measured.append(Measured(folder.resolve().name, files, symbols, took, holes))
        self._asked.append(asked)

    def figures(self) -> dict[str, object]:
        """Return what was found in all of them."""
        arguments = self._arguments
        found: dict[str, object] = {
            "n": arguments.n,
            "seed": arguments.seed,
            "history": arguments.history,
            "tokens": f"as {self._completer.name} counts" if self._completer else f"{_CHARS} characters each",
            **report(self._measured, self._budgets),
        }
        if self._completer is not None:
            every = list(chain(*self._asked))
            by_repository = {one.name: figures(asked) for one, asked in zip(self._measured, self._asked, strict=True)}
            found["model"] = {
                "name": self._completer.name,
                "budget": arguments.budget,
                **figures(every),
                "repositories": by_repository,
            }
        return found

    def _repositories(self, folder: Path) -> Iterator[Repository]:
        arguments = self._arguments
        if arguments.history is not None:
            return history(folder, arguments.history, arguments.n, arguments.seed)
        return iter([Repository.of(folder.resolve().name, read_files(folder), arguments.n, arguments.seed)])


def characters(text: str) -> int:
    """Return how many tokens a text counts where no tokenizer is at hand."""
    return math.ceil(len(text) / _CHARS)
