"""Show one completion session: the server process, LSP over its pipes, and the model that ships, offline.

A sample file is opened, a line is typed key by key, and the suggestion is printed where an editor would show it, with
the times it took. `starcoder-lsp demo FILE:LINE:COL` does the same in a file of yours.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from starcoder_lsp.commands.complete import parse_place, read_text
from starcoder_lsp.completion.cursor import normalised
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.errors import EngineFailed

if TYPE_CHECKING:
    import argparse

_SAMPLE = Path(__file__).parent / "sample.py.txt"
_MARK = "▌"
_TYPED_S = 0.06
_CONTEXT_LINES = 14


@frozen
class Scene:
    """A file, and the text that is typed into it at an offset."""

    name: str
    before: str
    typed: str
    after: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("place", nargs="?", metavar="FILE:LINE:COL", help="a place in a file of yours")
    parser.add_argument("--model", default="nano", metavar="NAME|FILE")
    parser.add_argument("--server-log", metavar="FILE", help="write the server's log there")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    scene = _own(arguments.place) if arguments.place else _sample()
    console = Console(highlight=False)
    log_path = arguments.server_log or os.devnull
    with Path(log_path).open("wb") as log:
        return asyncio.run(_play(scene, arguments.model, console, log))


def _sample() -> Scene:
    before, typed, after = _SAMPLE.read_text(encoding="utf-8").split(_MARK)
    return Scene("shop/basket.py", before, typed, after)


def _own(place: str) -> Scene:
    path, line, column = parse_place(place)
    text = normalised(read_text(path))
    offset = Snapshot.of("", 0, "", text).offset(line - 1, column - 1, "utf-32")
    start = text.rfind("\n", 0, offset) + 1
    return Scene(path.name, text[:start], text[start:offset], text[offset:])


async def _play(scene: Scene, model: str, console: Console, log: Any) -> int:  # noqa: ANN401 - a file
    from starcoder_lsp.server.client import Session  # noqa: PLC0415 - a client is needed here only

    started = time.perf_counter()
    options = {"model": model, "minConfidence": -100, "prefillWhileTyping": "always"}
    console.print(f"[dim]starting[/] starcoder-lsp [dim]and loading[/] {model} …")
    session = await Session.start([], options, log)
    try:
        try:
            status = await session.ready()
        except RuntimeError as error:
            raise EngineFailed(str(error)) from error
        loaded = time.perf_counter()
        uri = f"file:///demo/{scene.name}"
        text = scene.before + scene.after
        session.open(uri, "python", text)
        # A client that was here before the first key: its question is answered, and the window is read.
        at = Snapshot.of(uri, 1, "", text)
        first = await session.suggest(uri, *at.position(len(scene.before), "utf-16"), manual=True)
        before = await session.command("starcoder.stats")
        for version, letter in enumerate(scene.typed, start=2):
            cut = len(scene.before) + version - 2
            text = text[:cut] + letter + text[cut:]
            session.change(uri, version, text)
            await asyncio.sleep(_TYPED_S)
        offset = len(scene.before) + len(scene.typed)
        asked = time.perf_counter()
        items = await session.suggest(uri, *Snapshot.of(uri, 1, "", text).position(offset, "utf-16"))
        answered = time.perf_counter()
        after = await session.command("starcoder.stats")
        suggestion = items[0].insert_text if items else ""
    finally:
        await session.stop()
    _show(console, scene, suggestion, status["model"])
    keys = max(1, len(scene.typed))
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("server and model ready", f"{(loaded - started) * 1e3:.0f} ms")
    table.add_row("last key to suggestion", f"{(answered - asked) * 1e3:.0f} ms")
    table.add_row("engine, all keys", f"{after['engineMs'] - before['engineMs']:.0f} ms")
    evaluated, prompt = _less(after, before, "evaluatedTokens"), after["promptTokens"]
    table.add_row("prompt tokens evaluated", f"{evaluated / keys:.2f} a key ({evaluated} for {keys} keys) of {prompt}")
    generated = _less(after, before, "generatedTokens")
    table.add_row("generated", f"{generated} tokens by {status['model']} on {status['engine']}, offline")
    if first and first[0].insert_text.startswith(scene.typed):
        table.add_row("foreseen", "it was suggested before the first key, and stayed while you typed it")
    console.print(table)
    return 0 if suggestion else 1


def _less(after: dict[str, Any], before: dict[str, Any], name: str) -> int:
    return int(after[name] - before[name])


def _show(console: Console, scene: Scene, suggestion: str, model: str) -> None:
    above = "\n".join((scene.before + scene.typed).split("\n")[-_CONTEXT_LINES:])
    below = "\n".join(scene.after.split("\n")[:4])
    code = Syntax("", "python", theme="ansi_dark")
    shown = code.highlight(above)
    shown.rstrip()
    trailing = above[len(above.rstrip()) :] if not above.endswith("\n") else ""
    shown.append(trailing if not shown.plain.endswith(trailing) else "")
    shown.append(suggestion or " (nothing worth showing)", style="italic bright_black on grey11")
    if not console.is_terminal:
        shown = Text(above) + Text(f"⟦{suggestion}⟧" if suggestion else "⟦nothing worth showing⟧")
    console.rule(f"{scene.name}: what you typed, and what {model} suggests")
    console.print(shown)
    console.print(Text(below.lstrip("\n"), style="dim"))
    console.rule()
