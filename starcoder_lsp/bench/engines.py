"""Measure each engine on the same weights: load time, memory, speed, and how fast a cancel is heard.

Each engine runs in a process of its own. The model must be a StarCoder of the first generation if both are to run it;
an engine that cannot says why. A GGUF file is repacked for ctransformers first, once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from attrs import asdict
from rich.console import Console
from rich.table import Table

from starcoder_lsp.bench.engine_probe import Options
from starcoder_lsp.engine.repack import repack, repacked_path
from starcoder_lsp.errors import ModelError
from starcoder_lsp.models.catalogue import SHIPPED, from_shell, resolve
from starcoder_lsp.models.read import is_ggml, read_any_header

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

ENGINES = ("llama.cpp", "ctransformers")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model", default=SHIPPED, type=from_shell, metavar="M", help="a model's name or path (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "--context", type=int, default=2048, metavar="N", help="tokens of context (default: %(default)s)"
    )
    parser.add_argument("--prompt", type=int, default=256, metavar="N", help="tokens of prompt (%(default)s)")
    parser.add_argument("--tokens", type=int, default=32, metavar="N", help="tokens to write (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="0: the engine's own choice")


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark; 1 if no engine can run the model."""
    options = Options(
        context=arguments.context, prompt=arguments.prompt, tokens=arguments.tokens, threads=arguments.threads
    )
    try:
        path = resolve(arguments.model)
        repacked = _repack(path)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    rows = [_probe(engine, path, options) for engine in ENGINES]
    if arguments.json:
        report = {"model": path.name, "options": asdict(options), "repack": repacked, "engines": rows}
        print(json.dumps(report, indent=2))
    else:
        _print(path, rows, repacked)
    return 0 if any("error" not in row for row in rows) else 1


def _repack(path: Path) -> dict[str, Any]:
    """Repack the file unless that was done, or cannot be; return seconds and bytes."""
    header = read_any_header(path)
    if is_ggml(header):
        return {}
    try:
        there = repacked_path(header).exists()
        started = time.perf_counter()
        target = repack(header)
    except ModelError as error:
        return {"error": str(error)}
    seconds = None if there else time.perf_counter() - started
    return {"seconds": seconds, "bytes": target.stat().st_size, "source_bytes": header.file_bytes}


def _probe(engine: str, path: Path, options: Options) -> dict[str, Any]:
    command = [sys.executable, "-m", "starcoder_lsp.bench.engine_probe", engine, str(path), json.dumps(asdict(options))]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode or not result.stdout:
        return {"engine": engine, "error": f"The process ended with status {result.returncode}."}
    row: dict[str, Any] = json.loads(result.stdout)
    return row


_LINES = (
    ("load, s", "load_s", 1.0),
    ("memory, MB: loaded", "loaded_bytes", 2**-20),
    ("memory, MB: after the prompt", "used_bytes", 2**-20),
    ("prefill, tokens/s", "prefill_per_s", 1.0),
    ("decode, tokens/s", "decode_per_s", 1.0),
    ("one more token, ms", "keystroke_ms", 1.0),
    ("cancel in a prefill, ms: median", "cancel_ms", 1.0),
    ("cancel in a prefill, ms: worst", "cancel_worst_ms", 1.0),
)


def _print(path: Path, rows: list[dict[str, Any]], repacked: dict[str, Any]) -> None:
    table = Table("", *(row["engine"] for row in rows), box=None, padding=(0, 2, 0, 0), title=path.name)
    for label, key, factor in _LINES:
        table.add_row(label, *(f"{row[key] * factor:,.1f}" if key in row else "-" for row in rows))
    console = Console(highlight=False)
    console.print(table)
    for row in rows:
        console.print(f"{row['engine']}: {row.get('detail') or row.get('error')}", soft_wrap=True)
    if repacked.get("seconds") is not None:
        console.print(f"Repacked for ctransformers in {repacked['seconds']:.1f} s")
