"""Measure what this program costs, on your machine and with your model.

starcoder-lsp bench keystrokes    prompt tokens and time per keystroke, beside llama.vim over llama.cpp's /infill
starcoder-lsp bench restart       opening a file after a restart, and coming back to one
starcoder-lsp bench overhead      time per keystroke and request outside the engine
starcoder-lsp bench cancel        from a cancel to an idle engine
starcoder-lsp bench busy          decode speed while other programs want every core
starcoder-lsp bench engines       llama.cpp and ctransformers on the same model
starcoder-lsp bench fleet         a server under many people who type
"""

from __future__ import annotations

import argparse
import importlib

_BENCHMARKS = {
    "keystrokes": "what a keystroke costs, beside llama.vim over /infill",
    "restart": "opening a file after a restart, and coming back to one",
    "overhead": "time outside the engine",
    "cancel": "from a cancel to an idle engine",
    "busy": "decode speed while every core is busy",
    "engines": "llama.cpp and ctransformers on the same model",
    "fleet": "a server under many people who type",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the benchmarks."""
    kinds = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK", required=True)
    for name, help_text in _BENCHMARKS.items():
        module = importlib.import_module(f"starcoder_lsp.bench.{name}")
        child = kinds.add_parser(
            name, help=help_text, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.configure(child)
        child.set_defaults(run_benchmark=module.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    status: int = arguments.run_benchmark(arguments)
    return status
