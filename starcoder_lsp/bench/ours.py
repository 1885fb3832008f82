"""Replay through the real server process: LSP over its pipes, in (scaled) real time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from attrs import define, field

from starcoder_lsp.bench.tally import Prompted, Shown, Tally, Used
from starcoder_lsp.errors import EngineFailed
from starcoder_lsp.lsp_client import Client

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from pathlib import Path

    from starcoder_lsp.bench.progress import Progress
    from starcoder_lsp.bench.steps import Step

QUIET_S = 0.5
"""A server that was idle for this long has nothing more to do: its own longest pause is 0.35 s."""
_QUIETS = 3
"""A folder of which so many looks, half a second apart, found no further file was read."""
_POLL_S = 0.05
_ANSWER_S = 300.0
OPTIONS: dict[str, Any] = {"refresh": True, "confidence": 0, "prefillWhileTyping": "always", "cache.disk": 0}


async def start(
    model: str,
    threads: int,
    log_file: BinaryIO | None = None,
    root: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Client:
    """Start the server with what a benchmark needs: every suggestion is shown, whatever else the machine does.

    `root`: a folder whose files are read as neighbours, to the end before this returns. `options`: more of them.
    """
    wanted = {**OPTIONS, "model": model, "threads": threads, **(options or {})}
    session = await Client.start([], wanted, log_file, root)
    try:
        await session.ready()
        if root is not None:
            await _read(session)
    except (RuntimeError, TimeoutError) as error:
        await stop(session)
        raise EngineFailed(str(error) or "The server was not ready in time.") from error
    return session


async def _read(session: Client) -> None:
    """Wait until the folder was read. Raises RuntimeError where nothing in it could be."""
    before, quiet = -1, 0
    for _ in range(int(_ANSWER_S / QUIET_S)):
        files = (await session.command("starcoder.context"))["index"]["files"]
        quiet = quiet + 1 if files == before else 0
        if files and quiet >= _QUIETS:
            return
        before = files
        await asyncio.sleep(QUIET_S)
    raise RuntimeError("No file of --root could be read.")


async def guarded(session: Client, work: Coroutine[Any, Any, None]) -> None:
    """Do some work with a server. Raises EngineFailed if the server ends meanwhile, or does not answer."""
    task, ended = asyncio.ensure_future(work), asyncio.ensure_future(session.process.wait())
    try:
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise EngineFailed(f"The server ended with status {ended.result()}; --server-log FILE keeps what it said.")
        await task
    except (TimeoutError, asyncio.TimeoutError) as error:
        raise EngineFailed(f"The server did not answer within {_ANSWER_S:g} s.") from error
    finally:
        task.cancel()
        ended.cancel()


async def stop(session: Client) -> None:
    """Shut the server down; it may have ended by itself."""
    with contextlib.suppress(RuntimeError):
        await session.stop()


async def settle(session: Client) -> dict[str, Any]:
    """Wait until the server has nothing more to do; return its counters."""
    quiet_since: float | None = None
    while True:
        asked = time.perf_counter()
        stats: dict[str, Any] = await session.command("starcoder.stats")
        if not stats["idle"]:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.perf_counter()
        elif asked - quiet_since >= QUIET_S:  # what it says is from between the two moments
            return stats
        await asyncio.sleep(_POLL_S)


async def replay(
    session: Client, base: str, steps: Sequence[Step], tally: Tally, speed: float, progress: Progress
) -> None:
    """Replay a trace, or its part up to a restart, counting into `tally`.

    `base`: the URI of the folder that its files lie in; `speed`: how many times faster than recorded.
    """
    editor = _Editor(session, base, tally, speed)
    await editor.begin(steps[0].at_ms if steps else 0.0)
    for step in steps:
        await editor.take(step)
        progress.step()
    await editor.end()


@define(eq=False)
class _Editor:
    """Plays an editor: sends what a person does, shows what the server says."""

    session: Client
    base: str
    tally: Tally
    speed: float
    used: Used = field(factory=Used)
    _texts: dict[str, str] = field(factory=dict)  # as the server knows them
    _versions: dict[str, int] = field(factory=dict)
    _counted: int = 0
    _generated: int = 0
    _sent: float = 0.0
    _at_ms: float = 0.0
    _asked: _Asked | None = None
    _asks: list[asyncio.Task[None]] = field(factory=list)

    async def begin(self, at_ms: float) -> None:
        self._at_ms = at_ms
        stats = await settle(self.session)
        self._counted, self._generated = stats["evaluatedTokens"], stats["generatedTokens"]
        self._sent = time.perf_counter()

    async def take(self, step: Step) -> None:
        await asyncio.sleep(max(0.0, self._sent + (step.at_ms - self._at_ms) / 1e3 / self.speed - time.perf_counter()))
        if step.kind == "accept":
            await self._take_grown()
        await self._count()
        self.tally.begin(step)
        self._sent, self._at_ms = time.perf_counter(), step.at_ms
        if step.kind == "accept":
            await self._accept(step)
            return
        uri = self._uri(step.path)
        if step.kind == "open":
            self._texts[step.path], self._versions[step.path] = step.text, 1
            self.session.open(uri, step.language, step.text)
        else:
            self._write(step.path, step.text)
        self.used.moved(step.path, step.text, step.offset)
        await self._ask(step, step.text, step.offset)

    async def end(self) -> None:
        await self._count(settled=True)
        self.used.hide()
        self.tally.used_texts += self.used.texts
        for task in self._asks:
            task.cancel()
        await asyncio.gather(*self._asks, return_exceptions=True)
        for path in self._texts:
            self.session.close(self._uri(path))

    def _uri(self, path: str) -> str:
        return f"{self.base}/{path}"

    def _write(self, path: str, text: str) -> None:
        if self._texts[path] != text:
            self._texts[path] = text
            self._versions[path] += 1
            self.session.change(self._uri(path), self._versions[path], text)

    async def _accept(self, step: Step) -> None:
        """Insert what is shown, and tell the server, as an editor does; nothing shown: nothing done."""
        asked = self._asked
        text = self.used.current(step.path, step.offset)
        if not text or asked is None:
            return
        file = self._texts[step.path]
        self._write(step.path, file[: step.offset] + text + file[step.offset :])
        await self.session.command("starcoder.accept", asked.identity)
        offset = step.offset + len(text)
        self.used.moved(step.path, self._texts[step.path], offset)
        await self._ask(step, self._texts[step.path], offset)

    async def _take_grown(self) -> None:
        """Show the longer suggestion that the server told of, before it is accepted."""
        asked = self._asked
        if asked is not None and asked.uri in self.session.refreshed:
            self.session.refreshed.clear()
            await self._show(asked)

    async def _ask(self, step: Step, text: str, offset: int) -> None:
        line = text.count("\n", 0, offset)
        column = len(text[text.rfind("\n", 0, offset) + 1 : offset].encode("utf-16-le", "surrogatepass")) // 2
        asked = _Asked(self._uri(step.path), step.path, text, offset, line, column)
        self._asked = asked
        self.session.refreshed.clear()
        sent = self._sent
        task = asyncio.ensure_future(self._show(asked))
        self._asks = [old for old in self._asks if not old.done()] + [task]
        if step.kind != "open" and not step.rest:
            return
        await asyncio.wait_for(asyncio.shield(task), _ANSWER_S)
        self.tally.waited(step, (asked.answered - sent) * 1e3, suggested=bool(asked.identity))
        if step.kind == "open":
            stats = await settle(self.session)
        else:
            stats = await self.session.command("starcoder.stats")
        self.tally.prompts.append(Prompted(stats["promptTokens"], stats["prefixTokens"], stats["suffixTokens"]))

    async def _show(self, asked: _Asked) -> None:
        items = await self.session.suggest(asked.uri, asked.line, asked.column)
        asked.answered = asked.answered or time.perf_counter()
        if not items or self._asked is not asked:
            return
        asked.identity = items[0].command.arguments[0]
        self.used.show(Shown(items[0].insert_text, asked.path, asked.offset, asked.text))

    async def _count(self, *, settled: bool = False) -> None:
        """Count what was evaluated since the last look for the step that is ending."""
        stats = await (settle(self.session) if settled else self.session.command("starcoder.stats"))
        if self.tally.by_key or self.tally.opening:
            self.tally.evaluated(stats["evaluatedTokens"] - self._counted)
        self.tally.generated += stats["generatedTokens"] - self._generated
        self._counted, self._generated = stats["evaluatedTokens"], stats["generatedTokens"]


@define(eq=False)
class _Asked:
    """A request, and its answer once it is there."""

    uri: str
    path: str
    text: str
    offset: int
    line: int
    column: int
    answered: float = 0.0
    """When the first answer came (perf_counter seconds)."""
    identity: str = ""
    """Of the suggestion; empty while there is none."""
