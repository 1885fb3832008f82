"""Replay against llama.cpp's `/infill`: one request after each step, each awaited.

Nothing is timed by the trace here: the peer is asked, answers, and only then goes on. So no request of it is dropped
because the next key came too soon, and none waits for the one before.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from attrs import define, field

from starcoder_lsp.bench.infill import Local, ResultCache
from starcoder_lsp.bench.infill_server import BATCH
from starcoder_lsp.bench.tally import Prompted, Shown, Tally, Used
from starcoder_lsp.errors import EngineFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starcoder_lsp.bench.progress import Progress
    from starcoder_lsp.bench.steps import Step
    from starcoder_lsp.tokens.lines import LineEncoder

_ANSWER_S = 900.0


@define(eq=False)
class Peer:
    """A running `/infill` server."""

    process: asyncio.subprocess.Process
    threads: tuple[int, int]
    """Of decoding and of prefill."""
    _address: dict[str, Any]

    @classmethod
    async def start(cls, model: Path, threads: int, context: int, log_file: BinaryIO | None = None) -> Peer:
        """Start it and wait until the model is loaded. Raises EngineFailed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "starcoder_lsp.bench.infill_server", str(model), str(threads), str(context)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file or asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        line = await process.stdout.readline()
        if not line:
            raise EngineFailed("The /infill server ended before it listened; --server-log FILE keeps what it said.")
        address = json.loads(line)
        decode, prefill = address["threads"]
        return cls(process, (decode, prefill), address)

    async def infill(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send one request. Raises EngineFailed with the server's words."""
        return await asyncio.to_thread(self._post, body)

    async def stop(self) -> None:
        """End the server."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except (TimeoutError, asyncio.TimeoutError):
            self.process.kill()
            await self.process.wait()

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        connection = _Connection(self._address)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._address['key']}"}
            connection.request("POST", "/infill", json.dumps(body), headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise EngineFailed(f"/infill answered {response.status}: {answer}")
        return answer


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket, or over a loopback port where there are none."""

    def __init__(self, address: dict[str, Any]) -> None:
        super().__init__("127.0.0.1", address["port"], timeout=_ANSWER_S)
        self._path: str | None = address["socket"]

    def connect(self) -> None:
        if self._path is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_ANSWER_S)
        self.sock.connect(self._path)


async def replay(peer: Peer, encoder: LineEncoder, steps: Sequence[Step], tally: Tally, progress: Progress) -> None:
    """Replay one trace, counting into `tally`."""
    plugin = _Plugin(peer, encoder, tally)
    for step in steps:
        await plugin.take(step)
        progress.step()
    plugin.end()


@define(eq=False)
class _Plugin:
    """Plays llama.vim."""

    peer: Peer
    encoder: LineEncoder
    tally: Tally
    cache: ResultCache = field(factory=ResultCache)
    used: Used = field(factory=Used)

    async def take(self, step: Step) -> None:
        self.tally.begin(step)
        if step.kind == "restart":  # its server is a process of its own, and stays; what the plugin remembers goes
            self.cache = ResultCache()
            self.used.hide()
            return
        text, offset = step.text, step.offset
        if step.kind == "accept":
            accepted = self.used.current(step.path, offset)
            if not accepted:
                return
            text, offset = text[:offset] + accepted + text[offset:], offset + len(accepted)
        self.used.moved(step.path, text, offset)
        await self._ask(step, text, offset)

    def end(self) -> None:
        self.used.hide()
        self.tally.used_texts += self.used.texts

    async def _ask(self, step: Step, text: str, offset: int) -> None:
        started = time.perf_counter()
        local = Local.at(text, offset)
        hint = self.cache.hint(local)
        wait_ms = (time.perf_counter() - started) * 1e3
        if not self.cache.known(local):
            answer = await self.peer.infill(local.request())
            self.cache.put(local, answer["content"])
            timings = answer["timings"]
            self.tally.evaluated(int(timings["prompt_n"]))
            self.tally.generated += int(timings["predicted_n"])
            if not hint:
                wait_ms = (time.perf_counter() - started) * 1e3
                hint = answer["content"] if answer["content"].strip() else ""
            if step.kind == "open" or step.rest:
                self._note_prompt(local, int(timings["prompt_n"]) + int(timings.get("cache_n", 0)))
        self.used.show(Shown(hint, step.path, offset, text) if hint else None)
        if step.kind == "open" or step.rest:
            self.tally.waited(step, wait_ms, suggested=bool(hint))

    def _note_prompt(self, local: Local, tokens: int) -> None:
        """Note how much of the file the prompt holds: llama.cpp cuts both sides by the batch size."""
        middle = len(self.encoder.encode(local.middle))
        before = min(len(self.encoder.encode(local.prefix)), 3 * (BATCH // 4)) + middle
        after = min(len(self.encoder.encode(local.suffix)), max(0, BATCH // 4 - (2 + middle)))
        self.tally.prompts.append(Prompted(tokens, before, after))
