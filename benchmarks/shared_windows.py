"""What windows take of memory, and what a keystroke costs, with an engine each and with one process for all.

    python -m benchmarks.shared_windows --model nano --windows 3

Memory: the real server for each window, a document open and a suggestion made; proportional set sizes (Linux: a page
that two processes map counts half in each), of one window with its own engine, of as many as asked for with an engine
each, and of these with a shared one. Keystrokes: a key is typed in the middle of a file, again and again, and what it
changed is evaluated, by turns in this process and in the shared one; the time that is not the engine's is compared.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any

import psutil
from attrs import evolve

from starcoder_lsp.completer import Ask
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.loading import load
from starcoder_lsp.lsp_client import Client
from starcoder_lsp.models.catalogue import from_shell

if TYPE_CHECKING:
    from starcoder_lsp.completer import TokenCompleter

_TEXT = "".join(f"def f_{number}(values):\n    return sum(values) + {number}\n\n\n" for number in range(120))


async def memory(options: dict[str, Any], count: int) -> int:
    """Return what `count` windows take with all their processes, in bytes."""
    sessions = []
    try:
        for number in range(count):
            session = await Client.start([], {"confidence": 0, **options})
            sessions.append(session)
            await session.ready()
            uri = f"file:///bench/{number}.py"
            session.open(uri, "python", _TEXT)
            await session.suggest(uri, 241, 0, manual=True)
        processes = {session.process.pid for session in sessions}
        processes |= {(await session.command("starcoder.stats"))["engineProcess"] for session in sessions}
        for process in list(processes):
            processes |= {child.pid for child in psutil.Process(process).children(recursive=True)}
        return sum(psutil.Process(process).memory_full_info().pss for process in processes)
    finally:
        for session in sessions:
            await session.stop()


def type_one(completer: TokenCompleter, key: int) -> tuple[float, float]:
    """Evaluate what one more key changed; return the time outside the engine and in it, in ms."""
    offset = len(_TEXT) // 2
    text = f"# {os.getpid()}\n{_TEXT[:offset]}" + " x" * key + _TEXT[offset:]  # nothing of another run is warm
    offset += len(text) - len(_TEXT) - 2 * key
    ask = Ask(("", "file:///bench/typed.py"), Place(text, offset + 2 * key), max_tokens=24)
    started = time.perf_counter()
    warmed = completer.warm(ask, CancelToken())
    return (time.perf_counter() - started) * 1e3 - warmed.evaluation.ms, warmed.evaluation.ms


def keystrokes(settings: Settings, keys: int) -> dict[str, list[tuple[float, float]]]:
    """Type with both, by turns."""
    completers = {
        "own": load(evolve(settings, shared=False), share=True),
        "shared": load(evolve(settings, shared=True), share=True),
    }
    try:
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in completers}
        for key in range(keys):
            for name, completer in completers.items():
                times[name].append(type_one(completer, key))
        return {name: found[5:] for name, found in times.items()}  # the first evaluate the window
    finally:
        for completer in completers.values():
            completer.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", type=from_shell)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--context-size", type=int, default=8192)
    parser.add_argument("--no-each", action="store_true", help="leave out as many windows with an engine each")
    options = parser.parse_args()
    common = {"model": options.model, "contextSize": options.context_size, "gpuLayers": 0}
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        os.environ |= {"XDG_RUNTIME_DIR": folder, "STARCODER_LSP_ENGINE_IDLE": "1"}
        one = asyncio.run(memory({**common, "shared": False}, 1))
        print(f"one window with an engine of its own: {one / 1e6:.0f} MB")
        counts = {"a shared engine": True} if options.no_each else {"an engine each": False, "a shared engine": True}
        for name, shared in counts.items():
            taken = asyncio.run(memory({**common, "shared": shared}, options.windows))
            print(f"{options.windows} windows with {name}: {taken / 1e6:.0f} MB, {taken / one:.2f} times one")
        settings = Settings(model=options.model, context_size=options.context_size, gpu_layers=0)
        times = keystrokes(settings, options.keys)
        medians = {}
        for name, found in times.items():
            outside, engine = zip(*found, strict=True)
            medians[name] = statistics.median(outside)
            p95 = statistics.quantiles(outside, n=20)[-1]
            print(
                f"a key, {name} engine: {medians[name]:.2f} ms outside the engine (p95 {p95:.2f}), "
                f"{statistics.median(engine):.2f} ms in it"
            )
        print(f"sharing costs {medians['shared'] - medians['own']:+.2f} ms a key")
        time.sleep(2)  # the process ends, and its files with it


if __name__ == "__main__":
    main()
