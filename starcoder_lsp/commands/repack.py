"""Repack a StarCoder GGUF file for ctransformers, ahead of its first use.

The copy goes into the program's cache folder, where the engine looks for it; its path is printed. A file that was
repacked before is left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from starcoder_lsp.engine.repack import repack
from starcoder_lsp.models.gguf import read_header

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `models repack FILE`."""
    parser = subparsers.add_parser("repack", help="repack a StarCoder GGUF file for ctransformers", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="a GGUF file of the first StarCoder")
    parser.set_defaults(parser=parser, act=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises ModelError if the file cannot be repacked."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    header = read_header(arguments.file)
    # On a terminal only: elsewhere a bar would leave blank lines
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("repacking", total=None)
        target = repack(header, progress=lambda done, total: bar.update(task, completed=done, total=total))
    print(target)
    return 0
