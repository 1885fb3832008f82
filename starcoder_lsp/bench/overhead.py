"""What a keystroke and a request cost outside the engine, on files of 100, 5,000 and 50,000 lines.

A key is typed in the middle of the file, again and again, and a suggestion is asked for each time. In this process,
with the real protocol, session, tokenizer and prompt over an engine that does nothing, it is timed

- how long the message of a change (it has the whole text, which grows with the file) takes to decode;
- how long the session takes to handle it, and how long until the engine is called to evaluate what was typed;
- how long a request takes until the engine is called, and from the engine's end to the answer, the debounce set to
  nothing.

Then, through the real server process: from writing a change to its pipe until a command sent behind it is answered.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field
from rich.console import Console
from rich.table import Table

from starcoder_lsp.bench.hollow import HollowServer, did_change, did_open, inline_completion, long_file
from starcoder_lsp.bench.progress import Progress
from starcoder_lsp.bench.report import median, quantile
from starcoder_lsp.loading import read_model
from starcoder_lsp.lsp_client import Client
from starcoder_lsp.models.catalogue import SHIPPED, from_shell, resolve

if TYPE_CHECKING:
    import argparse

_SIZES = (100, 5_000, 50_000)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model", default=SHIPPED, type=from_shell, metavar="NAME|FILE", help="whose tokenizer (default: nano)"
    )
    parser.add_argument("--lines", type=int, nargs="+", default=_SIZES, metavar="N", help="sizes of files")
    parser.add_argument("--keys", type=int, default=100, metavar="N", help="keystrokes for each size (default: 100)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark."""
    result = asyncio.run(measure(arguments.model, arguments.lines, arguments.keys))
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    return 0


@define
class Times:
    """Milliseconds of each keystroke, by part."""

    decode_change: list[float] = field(factory=list)
    handle_change: list[float] = field(factory=list)
    change_to_engine: list[float] = field(factory=list)
    """From the end of handling to the engine's call: another thread, the window, the tokens."""
    request_to_engine: list[float] = field(factory=list)
    engine_to_answer: list[float] = field(factory=list)
    end_to_end: list[float] = field(factory=list)

    def report(self) -> dict[str, Any]:
        """Return medians and p95."""
        parts = {name: getattr(self, name) for name in self.__slots__ if name != "__weakref__"}
        parts["change"] = [sum(one) for one in zip(self.handle_change, self.change_to_engine, strict=True)]
        parts["request"] = [sum(one) for one in zip(self.request_to_engine, self.engine_to_answer, strict=True)]
        return {
            name: {"median": round(median(values) or 0, 3), "p95": round(quantile(values, 0.95) or 0, 3)}
            for name, values in parts.items()
        }


async def measure(model: str, sizes: list[int], keys: int) -> dict[str, Any]:
    """Measure each size."""
    file = read_model(resolve(model))
    progress = Progress("keystrokes", 2 * keys * len(sizes))
    by_size: dict[str, Any] = {}
    times = {lines: Times() for lines in sizes}
    for lines in sizes:
        server = HollowServer.start(file, {"prefillWhileTyping": "always", "debounceMin": 0, "debounceMax": 0})
        await _type(server, lines, keys, times[lines], progress)
        server.app.close()
    session = await Client.start([], {"model": model, "prefillWhileTyping": "never"})
    try:
        await session.ready()
        for lines in sizes:
            await _type_end_to_end(session, lines, keys, times[lines], progress)
    finally:
        await session.stop()
    progress.end()
    for lines in sizes:
        text = long_file(lines)
        by_size[str(lines)] = {"characters": len(text), **times[lines].report()}
    return {"unit": "ms", "keys": keys, "lines": by_size}


def _middle(text: str) -> tuple[int, int]:
    """Return the offset of the end of a line in the middle, and its number."""
    line = text.count("\n") // 2
    offset = 0
    for _ in range(line + 1):
        offset = text.find("\n", offset) + 1
    return max(0, offset - 1), line


async def _type(server: HollowServer, lines: int, keys: int, times: Times, progress: Progress) -> None:
    uri = f"file:///bench/{lines}.py"
    text = long_file(lines)
    engine = server.engine
    await server.loaded()
    server.take(did_open(uri, text))
    offset, line = _middle(text)
    column = offset - (text.rfind("\n", 0, offset) + 1)
    for version in range(2, keys + 2):
        text = text[:offset] + "y" + text[offset:]
        offset, column = offset + 1, column + 1
        body = did_change(uri, version, text)
        ask = inline_completion(version, uri, line, column)
        before = len(engine.called)
        decode, handle = server.take(body)
        handled = time.perf_counter()
        await server.until(lambda before=before: len(engine.called) > before)  # type: ignore[misc]
        typed = engine.called[before]
        await asyncio.sleep(0.002)  # the worker has ended its job: what it owes nobody is not timed below
        before = len(engine.called)
        started = time.perf_counter()
        server.take(ask)
        await server.until(lambda version=version: version in server.wire.written)  # type: ignore[misc]
        if version > 2:  # noqa: PLR2004 - the first fills caches
            times.decode_change.append(decode)
            times.handle_change.append(handle)
            times.change_to_engine.append(max(0.0, typed - handled) * 1e3)
            times.request_to_engine.append((engine.called[before] - started) * 1e3)
            times.engine_to_answer.append((server.wire.written[version] - engine.returned) * 1e3)
        progress.step()


async def _type_end_to_end(session: Client, lines: int, keys: int, times: Times, progress: Progress) -> None:
    uri = f"file:///bench/real-{lines}.py"
    text = long_file(lines)
    session.open(uri, "python", text)
    offset, _line = _middle(text)
    pipe = session.process.stdin
    assert pipe is not None  # noqa: S101 - the client made it
    await session.command("starcoder.stats")
    for version in range(2, keys + 2):
        text = text[:offset] + "y" + text[offset:]
        body = did_change(uri, version, text)
        started = time.perf_counter()
        pipe.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await session.command("starcoder.stats")
        times.end_to_end.append((time.perf_counter() - started) * 1e3)
        progress.step()
    session.close(uri)


_ROWS = (
    ("change: decode the editor's full text", "decode_change"),
    ("change: all the rest, to the engine's call", "change"),
    ("  session", "handle_change"),
    ("  worker: window, tokens, slot", "change_to_engine"),
    ("request: outside the engine", "request"),
    ("  to the engine's call", "request_to_engine"),
    ("  from the engine's end to the answer", "engine_to_answer"),
    ("a change through the real process and back", "end_to_end"),
)


def _show(result: dict[str, Any]) -> None:
    sizes = result["lines"]
    table = Table("ms, median (p95)", *[f"{int(lines):,} lines" for lines in sizes], box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for label, part in _ROWS:
        cells = [sizes[lines][part] for lines in sizes]
        table.add_row(label, *[f"{cell['median']:.2f} ({cell['p95']:.2f})" for cell in cells])
    Console(highlight=False).print(table)
