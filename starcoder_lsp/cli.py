"""One command, `starcoder-lsp`: an editor starts it as it is; people start its subcommands."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

from starcoder_lsp import __version__
from starcoder_lsp.addresses import LOCAL
from starcoder_lsp.arguments import Parser
from starcoder_lsp.config import Settings, apply_options
from starcoder_lsp.errors import ConfigError, StarcoderError
from starcoder_lsp.models.catalogue import from_shell
from starcoder_lsp.stdio import take_stdout

_DESCRIPTION = """\
Inline code completion from a StarCoder-family model on your own machine.

Without a command this is a language server on stdin and stdout: an editor starts it. To see what it does:

  starcoder-lsp demo                        one completion session, printed for people
  starcoder-lsp complete main.py:12:9       what it would suggest at line 12, column 9
  starcoder-lsp doctor                      is everything in place?
"""
_COMMANDS = {
    "demo": "show one completion session with the model that ships",
    "complete": "print the suggestion at one place of a file",
    "context": "show what other files put in front of the prompt there, and why",
    "models": "list models, find out which to take, and fetch it",
    "doctor": "check Python, engine, GPU, model and memory",
    "bench": "measure what a keystroke costs, and more",
    "eval": "measure how often suggestions are right",
    "usage": "show what became of suggestions on this machine",
    "cache": "show or delete what was read of your files and is kept on disk",
    "prove": "replay your history: what would suggestions have saved?",
    "calibrate": "measure how sure a model must be, on your own code",
    "engine": "run the engine process that windows share",
    "completion": "print what makes your shell complete all this",
    "help": "say what a command does: starcoder-lsp help complete",
}
_COMPLETING = "_ARGCOMPLETE"
"""Set by a shell that wants the words that may come next, not a run."""


def _parser(words: list[str]) -> Parser:
    """Make the parser. Only a command among `words` is imported: an editor's server starts without them."""
    parser = Parser(
        prog="starcoder-lsp", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"starcoder-lsp {__version__}")
    serve = parser.add_argument_group("serving (no command)")
    serve.add_argument("--stdio", action="store_true", help="serve on stdin and stdout; this is the default")
    serve.add_argument("--tcp", metavar="HOST:PORT", help="serve one client on a TCP port, for debugging")
    add_model_options(serve)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, help_text in _COMMANDS.items():
        if name not in words or name == "help":
            commands.add_parser(name, help=help_text)
            continue
        module = importlib.import_module(f"starcoder_lsp.commands.{name}")
        child = commands.add_parser(
            name, help=help_text, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        child.set_defaults(run=module.run, parser=child)
        module.configure(child)
    parser.set_defaults(parser=parser)
    return parser


def _parse(argv: list[str]) -> argparse.Namespace:
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    parser = _parser(argv)
    arguments, unrecognized = parser.parse_known_args(argv)
    if unrecognized:
        arguments.parser.unrecognized(unrecognized)
    return arguments


def _complete_for_shell() -> NoReturn:
    """Print the words that may come next on the command line that a shell is editing (argcomplete's protocol)."""
    import argcomplete  # noqa: PLC0415 - the server needs none

    argcomplete.autocomplete(_parser(os.environ.get("COMP_LINE", "").split()))
    sys.exit(0)


def _models_for_shell(prefix: str, **_about: object) -> list[str]:
    from argcomplete.completers import FilesCompleter  # noqa: PLC0415 - as above

    from starcoder_lsp.models.catalogue import available  # noqa: PLC0415 - as above

    return [model.name for model in available()] + list(FilesCompleter(["gguf", "ggml", "bin"])(prefix))


def add_model_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that choose a model and how it runs."""
    add_model_option(parser)
    parser.add_argument(
        "--engine-url",
        metavar="URL",
        action="append",
        help="a server to ask instead, such as http://gpu.local:8000 or unix:/run/engine.sock (more than once: in this "
        'order; "local" at the end: the model behind them). Your code goes there',
    )
    parser.add_argument("--engine-key-env", metavar="NAME", help="environment variable with these servers' key")
    add_engine_options(parser)


def add_engine_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that say how a model runs."""
    parser.add_argument("--engine", choices=["auto", "llama.cpp", "ctransformers"], help="what runs the model")
    parser.add_argument("--context-size", type=int, metavar="TOKENS", help="context window (default 8192)")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads (default: fewer than the cores)")
    parser.add_argument("--gpu-layers", metavar="N|auto", help="layers on the GPU (default: all where there is one)")
    parser.add_argument(
        "--lora",
        action="append",
        type=adapter_from_shell,
        metavar="FILE[=SCALE]",
        help="add a LoRA adapter (GGUF); may be given several times",
    )
    parser.add_argument("--cache-type", choices=["f16", "q8_0"], help="caches in 16 bits (default), or in 8")
    parser.add_argument("--log-level", choices=["error", "warning", "info", "debug"], help="on stderr (default: info)")


def add_model_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, several: bool = False) -> None:
    """Add `--model` alone; `several`: it may be given more than once, and is a list."""
    model = parser.add_argument(
        "--model",
        action="append" if several else "store",
        type=from_shell,
        metavar="NAME|FILE",
        help="a name that `models` lists, or a GGUF or GGML file (default: nano)"
        + "; may be given several times" * several,
    )
    # argcomplete looks for it there
    model.completer = _models_for_shell  # type: ignore[attr-defined]


