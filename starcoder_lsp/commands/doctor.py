"""Check what a suggestion needs: Python, the engine and its CPU features, GPU, model, memory, and one generated token.

Exits with 0 if all is well, else with 1; each line that is not says what to do.
"""

from __future__ import annotations

import platform
import sys
import time
from typing import TYPE_CHECKING

import psutil
from rich.console import Console

from starcoder_lsp import __version__
from starcoder_lsp.engine.base import CancelToken, Token
from starcoder_lsp.errors import StarcoderError
from starcoder_lsp.loading import load, read_model
from starcoder_lsp.models.catalogue import resolve

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_model_options  # noqa: PLC0415 - cli imports the commands

    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    console = Console(highlight=False)
    settings = settings_of(arguments)
    path = resolve(settings.model)
    well = True

    def check(name: str, look: Callable[[], str]) -> None:
        nonlocal well
        try:
            console.print(f"[green]ok[/]     {name}: ", end="")
            console.print(look(), markup=False, soft_wrap=True)
        except (StarcoderError, ImportError, OSError) as error:
            well = False
            console.print(f"\r[red]failed[/] {name}: ", end="")
            console.print(str(error), markup=False, soft_wrap=True)

    def engine() -> str:
        from starcoder_lsp.engine import llama_cpp  # noqa: PLC0415 - loads a native library

        return llama_cpp.build_line()

    def devices() -> str:
        from starcoder_lsp.engine import llama_cpp  # noqa: PLC0415 - loads a native library

        return ", ".join(f"{name} ({about})" for name, about in llama_cpp.devices())

    def model() -> str:
        header = read_model(path).header
        return f"{path}: {header.architecture}, {header.quantisation}, {header.parameters / 1e6:.0f} M parameters"

    def memory() -> str:
        free = psutil.virtual_memory()
        return f"{free.available / 1e9:.1f} of {free.total / 1e9:.1f} GB free"

    def one_token() -> str:
        started = time.perf_counter()
        runtime = load(settings)
        try:
            ids = runtime.encoder.encode("def main():\n    ")
            pieces: list[bytes] = []

            def take(token: Token) -> bool:
                pieces.append(token.piece)
                return False

            runtime.engine.generate(ids, slot=0, max_tokens=1, on_token=take, cancel=CancelToken())
            speed = runtime.speed
            return (
                f"{b''.join(pieces)!r} after {time.perf_counter() - started:.1f} s with the load; "
                f"prefill {speed.prefill:.0f}, decode {speed.decode:.0f} tokens/s"
            )
        finally:
            runtime.engine.close()

    check("starcoder-lsp", lambda: f"{__version__}, Python {platform.python_version()} at {sys.executable}")
    check("engine", engine)
    check("devices", devices)
    check("memory", memory)
    check("model", model)
    check("one token", one_token)
    return 0 if well else 1
