"""Measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    del arguments
    return 2
