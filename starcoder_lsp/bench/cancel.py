"""From a cancel to an idle engine: in the middle of reading a prompt, and in the middle of writing.

The real worker thread over the real engine is given a prompt of its window's size, or a suggestion to write, and the
work is cancelled while it runs; timed is from the call of `cancel` until the worker has ended the job. Also counted:
tokens written after the cancel.
"""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field
from rich.console import Console
from rich.table import Table

from starcoder_lsp.bench.progress import Progress
from starcoder_lsp.bench.report import median, quantile
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.worker import Job, Lane, Worker
from starcoder_lsp.errors import Cancelled, EngineFailed
from starcoder_lsp.loading import load
from starcoder_lsp.models.catalogue import SHIPPED, from_shell

if TYPE_CHECKING:
    import argparse

    from starcoder_lsp.completer import TokenCompleter
    from starcoder_lsp.engine.base import CancelToken, Token

_PROMPT = 3_000
"""Tokens: long enough to be in the middle of it."""
_LEAST_TOKENS, _MOST_TOKENS = 2, 12
"""A writing is cancelled after so many tokens, drawn by chance."""
_PATIENCE_S = 300.0
_ATTEMPTS = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model", default=SHIPPED, type=from_shell, metavar="NAME|FILE", help="default: nano, the model that ships"
    )
    parser.add_argument("--times", type=int, default=20, metavar="N", help="how often each (default: 20)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: the program's own choice")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark."""
    result = measure(Settings(model=arguments.model, threads=arguments.threads), arguments.times)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return 0
    table = Table(f"ms from the cancel to an idle engine, {result['model']}", "median", "p95", "most", box=None)
    for name in ("prefill", "decode"):
        times = result[name]
        table.add_row(f"in {name}", *[f"{times[part]:.1f}" for part in ("median", "p95", "most")])
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"One decode step takes {result['decode_step_ms']:.1f} ms; prefill reads {result['prefill_tokens_per_s']:.0f} "
        f"tokens a second. Tokens written after a cancel: at most {result['tokens_after']}."
    )
    return 0


def measure(settings: Settings, times: int) -> dict[str, Any]:
    """Load the model, cancel `times` times in prefill and in decode, and return the times in ms."""
    worker: Worker[TokenCompleter] = Worker()
    try:
        completer = worker.open(lambda: load(settings), lambda one: one.close()).result()
        trial = _Trial(worker, completer)
        progress = Progress("cancels", 2 * times)
        prefill, decode = [], []
        for _ in range(times):
            prefill.append(trial.in_prefill())
            progress.step()
            decode.append(trial.in_decode())
            progress.step()
        progress.end()
        return {
            "model": completer.name,
            "engine": completer.engine.info.detail,
            "prefill": _summary(prefill),
            "decode": _summary(decode),
            "tokens_after": trial.tokens_after,
            "decode_step_ms": round(trial.step_ms, 2),
            "prefill_tokens_per_s": round(completer.speed.prefill, 1),
        }
    finally:
        worker.close()


def _summary(values: list[float]) -> dict[str, float]:
    return {
        "median": round(median(values) or 0.0, 2),
        "p95": round(quantile(values, 0.95) or 0.0, 2),
        "most": round(max(values), 2),
    }


@define(eq=False)
class _Trial:
    """One cancel after the other."""

    worker: Worker[TokenCompleter]
    completer: TokenCompleter
    tokens_after: int = 0
    """The most tokens written after a cancel."""
    step_ms: float = 0.0
    _cancelled: float = 0.0
    """When the last cancel was the worker's: what was written before came before it."""
    _random: random.Random = field(factory=lambda: random.Random(0))  # noqa: S311 - moments, not secrets
    _turn: int = 0

    def in_prefill(self) -> float:
        """Cancel while a prompt is being read; it shares no beginning with the ones before."""
        completer = self.completer
        for _ in range(_ATTEMPTS):
            ids = self._prompt(_PROMPT)
            started = threading.Event()

            def read(
                one: TokenCompleter, cancel: CancelToken, ids: list[int] = ids, begun: threading.Event = started
            ) -> object:
                begun.set()
                return one.engine.prefill(ids, slot=0, cancel=cancel)

            job = self.worker.submit(Lane.WARM, "prefill", read)
            started.wait(_PATIENCE_S)
            time.sleep(min(2.0, len(ids) / completer.speed.prefill) * self._random.uniform(0.1, 0.5))
            took = self._cancel(job)
            if took is not None:
                return took
        raise EngineFailed("The model reads its whole window faster than it could be cancelled; nothing to measure.")

    def in_decode(self) -> float:
        """Cancel after a few tokens were written."""
        for _ in range(_ATTEMPTS):
            wanted = self._random.randint(_LEAST_TOKENS, _MOST_TOKENS)
            reached, stamps = threading.Event(), list[float]()

            def take(_token: Token, stamps: list[float] = stamps, wanted: int = wanted) -> bool:
                stamps.append(time.perf_counter())
                if len(stamps) == wanted:
                    reached.set()  # noqa: B023 - set before the loop goes on
                return False

            ids = self._prompt(64)

            def write(one: TokenCompleter, cancel: CancelToken, ids: list[int] = ids) -> object:
                return one.engine.generate(ids, slot=1, max_tokens=256, on_token=take, cancel=cancel)

            job = self.worker.submit(Lane.INTERACTIVE, "decode", write)
            job.future.add_done_callback(lambda _done: reached.set())  # noqa: B023 - it may end before
            reached.wait(_PATIENCE_S)
            took = self._cancel(job)
            if took is not None:
                self.tokens_after = max(self.tokens_after, sum(stamp > self._cancelled for stamp in stamps))
                if len(stamps) > 1:
                    self.step_ms = (stamps[-1] - stamps[0]) / (len(stamps) - 1) * 1e3
                return took
        raise EngineFailed("The model never writes long enough to be cancelled; nothing to measure.")

    def _cancel(self, job: Job[TokenCompleter]) -> float | None:
        """Cancel a job; return how long it took to end, in ms, or None if it had ended by itself."""
        future: Future[object] = job.future
        if future.done():
            return None
        cancelled = time.perf_counter()
        self.worker.cancel(job)
        self._cancelled = time.perf_counter()
        wait([future], _PATIENCE_S)
        took = (time.perf_counter() - cancelled) * 1e3
        return took if isinstance(future.exception(), Cancelled) else None

    def _prompt(self, length: int) -> list[int]:
        """Return ids of this package's own source, each time from another place."""
        self._turn += 1
        text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py")))
        ids = self.completer.encoder.encode(text)
        start = self._turn * 97 % max(1, len(ids) - length)
        length = min(length, self.completer.engine.info.context_window - 300)
        return ids[start : start + length]
