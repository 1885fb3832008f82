"""Run the engine process that all windows of a user share; windows start it themselves, with the setting "shared".

By hand, it loads a model ahead: windows with the same model and settings join it. It ends when no window is left.
With --list, print which processes run.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Final

import psutil

from starcoder_lsp import __version__
from starcoder_lsp.completer.speed import measure
from starcoder_lsp.config import Settings, apply_options
from starcoder_lsp.engine.shared.greeting import make_token
from starcoder_lsp.engine.shared.host import IDLE_S, Host, Opened, ToWindows, serve
from starcoder_lsp.engine.shared.place import Card, Occupied, Place, Unsafe, folder
from starcoder_lsp.errors import ConfigError, EngineFailed
from starcoder_lsp.loading import WARM_UP, open_engine, read_model
from starcoder_lsp.models.catalogue import resolve
from starcoder_lsp.models.memory import human
from starcoder_lsp.sharing import place_of
from starcoder_lsp.tokens.lines import LineEncoder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

log = logging.getLogger(__name__)

_IDLE: Final = "STARCODER_LSP_ENGINE_IDLE"
_OTHER: Final = 3
"""Status where the process that is wanted is another than this program makes: it was updated meanwhile."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_engine_options, add_model_option  # noqa: PLC0415 - cli imports the commands

    add_model_option(parser)
    add_engine_options(parser)
    parser.add_argument("--list", action="store_true", help="print the processes that run, and end")
    parser.add_argument(
        "--idle",
        type=float,
        default=os.environ.get(_IDLE, IDLE_S),
        metavar="S",
        help=f"seconds without a window until it ends (default {IDLE_S:.0f}, or ${_IDLE})",
    )
    parser.add_argument("--loopback", action="store_true", help="listen on 127.0.0.1, as on Windows, not on a socket")
    parser.add_argument("--options", metavar="JSON", help="options as an editor sets them, in place of the others")
    parser.add_argument("--for", dest="key", metavar="KEY", help="what the window that starts it looks for")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.list:
        return _list()
    settings = _settings(arguments)
    model = read_model(resolve(settings.model))
    try:
        place = place_of(settings, model.header)
    except (Unsafe, OSError) as error:
        raise EngineFailed(f"There is no place for the engine process: {error}") from error
    if arguments.key not in (None, place.key):
        log.warning("This is another version than the window's, or the model changed: restart the window.")
        return _OTHER

    def load() -> Opened:
        engine = open_engine(model, settings)
        speed = measure(engine, LineEncoder(model.tokenizer).encode(WARM_UP))
        return Opened(engine, speed.prefill, speed.decode)

    try:
        with place.held(lambda: _wait_for(place)):
            place.sweep()
            _serve(place, load, arguments, model.name)
    except Occupied:
        log.info("Another engine process serves this model already.")
    return 0


def _serve(place: Place, load: Callable[[], Opened], arguments: argparse.Namespace, name: str) -> None:
    listener, port = place.bind(**({"loopback": True} if arguments.loopback else {}))
    token = make_token()
    host = Host(listener, token, load, arguments.idle)
    logger = logging.getLogger("starcoder_lsp")
    logger.setLevel("INFO")
    for handler in logging.getLogger().handlers:
        handler.setLevel("WARNING" if arguments.options else "INFO")
    logger.addHandler(ToWindows(host))
    place.write(Card(os.getpid(), token, port, __version__, name))
    listener.listen()  # behind the card: who connects has read it, but for one that read the card before
    serve(host)


def _wait_for(place: Place) -> None:
    """Go on waiting for the lock while its holder is about to end; raise Occupied where it serves."""
    card = place.read()
    if card is not None:
        try:
            place.connect(card).close()
        except OSError:
            return
        raise Occupied


def _settings(arguments: argparse.Namespace) -> Settings:
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    if arguments.options is None:
        return settings_of(arguments)
    try:
        settings, problems = apply_options(Settings(), json.loads(arguments.options))
    except ValueError as error:
        raise ConfigError(f"--options takes a JSON object: {error}.") from error
    if problems:
        raise ConfigError(" ".join(problems))
    return settings


def _list() -> int:
    try:
        cards = Place(folder(), "").others()
    except (Unsafe, OSError) as error:
        raise EngineFailed(str(error)) from error
    for card in cards:
        try:
            memory = human(psutil.Process(card.process).memory_info().rss)
        except psutil.Error:
            continue
        print(f"{card.process}  {card.model}  version {card.version}  {memory}")
    if not cards:
        print("No engine process runs.", file=sys.stderr)
    return 0
