"""What a keystroke costs, here and with llama.vim over llama.cpp's /infill.

Editing traces (what a person typed, and when) are replayed through the real server process and, in the same run on
the same model, as llama.vim's requests to llama.cpp's /infill. After every keystroke both are asked for a suggestion.
Counted, for each keystroke: the prompt tokens that were evaluated until the next one. Timed, wherever the person
rests for 300 ms: from the last keystroke to the suggestion.

  starcoder-lsp bench keystrokes                                  all traces that come with the program
  starcoder-lsp bench keystrokes --trace mine.jsonl --json        one of yours, for a script
  starcoder-lsp bench keystrokes --model starcoder2-3b.gguf --keys 40    a large model: 40 keystrokes of each trace

docs/keystrokes.md has the method, the format of a trace, and results.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from attrs import frozen
from rich.console import Console

from starcoder_lsp.bench import ours, peer, report
from starcoder_lsp.bench.progress import Progress
from starcoder_lsp.bench.steps import Step, between_restarts, steps_of
from starcoder_lsp.bench.tally import Tally
from starcoder_lsp.bench.traces import BadTrace, read_trace
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.llama_cpp import default_threads
from starcoder_lsp.loading import Model, read_model
from starcoder_lsp.models.catalogue import from_shell, resolve
from starcoder_lsp.tokens.lines import LineEncoder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

_SPEED = 2.0
_CACHE_MB = 2048
_MOST_SPEED = 1000.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model", default="nano", type=from_shell, metavar="NAME|FILE", help="default: nano, the model that ships"
    )
    parser.add_argument("--trace", nargs="+", type=Path, metavar="FILE", help="default: those in benchmarks/traces")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--side", choices=["ours", "infill", "both"], default="both", help="default: both")
    parser.add_argument(
        "--speed",
        type=float,
        default=_SPEED,
        metavar="X",
        help=f"replay X times faster than recorded (default {_SPEED:g})",
    )
    parser.add_argument("--keys", type=int, metavar="N", help="the first N keystrokes of each trace only")
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="of both sides (default: the program's own)"
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="the traces' files lie in this folder: its other files are read, and stand in our prompts",
    )
    parser.add_argument(
        "--cache",
        type=int,
        default=_CACHE_MB,
        metavar="MB",
        help=f"what our server may keep on disk, in a folder of its own; 0: nothing (default {_CACHE_MB})",
    )
    parser.add_argument("--each", action="store_true", help='report each trace too (in the JSON object: "by_trace")')
    parser.add_argument("--server-log", type=Path, metavar="FILE", help="append what the servers write to stderr there")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    plan = _plan(arguments)
    with _log(arguments.server_log) as log_file:
        result = asyncio.run(measure(plan, log_file))
    if arguments.json:
        print(json.dumps(result, indent=2))
        return 0
    console = Console(highlight=False)
    for name, one in result.get("by_trace", {}).items():
        console.print(report.table({**one, "model": name, "traces": [name], "threads": result["threads"]}))
    console.print(report.table(result))
    return 0


@frozen
class Plan:
    """What to measure."""

    model: str
    file: Model
    traces: Sequence[tuple[str, list[Step]]]
    sides: Sequence[str]
    speed: float = _SPEED
    threads: int = 0
    each: bool = False
    root: Path | None = None
    cache: int = 0
    """Megabytes that our server may keep on disk, in a folder that is removed afterwards."""


def _plan(arguments: argparse.Namespace) -> Plan:
    if not 0 < arguments.speed <= _MOST_SPEED:
        raise BadTrace(f"--speed must be above 0 and at most {_MOST_SPEED:g}, not {arguments.speed:g}.")
    if arguments.keys is not None and arguments.keys < 1:
        raise BadTrace(f"--keys must be at least 1, not {arguments.keys}.")
    if arguments.root is not None and not arguments.root.is_dir():
        raise BadTrace(f"--root {arguments.root} is not a folder.")
    paths = arguments.trace or default_traces()
    traces = [read_trace(path) for path in paths]
    return Plan(
        arguments.model,
        read_model(resolve(arguments.model)),
        [(trace.name, steps_of(trace, most_keys=arguments.keys)) for trace in traces],
        ["ours", "infill"] if arguments.side == "both" else [arguments.side],
        arguments.speed,
        arguments.threads,
        arguments.each,
        arguments.root and arguments.root.resolve(),
        arguments.cache,
    )


def default_traces() -> list[Path]:
    """Return the traces that come with the program. Raises BadTrace where there are none."""
    inside = Path(__file__).parent / "traces"
    folders = (inside, inside.parents[2] / "benchmarks" / "traces")
    for folder in folders:
        found = sorted(folder.glob("*.jsonl"))
        if found:
            return found
    raise BadTrace("No traces come with this installation; name some with --trace (docs/keystrokes.md has the format).")


@contextlib.contextmanager
def _log(path: Path | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    with path.open("ab") as file:
        yield file


async def measure(plan: Plan, log_file: BinaryIO | None = None) -> dict[str, Any]:
    """Replay the traces on each side, one after the other, and compare."""
    tallies: dict[str, list[Tally]] = {}
    threads: list[int] = []
    for name in plan.sides:
        if name == "ours":
            tallies[name] = await _replay_ours(plan, log_file)
        else:
            tallies[name], threads = await _replay_infill(plan, log_file)
    encoder = LineEncoder(plan.file.tokenizer)

    def one_side(parts: Sequence[Tally]) -> dict[str, Any]:
        whole = together(parts)
        return report.side(whole, whole.wasted(lambda text: len(encoder.encode(text))))

    result: dict[str, Any] = {name: one_side(parts) for name, parts in tallies.items()}
    _add_ratio(result)
    if plan.each:
        result["by_trace"] = {}
        for index, (trace, _steps) in enumerate(plan.traces):
            result["by_trace"][trace] = {
                name: {**one_side(parts[index : index + 1]), **report.details(parts[index])}
                for name, parts in tallies.items()
            }
            _add_ratio(result["by_trace"][trace])
    result["model"] = plan.file.name
    result["traces"] = [name for name, _steps in plan.traces]
    result["threads"] = threads or ([plan.threads] * 2 if plan.threads else list(default_threads()))
    result["speed"] = plan.speed
    result["machine"] = f"{platform.machine()} {platform.system()}"
    return result


def _add_ratio(result: dict[str, Any]) -> None:
    if "ours" in result and "infill" in result:
        result["ratio"] = report.ratio(result["ours"], result["infill"])


def together(tallies: Sequence[Tally]) -> Tally:
    """Return all costs as one."""
    whole = Tally()
    for tally in tallies:
        whole.by_key += tally.by_key
        whole.opening += tally.opening
        whole.opening_ms += tally.opening_ms
        whole.waits_ms += tally.waits_ms
        whole.without += tally.without
        whole.generated += tally.generated
        whole.used_texts += tally.used_texts
        whole.prompts += tally.prompts
    return whole


def _progress(title: str, plan: Plan) -> Progress:
    return Progress(title, sum(len(steps) for _name, steps in plan.traces))


async def _replay_ours(plan: Plan, log_file: BinaryIO | None) -> list[Tally]:
    _say(f"starcoder-lsp: loading {plan.file.name}")
    tallies: list[Tally] = []
    progress = _progress("starcoder-lsp, keystrokes replayed", plan)
    with tempfile.TemporaryDirectory(prefix="starcoder-bench-") as folder:
        cache = {"cache.disk": plan.cache, "cache.folder": folder}
        session = await ours.start(plan.model, plan.threads, log_file, plan.root, cache)
        try:
            for name, steps in plan.traces:
                tallies.append(Tally())
                base = plan.root.as_uri() if plan.root else f"file:///bench/{name}"
                for number, part in enumerate(between_restarts(steps)):
                    if number:
                        await ours.stop(session)
                        session = await ours.start(plan.model, plan.threads, log_file, plan.root, cache)
                    await ours.guarded(session, ours.replay(session, base, part, tallies[-1], plan.speed, progress))
        finally:
            progress.end()
            await ours.stop(session)
    return tallies


async def _replay_infill(plan: Plan, log_file: BinaryIO | None) -> tuple[list[Tally], list[int]]:
    _say(f"/infill: loading {plan.file.name}")
    server = await peer.Peer.start(plan.file.header.path, plan.threads, Settings().context_size, log_file)
    tallies: list[Tally] = []
    progress = _progress("/infill, keystrokes replayed", plan)
    encoder = LineEncoder(plan.file.tokenizer)
    try:
        for _name, steps in plan.traces:
            tallies.append(Tally())
            await peer.replay(server, encoder, steps, tallies[-1], progress)
    finally:
        progress.end()
        await server.stop()
    return tallies, list(server.threads)


def _say(line: str) -> None:
    print(line, file=sys.stderr)
