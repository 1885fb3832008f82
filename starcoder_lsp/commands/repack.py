"""Repack a StarCoder GGUF file for ctransformers, ahead of its first use.

The copy goes into the program's cache folder, where the engine looks for it; its path is printed. A file that was
repacked before is left alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from starcoder_lsp.engine.gguf import read_header
from starcoder_lsp.engine.repack import repack
from starcoder_lsp.errors import ModelError

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `models repack FILE`."""
    parser = subparsers.add_parser("repack", help="repack a StarCoder GGUF file for ctransformers", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="a GGUF file of the first StarCoder")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if the file cannot be repacked."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("repacking", total=None)
        try:
            target = repack(
                read_header(arguments.file),
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        except ModelError as error:
            bar.stop()
            print(error, file=sys.stderr)
            return 1
    print(target)
    return 0