def add_max_tokens_option(parser: argparse.ArgumentParser) -> None:
    """Add `--max-tokens`; `settings_of` checks it."""
    parser.add_argument("--max-tokens", type=int, metavar="N", help="the most tokens of a suggestion (default 96)")


_FLAGS = {
    "model": "--model",
    "engine": "--engine",
    "contextSize": "--context-size",
    "threads": "--threads",
    "gpuLayers": "--gpu-layers",
    "lora": "--lora",
    "cacheType": "--cache-type",
    "logLevel": "--log-level",
    "maxTokens": "--max-tokens",
    "confidence": "--confidence",
}
"""The options that the command line can set, and how it calls them."""


def add_confidence_option(parser: argparse.ArgumentParser) -> None:
    """Add the knob that says how sure the model must be of what is shown."""
    parser.add_argument(
        "--confidence",
        metavar="LEVEL|P",
        help="bold, balanced (default), careful, or a joint probability from 0 (shows everything) to 1",
    )


def adapter_from_shell(text: str) -> dict[str, object]:
    """Return what `--lora FILE[=SCALE]` means, as the setting `lora` has it: a relative path is the shell's."""
    file, equals, scale = text.rpartition("=")
    if not equals:
        file, scale = text, "1"
    try:
        return {"path": str(Path(file).expanduser().absolute()), "scale": float(scale)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"FILE[=SCALE] wants a number behind the =, not {scale!r}") from None


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that the command line asks for. Raises ConfigError for values that cannot be."""
    options = {name: getattr(arguments, flag[2:].replace("-", "_"), None) for name, flag in _FLAGS.items()}
    layers = options["gpuLayers"]
    if layers is not None and layers.isdigit():
        options["gpuLayers"] = int(layers)
    options["confidence"] = number_or_text(options["confidence"])
    options["engines"] = _engines(arguments)
    settings, problems = apply_options(Settings(), options)
    if problems:
        sentence = " ".join(problems)
        for name, flag in _FLAGS.items():
            sentence = sentence.replace(f'Option "{name}"', flag)
        raise ConfigError(sentence)
    return settings


def number_or_text(value: str | None) -> float | str | None:
    """Return a number where a text of the command line is one."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return value


def _engines(arguments: argparse.Namespace) -> list[object] | None:
    """Return the option `engines` of a command line; None without one."""
    urls, variable = getattr(arguments, "engine_url", None), getattr(arguments, "engine_key_env", None)
    if urls is None:
        if variable is not None:
            raise ConfigError("--engine-key-env needs --engine-url: a key is sent only to servers that you name.")
        return None
    key = {} if variable is None else {"key": {"env": variable}}
    return [url if url == LOCAL else {"url": url, **key} for url in urls]


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line, and end the process with its status (2: a user's mistake, 1: a failure)."""
    if _COMPLETING in os.environ:
        _complete_for_shell()
    arguments = _parse(sys.argv[1:] if argv is None else argv)
    try:
        if arguments.command is None:
            _serve(arguments)
        level = (getattr(arguments, "log_level", None) or "warning").upper()
        logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        sys.exit(arguments.run(arguments))
    except StarcoderError as error:
        print(f"starcoder-lsp: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("starcoder-lsp: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _serve(arguments: argparse.Namespace) -> NoReturn:
    settings = settings_of(arguments)
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # pygls logs every message body, and with it the user's text; its errors come to us, and are logged by us.
    logging.getLogger("pygls").setLevel("DEBUG" if settings.log_level == "debug" else "CRITICAL")
    logging.getLogger("starcoder_lsp").setLevel(settings.log_level.upper())
    if sys.stdin.isatty() and not arguments.tcp:
        print("starcoder-lsp waits for an editor on stdin. To try it by hand: starcoder-lsp demo", file=sys.stderr)
    output = take_stdout()
    from starcoder_lsp.server import serve  # noqa: PLC0415 - after stdout was taken: native libraries may be loaded

    if arguments.tcp:
        host, _, port = arguments.tcp.rpartition(":")
        if not port.isdigit():
            raise ConfigError(f"--tcp takes HOST:PORT, such as 127.0.0.1:7777, not {arguments.tcp!r}.")
        serve.serve_tcp(settings, host or "127.0.0.1", int(port))
    else:
        serve.serve_stdio(settings, output)
