"""One command, `starcoder-lsp`: an editor starts it as it is; people start its subcommands."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from typing import NoReturn

from starcoder_lsp import __version__
from starcoder_lsp.config import Settings, apply_options
from starcoder_lsp.errors import ConfigError, StarcoderError
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
    "models": "list the models that can be used, or prepare one",
    "doctor": "check Python, engine, GPU, model and memory",
    "bench": "measure what a keystroke costs, and more",
    "eval": "measure how often suggestions are right",
}


def _parser(argv: list[str]) -> argparse.ArgumentParser:
    """Make the parser. Only the command that is named is imported: an editor's server starts without them."""
    parser = argparse.ArgumentParser(
        prog="starcoder-lsp", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"starcoder-lsp {__version__}")
    serve = parser.add_argument_group("serving (no command)")
    serve.add_argument("--stdio", action="store_true", help="serve on stdin and stdout; this is the default")
    serve.add_argument("--tcp", metavar="HOST:PORT", help="serve one client on a TCP port, for debugging")
    add_model_options(serve)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, help_text in _COMMANDS.items():
        if name not in argv:
            commands.add_parser(name, help=help_text)
            continue
        module = importlib.import_module(f"starcoder_lsp.commands.{name}")
        child = commands.add_parser(
            name, help=help_text, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.configure(child)
        child.set_defaults(run=module.run)
    return parser


def add_model_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that choose a model and how it runs."""
    parser.add_argument("--model", metavar="NAME|FILE", help="a name that `models` lists, or a GGUF or GGML file")
    parser.add_argument("--engine", choices=["auto", "llama.cpp", "ctransformers"], help="what runs the model")
    parser.add_argument("--context-size", type=int, metavar="TOKENS", help="context window (default 8192)")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads (default: fewer than the cores)")
    parser.add_argument("--gpu-layers", metavar="N|auto", help="layers on the GPU (default: all where there is one)")
    parser.add_argument("--log-level", choices=["error", "warning", "info", "debug"], help="on stderr (default: info)")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that the command line asks for. Raises ConfigError for values that cannot be."""
    gpu_layers = arguments.gpu_layers
    if gpu_layers is not None and gpu_layers != "auto" and gpu_layers.isdigit():
        gpu_layers = int(gpu_layers)
    options = {
        "model": arguments.model,
        "engine": arguments.engine,
        "contextSize": arguments.context_size,
        "threads": arguments.threads,
        "gpuLayers": gpu_layers,
        "logLevel": arguments.log_level,
    }
    settings, problems = apply_options(Settings(), options)
    if problems:
        raise ConfigError(" ".join(problems))
    return settings


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line, and end the process with its status (2: a user's mistake, 1: a failure)."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser(argv).parse_args(argv)
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
    from starcoder_lsp.server import app  # noqa: PLC0415 - after stdout was taken: native libraries may be loaded

    if arguments.tcp:
        host, _, port = arguments.tcp.rpartition(":")
        if not port.isdigit():
            raise ConfigError(f"--tcp takes HOST:PORT, such as 127.0.0.1:7777, not {arguments.tcp!r}.")
        app.serve_tcp(settings, host or "127.0.0.1", int(port))
    else:
        app.serve_stdio(settings, output)
    sys.exit(0)
