"""List the models that can be used: the one that ships, and the files in the model folder.

Any GGUF file with fill-in-the-middle tokens will do (StarCoder, StarCoder2, Qwen-Coder, Granite Code, CodeLlama, …):
put it into the folder, or name its path in the setting `model`. Each has a licence of its own: StarCoder2's weights are
under BigCode OpenRAIL-M.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from starcoder_lsp.commands import repack
from starcoder_lsp.errors import ModelError
from starcoder_lsp.models.catalogue import available, models_folder

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON array on stdout")
    children = parser.add_subparsers(dest="action", metavar="ACTION")
    repack.add_parser(children)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.action == "repack":
        return repack.run(arguments)
    from starcoder_lsp.loading import read_model  # noqa: PLC0415 - not for repacking

    rows = []
    for model in available():
        try:
            header = read_model(model.path).header
            about = f"{header.architecture}, {header.quantisation}, {header.context_length} tokens"
        except ModelError as error:
            about = str(error)
        rows.append({"name": model.name, "path": str(model.path), "bytes": model.bytes, "about": about})
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("name", "size", "about"):
        table.add_column(heading)
    for row in rows:
        table.add_row(str(row["name"]), f"{int(str(row['bytes'])) / 1e6:.0f} MB", str(row["about"]))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"Your own files belong in {models_folder()}", soft_wrap=True)
    return 0
