"""Remove models from the folder of models, or check that those there are what they were when they came."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from starcoder_lsp.commands.model_progress import agrees, progress
from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.engine.states.identity import model_key
from starcoder_lsp.errors import ModelError, StarcoderError
from starcoder_lsp.hub import pull
from starcoder_lsp.models.catalogue import available, models_folder, resolve, shipped_model
from starcoder_lsp.models.memory import human
from starcoder_lsp.models.read import read_any_header

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `models remove NAME` and `models verify [NAME …]`."""
    parser = subparsers.add_parser("remove", help="remove a model from this disk", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="a model in the folder, or one whose download was interrupted")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(parser=parser, act=run_remove)
    parser = subparsers.add_parser("verify", help="check models against their checksums", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to check (default: all in the folder)")
    parser.set_defaults(parser=parser, act=run_verify)


def run_remove(arguments: argparse.Namespace) -> int:
    """Remove one. Raises ModelNotFound, HubError, OSError."""
    folder = models_folder()
    parts = pull.unfinished(f"{arguments.name.removesuffix('.gguf')}.gguf")
    path = folder / f"{arguments.name.removesuffix('.gguf')}.gguf" if parts else resolve(arguments.name)
    if path == shipped_model():
        raise StarcoderError("nano ships with the program and stays.")
    if not arguments.yes and not agrees(f"Remove {path}?"):
        print("Nothing was removed (say --yes where nobody can be asked).", file=sys.stderr)
        return 1
    key = model_key(path)  # while the path leads to it
    freed = pull.remove(path)
    _count, kept = StatesFolder().clear(key)
    print(f"{human(freed + kept)} are free again.")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Check all, or those named. The status is 1 if one of them is not what it was."""
    models = [resolve(name) for name in arguments.names] or [
        model.path for model in available() if model.path != shipped_model()
    ]
    if not models:
        print(f"There is nothing to check in {models_folder()}.")
    well = True
    for path in models:
        problem, note = _verify(path)
        well = well and not problem
        print(f"{path.name}: {problem or note}")
    return 0 if well else 1


def _verify(path: Path) -> tuple[str, str]:
    """Return what is wrong with a file, or else what was found."""
    try:
        read_any_header(path)
    except ModelError as error:
        return str(error), ""
    stated = pull.origin_of(path).get("sha256")
    if not stated:
        return "", "complete; it was not pulled, so that its checksum is not known"
    size = path.stat().st_size
    with progress() as report:
        found = pull.checksum(path, lambda done: report("checking", done, size))
    if found == stated:
        return "", f"well (SHA-256 {found[:16]}…)"
    return f"changed since it was pulled: its SHA-256 is {found}, and was {stated}. Remove it and pull it again.", ""
