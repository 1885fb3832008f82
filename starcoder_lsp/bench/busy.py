"""How fast the model reads and writes while other programs want every core.

A suggestion is written again and again for some seconds on an otherwise idle machine, then again while one process
for each core does nothing but use it. Threads and priority are those that the server would use.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from starcoder_lsp.bench.progress import Progress
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.loading import load
from starcoder_lsp.models.catalogue import SHIPPED, from_shell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from starcoder_lsp.completer import TokenCompleter

_BURN = "while True: pass"
_BURNERS_START_S = 0.5
_PROMPT = 128
_TOKENS = 48


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model", default=SHIPPED, type=from_shell, metavar="NAME|FILE", help="default: nano, the model that ships"
    )
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="each measurement (default: 8)")
    parser.add_argument(
        "--burners", type=int, metavar="N", help="processes that use a core (default: one for each core)"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: the program's own choice")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark."""
    burners = arguments.burners or os.cpu_count() or 1
    result = measure(Settings(model=arguments.model, threads=arguments.threads), arguments.seconds, burners)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return 0
    table = Table(f"tokens a second, {result['model']}", "idle", f"{burners} cores busy", "share", box=None)
    for name in ("decode", "prefill"):
        idle, busy = result["idle"][name], result["busy"][name]
        table.add_row(name, f"{idle:.1f}", f"{busy:.1f}", f"{result['share'][name]:.0%}")
    Console(highlight=False).print(table)
    return 0


def measure(settings: Settings, seconds: float, burners: int) -> dict[str, Any]:
    """Return the speeds in tokens a second, idle and busy, and busy's share of idle."""
    completer = load(settings)
    progress = Progress("seconds", round(2 * seconds))
    try:
        _speeds(completer, min(1.0, seconds), Progress("", 1))  # what is not in memory yet comes now
        idle = _speeds(completer, seconds, progress)
        with _burning(burners):
            busy = _speeds(completer, seconds, progress)
    finally:
        progress.end()
        completer.close()
    return {
        "model": completer.name,
        "engine": completer.engine.info.detail,
        "burners": burners,
        "idle": idle,
        "busy": busy,
        "share": {name: round(busy[name] / idle[name], 3) for name in idle},
    }


@contextlib.contextmanager
def _burning(count: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(count)]
    try:
        time.sleep(_BURNERS_START_S)
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _speeds(completer: TokenCompleter, seconds: float, progress: Progress) -> dict[str, float]:
    """Read fresh prompts and write behind them for so many seconds."""
    ids = completer.encoder.encode(Path(__file__).read_text(encoding="utf-8"))
    read, read_ms, written, written_ms = 0, 0.0, 0, 0.0
    started, told, turn = time.perf_counter(), 0, 0
    while time.perf_counter() - started < seconds or not written_ms:
        turn += 1
        start = turn * 31 % max(1, len(ids) - _PROMPT)
        outcome = completer.engine.generate(
            ids[start : start + _PROMPT],
            slot=0,
            max_tokens=_TOKENS,
            on_token=lambda _token: False,
            cancel=CancelToken(),
        )
        read, read_ms = read + outcome.prefill.evaluated, read_ms + outcome.prefill.ms
        if outcome.generated > 1:
            written, written_ms = written + outcome.generated - 1, written_ms + outcome.decode_ms
        passed = min(round(seconds), int(time.perf_counter() - started))
        progress.step(passed - told)
        told = passed
    return {"decode": round(written / written_ms * 1e3, 2), "prefill": round(read / max(read_ms, 1e-3) * 1e3, 2)}
