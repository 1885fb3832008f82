"""People who type traces at their own pace, whether a server keeps up or not.

The load is open: the next key comes when it comes, and what is not answered by then is superseded, as in an editor. So
a server that is too slow shows as answers that came too late, not as people who type more slowly.
"""

from __future__ import annotations

import asyncio
import random
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from starcoder_lsp.bench.fleet.sides import Side
    from starcoder_lsp.bench.steps import Step

_BETWEEN_S: Final = 1.0
"""From the last key of a trace to the next trace."""
_FILL_S: Final = 0.35
"""After so long a pause a client may work ahead (`session.prefill`)."""


@frozen
class Pace:
    """How people type."""

    speed: float
    """How many times faster than recorded."""
    debounce_s: float
    """From a key to the question, unless another key comes before."""


@define
class Figures:
    """What happened to some people together."""

    keys: int = 0
    asked: int = 0
    late: int = 0
    """Superseded by the next key before the answer was whole."""
    failed: int = 0
    latency_ms: list[float] = field(factory=list)
    """From when the question was due to the whole answer."""
    behind_ms: list[float] = field(factory=list)
    """By how much the benchmark itself was late for a key: if that is much, it measures itself."""
    failure: EngineError | None = None
    """The first one."""

    def fail(self, error: EngineError) -> None:
        """Count a failure."""
        self.failed += 1
        self.failure = self.failure or error


def typed(traces: Sequence[Sequence[Step]], number: int, speed: float) -> Iterator[tuple[float, Step]]:
    """Yield what a person does, and when (seconds from the beginning), without end.

    Each begins with another trace, in the first half of it.
    """
    dice = random.Random(number)  # noqa: S311 - a spread, the same each time
    order = [traces[(number + index) % len(traces)] for index in range(len(traces))]
    now = dice.random()
    skip = dice.randrange(max(1, len(order[0]) // 2))
    for steps in cycle(order):
        rest = [step for step in steps[skip:] if step.kind != "accept"] or list(steps[:1])
        skip = 0
        before = rest[0].at_ms
        for step in rest:
            now += (step.at_ms - before) / 1e3 / speed
            before = step.at_ms
            yield now, step
        now += _BETWEEN_S


@define(eq=False)
class Person:
    """One who types, with a client."""

    number: int
    side: Side
    pace: Pace
    figures: Figures
    threads: Executor
    """One thread for each person at least."""

    async def open(self, traces: Sequence[Sequence[Step]]) -> None:
        """Open the first file, and wait until its window is evaluated and answered."""
        _, step = next(typed(traces, self.number, self.pace.speed))
        cancel = CancelToken()
        try:
            for part in (self.side.ahead, self.side.ask, self.side.rest):
                await self._run(part, step, cancel)
        except EngineError as error:
            self.figures.fail(error)
        finally:
            cancel.cancel()

    async def type(self, traces: Sequence[Sequence[Step]], begin: float, end: float) -> None:
        """Type from `begin` to `end` (seconds of the loop's clock)."""
        for (at, step), (then, _) in pairwise(typed(traces, self.number, self.pace.speed)):
            if begin + at >= end:
                return
            await self._take(step, begin + at, begin + then)

    async def _take(self, step: Step, at: float, then: float) -> None:
        loop, cancel = asyncio.get_running_loop(), CancelToken()
        await asyncio.sleep(at - loop.time())
        self.figures.behind_ms.append((loop.time() - at) * 1e3)
        self.figures.keys += step.kind == "key"
        next_key = loop.call_at(then, cancel.cancel)
        try:
            await self._react(step, at, then, cancel)
        except EngineError as error:
            self.figures.fail(error)
        finally:
            next_key.cancel()
            cancel.cancel()

    async def _react(self, step: Step, at: float, then: float, cancel: CancelToken) -> None:
        loop, due = asyncio.get_running_loop(), at + self.pace.debounce_s
        await self._run(self.side.ahead, step, cancel)
        if not await _reached(due, before=then):
            return
        self.figures.asked += 1
        if not await self._run(self.side.ask, step, cancel):
            self.figures.late += 1
            return
        self.figures.latency_ms.append((loop.time() - due) * 1e3)
        if await _reached(at + _FILL_S, before=then):
            await self._run(self.side.rest, step, cancel)

    async def _run(self, part: Callable[[Step, CancelToken], object], step: Step, cancel: CancelToken) -> object:
        return await asyncio.get_running_loop().run_in_executor(self.threads, part, step, cancel)


async def _reached(moment: float, *, before: float) -> bool:
    """Wait for a moment of the loop's clock; False, once `before` has come, where that comes first."""
    await asyncio.sleep(min(moment, before) - asyncio.get_running_loop().time())
    return moment < before
