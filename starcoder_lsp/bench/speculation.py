"""Measure n-gram speculation: llama.cpp drafts tokens that followed the same few tokens earlier in the prompt.

Two kinds of prompts, alternating with and without speculation in one run: code that repeats its context (the start of a
file is begun once more at its end) and code as it is. Reported: ms a token, and the ratio.
"""

from __future__ import annotations

import argparse
import inspect
import json
import statistics
from typing import TYPE_CHECKING

from rich.console import Console

from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.engine.base import CancelToken, Engine
from starcoder_lsp.loading import Model, read_model
from starcoder_lsp.models.catalogue import SHIPPED, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

_WINDOW = 2048
_PROMPT = 700
_REPEATED = 200
_SOURCES = (argparse, inspect, statistics)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--model", default=SHIPPED, metavar="NAME|FILE", help="a GGUF model (%(default)s)")
    parser.add_argument("--prompts", type=int, default=4, metavar="N", help="of each source file (%(default)s)")
    parser.add_argument("--tokens", type=int, default=48, metavar="N", help="generated for each (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark."""
    model = read_model(resolve(arguments.model))
    plain, drafting = _load(model, speculation=False), _load(model, speculation=True)
    report: dict[str, dict[str, float]] = {}
    try:
        for kind, prompts in _prompts(model, arguments.prompts).items():
            times: dict[str, list[float]] = {"without": [], "with": []}
            for ids in prompts:
                times["without"].append(_ms_per_token(plain, ids, arguments.tokens))
                times["with"].append(_ms_per_token(drafting, ids, arguments.tokens))
            without, with_ = statistics.median(times["without"]), statistics.median(times["with"])
            report[kind] = {
                "ms_without": round(without, 3),
                "ms_with": round(with_, 3),
                "gain": round(without / with_, 3),
            }
    finally:
        plain.close()
        drafting.close()
    if arguments.json:
        print(json.dumps({"model": model.name} | report, indent=2))
        return 0
    console = Console(highlight=False)
    for kind, row in report.items():
        console.print(
            f"{kind:10} {row['ms_without']} ms a token without, {row['ms_with']} with: {row['gain']} times as fast"
        )
    return 0


def _load(model: Model, *, speculation: bool) -> Engine:
    return llama_cpp.load(model.header, end_ids=frozenset(), context_window=_WINDOW, slots=1, speculation=speculation)


def _prompts(model: Model, count: int) -> dict[str, list[Sequence[int]]]:
    plain: list[Sequence[int]] = []
    repeating: list[Sequence[int]] = []
    for source in _SOURCES:
        ids = model.tokenizer.encode(inspect.getsource(source))
        for index in range(count):
            start = index * max(1, (len(ids) - _PROMPT) // count)
            window = ids[start : start + _PROMPT]
            plain.append(window)
            repeating.append([*window, *window[: _REPEATED // 4]])
    return {"plain": plain, "repeating": repeating}


def _ms_per_token(engine: Engine, ids: Sequence[int], tokens: int) -> float:
    engine.prefill(ids[:-1], slot=0, cancel=CancelToken())
    outcome = engine.generate(ids, slot=0, max_tokens=tokens, on_token=lambda _token: False, cancel=CancelToken())
    return outcome.decode_ms / max(1, outcome.generated - 1)
