"""Windows that open, type, ask and close at random over one shared engine: what is left unanswered, and left behind?

    python -m benchmarks.soak_windows --windows 20 --seconds 120 --kills 5

Each window is a real server process. Some ask for a suggestion and wait, some leave in the middle, some are killed; the
engine process is killed too, `--kills` times. At the end it is counted: requests without an answer, processes, files.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import psutil
from attrs import define, field

from starcoder_lsp.lsp_client import Client

_TEXT = "def total(values):\n    result = 0\n    for value in values:\n        res\n    return result\n"
_ANSWER_S = 60.0
_ENGINE_IDLE_S = 2.0


@define
class Counts:
    """What happened."""

    visits: int = 0
    asked: int = 0
    suggested: int = 0
    unanswered: int = 0
    killed_windows: int = 0
    killed_engines: int = 0
    slowest_after_kill: float = 0.0
    """Seconds from a request to its answer where the engine was killed in between, at most."""
    kills: list[float] = field(factory=list)


async def visit(number: int, counts: Counts, until: float) -> None:
    """Open windows one after the other, until the time is over."""
    dice = random.Random(number)
    while time.monotonic() < until:
        await asyncio.sleep(dice.random() * 4)
        counts.visits += 1
        session = await Client.start([], {"confidence": 0, "shared": True, "debounceMin": 0, "debounceMax": 0})
        try:
            await session.ready()
            uri = f"file:///soak/{number}.py"
            session.open(uri, "python", _TEXT)
            for version in range(2, 2 + dice.randrange(1, 12)):
                session.change(uri, version, _TEXT + f"# {version}\n" * dice.randrange(30))
                await ask(session, uri, counts)
                await asyncio.sleep(dice.random() * 0.4)
            if number % 5 == 0:
                counts.killed_windows += 1
                session.process.kill()
        finally:
            with contextlib.suppress(Exception):
                await session.stop()


async def ask(session: Client, uri: str, counts: Counts) -> None:
    """Ask, and wait for the answer."""
    counts.asked += 1
    began = time.monotonic()
    try:
        items = await asyncio.wait_for(session.suggest(uri, 3, 11, manual=True), _ANSWER_S)
    except asyncio.TimeoutError:
        counts.unanswered += 1
        return
    counts.suggested += bool(items)
    ended = time.monotonic()
    if any(began < kill < ended for kill in counts.kills):
        counts.slowest_after_kill = max(counts.slowest_after_kill, ended - began)


def engines(folder: str) -> list[psutil.Process]:
    """The engine processes that live."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("XDG_RUNTIME_DIR") == folder and "engine" in process.cmdline()
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


async def kill(folder: str, kills: int, counts: Counts, seconds: float) -> None:
    """Kill the engine process now and then."""
    for _ in range(kills):
        await asyncio.sleep(seconds / (kills + 1))
        for process in engines(folder):
            counts.kills.append(time.monotonic())
            process.send_signal(signal.SIGKILL)
            counts.killed_engines += 1


async def soak(options: argparse.Namespace, folder: str) -> Counts:
    """Do it all."""
    counts, until = Counts(), time.monotonic() + options.seconds
    visits = [visit(number, counts, until) for number in range(options.windows)]
    await asyncio.gather(kill(folder, options.kills, counts, options.seconds), *visits)
    return counts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=20, help="at once, at most")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        os.environ |= {"XDG_RUNTIME_DIR": folder, "STARCODER_LSP_ENGINE_IDLE": str(_ENGINE_IDLE_S)}
        print(asyncio.run(soak(options, folder)))
        time.sleep(_ENGINE_IDLE_S + 3)
        left = [path.name for path in Path(folder).rglob("*") if path.is_file() or path.is_socket()]
        print(f"left behind: {len(engines(folder))} processes, {len(left)} files {left}")


if __name__ == "__main__":
    main()
