"""What a restart costs, and coming back to a file: with what is kept on disk, and without.

The real server opens a file of the trace "a morning" and rests until its full window is read and kept. It is ended and
started again, and the file opened again; then other files are read in full, and the first is opened once more. Timed is
from the opening of the file to the first answer, beside the tokens evaluated until the server is idle. Then the engine
alone: reading a prompt, keeping it, and taking it back; and whether it writes the same behind both.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from starcoder_lsp.bench import ours
from starcoder_lsp.bench.keystrokes import default_traces
from starcoder_lsp.bench.progress import Progress
from starcoder_lsp.bench.traces import BadTrace, Open, read_trace
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.loading import load
from starcoder_lsp.models.catalogue import SHIPPED, from_shell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from starcoder_lsp.engine.base import Engine, Token
    from starcoder_lsp.lsp_client import Client

_FILES = 10
_TOKENS = 1_345
"""Of the engine's prompt: a freshly placed window, 810 tokens before the cursor and 535 behind it."""
_WRITTEN = 24
"""Tokens written behind it."""
_CACHE_MB = 8_000
_PATIENCE_S = 1_200.0
_POLL_S = 0.001


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model", default=SHIPPED, type=from_shell, metavar="NAME|FILE", help="default: nano, the model that ships"
    )
    parser.add_argument(
        "--files", type=int, default=_FILES, metavar="N", help=f"read N other files in between (default: {_FILES})"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="default: the program's own choice")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark."""
    files = _files()
    if not 0 <= arguments.files < len(files):
        raise BadTrace(f"--files must be from 0 to {len(files) - 1}, not {arguments.files}.")
    with tempfile.TemporaryDirectory(prefix="starcoder-bench-") as folder:
        options: dict[str, Any] = {"cache.disk": _CACHE_MB, "cache.folder": folder}
        openings = asyncio.run(_measure(arguments.model, arguments.threads, options, files[: arguments.files + 1]))
        settings = Settings(model=arguments.model, threads=arguments.threads, cache_disk=_CACHE_MB, cache_folder=folder)
        engine = _engine(settings)
    if arguments.json:
        print(json.dumps({"openings": openings, "engine": engine}, indent=2))
        return 0
    table = Table("", "tokens evaluated", "first answer, ms", "idle again, ms", "prompt, tokens", box=None)
    for name, one in openings.items():
        table.add_row(name, *(f"{one[part]:,.0f}" for part in ("evaluated", "answer_ms", "idle_ms", "prompt")))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"The engine reads {engine['tokens']:,} tokens in {engine['read_ms']:,.0f} ms, keeps them in "
        f"{engine['keep_ms']:.1f} ms ({engine['seal_ms']:.1f} ms more on another thread) and takes them back in "
        f"{engine['take_ms']:.1f} ms; {engine['bytes'] / 1e6:.1f} MB. Behind what was taken back it writes "
        f"{engine['same']} of {engine['written']} tokens as behind what was read; log-probabilities differ by "
        f"{engine['differ']:.4f} at most."
    )
    return 0


def _files() -> list[Open]:
    morning = next((path for path in default_traces() if path.stem.endswith("a-morning")), None)
    if morning is None:
        raise BadTrace("The trace of a morning did not come with this installation.")
    found = [event for event in read_trace(morning).events if isinstance(event, Open)]
    return [one for one in found if one.text]


async def _measure(model: str, threads: int, options: dict[str, Any], files: Sequence[Open]) -> dict[str, Any]:
    folder = _states(options["cache.folder"])
    progress = Progress("files opened", len(files) + 2)
    results: dict[str, Any] = {}

    async def opened(client: Client, one: Open) -> dict[str, float]:
        result = await _open(client, one)
        progress.step()
        return result

    client = await ours.start(model, threads, None, None, options)
    try:
        results["first time"] = await opened(client, files[0])
        await _kept(folder, 1)
        await ours.stop(client)
        client = await ours.start(model, threads, None, None, options)
        results["after a restart"] = await opened(client, files[0])
        for number, one in enumerate(files[1:], 2):
            await opened(client, one)
            await _kept(folder, number)
        client.close(_uri(files[0]))
        results[f"after {len(files) - 1} other files"] = await opened(client, files[0])
    finally:
        progress.end()
        await ours.stop(client)
    return results


def _states(folder: str) -> StatesFolder:
    found = StatesFolder.of(_CACHE_MB, folder)
    assert found is not None  # noqa: S101 - it has megabytes
    return found


def _uri(one: Open) -> str:
    return f"file:///bench/{one.path}"


async def _open(client: Client, one: Open) -> dict[str, float]:
    """Open a file and ask in the middle of it."""
    lines = one.text.split("\n")
    line = len(lines) // 2
    before = await ours.settle(client)
    started = time.perf_counter()
    client.open(_uri(one), one.language, one.text)
    await client.suggest(_uri(one), line, len(lines[line].encode("utf-16-le")) // 2)
    answered = time.perf_counter()
    first = await client.command("starcoder.stats")
    after = await ours.settle(client)
    return {
        "evaluated": after["evaluatedTokens"] - before["evaluatedTokens"],
        "answer_ms": (answered - started) * 1e3,
        "idle_ms": (time.perf_counter() - started) * 1e3 - ours.QUIET_S * 1e3,
        "prompt": first["promptTokens"],
    }


async def _kept(folder: StatesFolder, count: int) -> None:
    """Wait until so many states are on disk."""
    await asyncio.wait_for(asyncio.to_thread(_wait, folder, count), _PATIENCE_S)


def _wait(folder: StatesFolder, count: int) -> None:
    while len(folder.states()) < count:
        time.sleep(_POLL_S)


def _engine(settings: Settings) -> dict[str, float]:
    """Read a prompt with the engine alone, keep it, take it into another slot, and go on in both. All times in ms."""
    completer = load(settings)
    states = _states(settings.cache_folder)
    states.clear()
    engine, ids = completer.engine, _ids(completer.encoder.encode)
    try:
        times = [time.perf_counter()]
        engine.prefill(ids, slot=0, cancel=CancelToken())
        times.append(time.perf_counter())
        engine.keep(0)
        times.append(time.perf_counter())
        _wait(states, 1)
        times.append(time.perf_counter())
        engine.prefill(ids, slot=1, cancel=CancelToken())
        times.append(time.perf_counter())
        read, keep, seal, take = ((end - start) * 1e3 for start, end in pairwise(times))
        size = states.states()[0].size
        pairs = list(zip(*(_continued(engine, ids, slot) for slot in (0, 1)), strict=False))
    finally:
        completer.close()
    same = list(takewhile(lambda pair: pair[0].id == pair[1].id, pairs))
    return {
        "tokens": len(ids),
        "read_ms": read,
        "keep_ms": keep,
        "seal_ms": seal,
        "take_ms": take,
        "bytes": size,
        "written": len(pairs),
        "same": len(same),
        "differ": max((abs(one.logprob - other.logprob) for one, other in same), default=0.0),
    }


def _continued(engine: Engine, ids: Sequence[int], slot: int) -> list[Token]:
    """Return what the engine writes behind a prompt, greedily."""
    tokens: list[Token] = []

    def take(token: Token) -> bool:
        tokens.append(token)
        return False

    engine.generate(ids, slot=slot, max_tokens=_WRITTEN, on_token=take, cancel=CancelToken())
    return tokens


def _ids(encode: Any) -> list[int]:  # noqa: ANN401 - a method
    return list(encode("\n".join(one.text for one in _files())))[:_TOKENS]
