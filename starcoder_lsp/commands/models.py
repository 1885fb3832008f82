"""List the models that can be used, find out which to take, and bring it here.

  starcoder-lsp models                            those on this disk, and those that can be fetched
  starcoder-lsp models recommend                  which this machine can run well, and what it costs
  starcoder-lsp models pull starcoder2-3b         fetch one (`models pull --help`: all forms)
  starcoder-lsp models info NAME|FILE|hf:…        what a file is, here or far away
  starcoder-lsp models verify                     whether those here are still what they were

Any GGUF file with fill-in-the-middle tokens will do (StarCoder, StarCoder2, Qwen-Coder, Granite Code, CodeLlama, …):
put it into the folder, or name its path in the setting `model`. Each has a licence of its own.
"""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.table import Table

from starcoder_lsp.commands import model_info, model_keep, model_pull, model_recommend, repack
from starcoder_lsp.errors import ModelError
from starcoder_lsp.hub.recommend import sized
from starcoder_lsp.models.catalogue import available, models_folder
from starcoder_lsp.models.known import KNOWN
from starcoder_lsp.models.memory import human, plan_memory

_CONTEXTS = (8192, 16384)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "starcoder-lsp models [-h] [--json] [list | ACTION …]"
    parser.add_argument("--json", action="store_true", help="one JSON array on stdout")
    children = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", prog="starcoder-lsp models")
    listing = children.add_parser("list", help="list them; this is the default")
    # SUPPRESS: `models --json list` keeps what was said in front of the action
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON array on stdout")
    listing.set_defaults(parser=listing)
    for action in (model_recommend, model_pull, model_info, model_keep, repack):
        action.add_parser(children)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.action not in {None, "list"}:
        status: int = arguments.act(arguments)
        return status
    rows = _here()
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "size", "about"):
        table.add_column(heading)
    for row in rows:
        table.add_row(str(row["name"]), f"{int(str(row['bytes'])) / 1e6:.0f} MB", str(row["about"]))
    console.print(table)
    console.print(f"Your own files belong in {models_folder()}\n", soft_wrap=True)
    console.print("To be had with `starcoder-lsp models pull NAME`, as Q4_K_M; NAME:Q5_K_M and NAME:Q8_0 are larger:")
    console.print(_known())
    return 0


def _here() -> list[dict[str, object]]:
    from starcoder_lsp.loading import read_model  # noqa: PLC0415 - not for repacking

    rows: list[dict[str, object]] = []
    for model in available():
        try:
            header = read_model(model.path).header
            about = f"{header.architecture}, {header.quantisation}, {header.context_length} tokens"
        except ModelError as error:
            about = str(error)
        rows.append({"name": model.name, "path": str(model.path), "bytes": model.bytes, "about": about})
    return rows


def _known() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "size", "memory 8K", "16K", "licence", ""):
        table.add_column(heading, no_wrap=bool(heading))
    for model in KNOWN:
        file = model.files[0]
        contexts = (min(_CONTEXTS[0], model.context_length), _CONTEXTS[1])
        plans = [plan_memory(sized(model, file), context=one, batch=16, available=0) for one in contexts]
        memory = [human(plan.needed) if plan.context <= model.context_length else "-" for plan in plans]
        table.add_row(model.name, human(file.bytes), *memory, model.licence.id, model.warning.partition(":")[0])
    return table
