"""Say which model of the catalogue to take on this machine, what it will cost, and why not a larger one.

It looks at free memory and graphics cards, and measures for some seconds: two layers of StarCoder2-3B's shape. Nothing
is fetched, and no connection is made.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

from starcoder_lsp.models.memory import human

if TYPE_CHECKING:
    import argparse

    from starcoder_lsp.hub.recommend import Candidate, Recommendation

_BUSY = 25.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `models recommend`."""
    parser = subparsers.add_parser("recommend", help="say which model this machine can run well", description=__doc__)
    parser.add_argument("--all", action="store_true", help="list all that were looked at")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(parser=parser, act=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from starcoder_lsp.hub.machine import look  # noqa: PLC0415 - loads a native library
    from starcoder_lsp.hub.recommend import recommend, sentence  # noqa: PLC0415 - not for other commands

    busy = psutil.cpu_percent(interval=0.3)
    if busy > _BUSY:
        print(
            f"Other programs use {busy:.0f} % of the processors: what follows is slower than it could be.",
            file=sys.stderr,
        )
    machine = look()
    found = recommend(machine)
    if arguments.json:
        print(json.dumps({"sentence": sentence(found), **_rows(found)}, indent=2))
        return 0
    cards = [device for device in machine.devices if device.kind != "cpu"]
    about = ", ".join(f"{card.description or card.name} ({human(card.free)} free)" for card in cards) or "no GPU"
    print(f"This machine: {human(machine.memory)} of memory free, {about}.")
    print(sentence(found))
    if found.best is not None:
        print(f"Fetch it: starcoder-lsp models pull {found.best.name}")
    if arguments.all:
        _print(found)
    return 0


def _rows(found: Recommendation) -> dict[str, object]:
    return {
        "best": found.best and found.best.name,
        "candidates": [_row(one) for one in found.candidates],
    }


def _row(one: Candidate) -> dict[str, object]:
    return {
        "name": one.name,
        "bytes": one.file.bytes,
        "memory": one.fit.main.needed,
        "card": one.fit.card.needed if one.fit.card else None,
        "slots": one.fit.slots,
        "firstMs": round(one.first_ms),
        "keyMs": round(one.key_ms),
        "why not": one.too_much,
    }


def _print(found: Recommendation) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("model", "size", "memory", "first", "each key", ""):
        table.add_column(heading)
    for one in found.candidates:
        costs = (f"{one.first_ms:.0f} ms", f"{one.key_ms:.0f} ms")
        table.add_row(one.name, human(one.file.bytes), human(one.fit.main.needed), *costs, one.too_much)
    Console(highlight=False).print(table)
