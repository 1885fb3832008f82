"""Check what a suggestion needs: Python, the engine and its CPU features, GPU, model, memory, and one generated token.

Servers that the options name are connected to, and asked for one suggestion each. A `llama-server` on the PATH is
started with the model for a moment, to say whether its build is faster than the one that is used.

Exits with 0 if all is well, else with 1; each line that is not says what to do.
"""

from __future__ import annotations

import platform
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import psutil
from rich.console import Console

from starcoder_lsp import __version__, native_server, sharing
from starcoder_lsp.addresses import LOCAL
from starcoder_lsp.completer import Ask
from starcoder_lsp.completer.speed import measure
from starcoder_lsp.completion.curve import LEVELS
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.connecting import connect
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.shared.place import Unsafe
from starcoder_lsp.errors import StarcoderError
from starcoder_lsp.loading import load, read_model
from starcoder_lsp.models.catalogue import resolve
from starcoder_lsp.models.measured import read_curve
from starcoder_lsp.models.memory import human

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from starcoder_lsp.addresses import EngineAddress
    from starcoder_lsp.config import Settings

_WORTH: Final = 1.3
"""How many times as fast a server must be for advice: measurements of a moment differ by as much."""
_TEXT: Final = (
    "class Stack:\n    def push(self, item):\n        self.items.append(item)\n\n    def pop(self):\n        return "
)
"""Not the text that a load measures with: the engine holds that already."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_model_options  # noqa: PLC0415 - cli imports the commands

    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:  # noqa: C901 - one small look each
    """Run the command."""
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    settings = settings_of(arguments)
    console = Console(highlight=False)
    failed: set[str] = set()
    here = 0.0

    def check(name: str, look: Callable[[], str], *, needs: str = "") -> None:
        if needs in failed:
            failed.add(name)
            console.print(f"[yellow]skipped[/] {name}: it needs what failed above")
            return
        try:
            with console.status(name):  # on a terminal, while a model loads
                found = look()
        except (StarcoderError, Unsafe, ImportError, OSError) as error:
            failed.add(name)
            found = str(error)
        console.print("[red]failed[/]  " if name in failed else "[green]ok[/]      ", end="")
        console.print(f"{name}: {found}", markup=False, soft_wrap=True)

    def engine() -> str:
        from starcoder_lsp.engine import llama_cpp  # noqa: PLC0415 - loads a native library

        return llama_cpp.build_line()

    def devices() -> str:
        from starcoder_lsp.engine import llama_cpp  # noqa: PLC0415 - loads a native library

        return ", ".join(
            f"{device.name} ({device.description}, {human(device.free)} free)" for device in llama_cpp.devices()
        )

    def model() -> str:
        path = resolve(settings.model)
        header = read_model(path).header
        return f"{path}: {header.architecture}, {header.quantisation}, {header.parameters / 1e6:.0f} M parameters"

    def confidence() -> str:
        curve = read_curve(read_model(resolve(settings.model)).header)
        levels = ", ".join(f"{level} from {curve.threshold(level):.2f}" for level in LEVELS)
        measured = (
            f"measured at {curve.holes} places" if curve.holes else "not measured, `starcoder-lsp calibrate` does"
        )
        return f"{levels} ({measured}): the joint probability of what is shown"

    def windows() -> str:
        return sharing.described(settings, read_model(resolve(settings.model)).header)

    def one_token() -> str:
        nonlocal here
        said, here = _one_token(settings)
        return said

    def memory() -> str:
        free = psutil.virtual_memory()
        return f"{free.available / 1e9:.1f} of {free.total / 1e9:.1f} GB free"

    check("starcoder-lsp", lambda: f"{__version__}, Python {platform.python_version()} at {sys.executable}")
    for address in (place for place in settings.engines if place != LOCAL):
        check(f"server {address.shown}", partial(_server, address, settings))
    if LOCAL in settings.engines:
        check("engine", engine)
        check("devices", devices)
        check("memory", memory)
        check("model", model)
        check("confidence", confidence, needs="model")
        check("windows", windows, needs="model")
        check("one token", one_token, needs="model")
        if (program := native_server.find()) is not None:
            check("llama-server", lambda: _native(program, settings, here), needs="one token")
    return 1 if failed else 0


def _one_token(settings: Settings) -> tuple[str, float]:
    """Generate a token with the local model; return how long that took, and the speed of prefill as measured now."""
    started = time.perf_counter()
    completer = load(settings)
    try:
        ids = completer.encoder.encode(_TEXT)
        completer.engine.generate(ids[:8], slot=0, max_tokens=1, on_token=lambda _token: False, cancel=CancelToken())
        seconds = time.perf_counter() - started
        speed = measure(completer.engine, ids)  # the completer's may be that of an earlier load
        said = (
            f"written {seconds:.1f} s after the start of the load; "
            f"prefill {speed.prefill:.0f}, decode {speed.decode:.0f} tokens/s"
        )
        return said, speed.prefill
    finally:
        completer.close()


def _native(program: str, settings: Settings, here: float) -> str:
    """Measure an installed llama-server with the local model, whose prefill here is `here` tokens a second; say it."""
    model = resolve(settings.model)
    prefill = native_server.prefill_speed(program, model, settings)
    ratio = prefill / here
    found = f"{program}: prefill {prefill:.0f} tokens/s with this model, {ratio:.1f} times the above"
    return f"{found}. To use it, {native_server.advice(model)}" if ratio >= _WORTH else found


def _server(address: EngineAddress, settings: Settings) -> str:
    """Ask a server for a suggestion; return what it is."""
    completer = connect(address, settings)
    try:
        text = "def main():\n    return "
        answer = completer.suggest(Ask(("", ""), Place(text, len(text)), max_tokens=4), CancelToken())
        about = completer.about
        return (
            f"your code goes there. {about.name}, {about.engine.split(' at ')[0]}, window of "
            f"{about.context_window:,} tokens; {about.detail}; {answer.raw!r} after {answer.timings.total:.0f} ms"
        )
    finally:
        completer.close()
