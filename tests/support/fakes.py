"""A model whose every step waits for the test: for races between the event loop and the worker's thread."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, cast

from attrs import define, field, frozen

from starcoder_lsp.engine.base import CancelToken, Engine, EngineInfo, Evaluation
from starcoder_lsp.suggest import Answer, Ask, Counters, Partial, Runtime, Speed, Timings, Warmed, Watch

if TYPE_CHECKING:
    from starcoder_lsp.completion.prompt import Prompt
    from starcoder_lsp.config import Settings
    from starcoder_lsp.session import Status

PATIENCE = 60.0
"""Seconds after which something that should have happened is taken to hang."""
LENGTH = 12

Kind = Literal["suggest", "warm", "fill"]


def continuation(prefix: str) -> str:
    """Return what the fake model writes behind `prefix`: a word of `LENGTH` letters that depends on all of it."""
    digest = hashlib.sha256(prefix.encode()).hexdigest()
    return digest.translate(str.maketrans("0123456789", "qrstuvwxyz"))[:LENGTH]


def is_continuation(prefix: str, insert: str) -> bool:
    """Whether `insert` is (the rest of, a piece of) what was suggested at the end of `prefix` or a little before."""
    for typed in range(min(LENGTH, len(prefix)) + 1):
        start = prefix[: len(prefix) - typed]
        whole = continuation(start)
        if prefix[len(start) :] == whole[:typed] and whole[typed:].startswith(insert):
            return True
    return False


@frozen
class Step:
    """One step of the fake engine: of which kind, for which question, in which run of a job."""

    kind: Kind
    ask: Ask
    run: int
    model: str


@define(eq=False)
class Stage:
    """Where the test lets the fake engine go on, and sees what it did. Steps wait for a grant unless `free` is set."""

    free: threading.Event = field(factory=threading.Event)
    steps: list[Step] = field(factory=list)
    fail: Callable[[Step], BaseException | None] = lambda _step: None
    logprob: float = -0.1
    quick: bool = False
    needs_fill: bool = False
    _lock: threading.Lock = field(factory=threading.Lock)
    _grants: int = 0
    _runs: int = 0
    _at: Step | None = None

    def grant(self, count: int = 1) -> None:
        """Let the engine do `count` steps."""
        with self._lock:
            self._grants += count

    def revoke(self) -> None:
        """Take back what was granted and not used."""
        with self._lock:
            self._grants = 0

    @property
    def used_up(self) -> bool:
        """Whether all that was granted was taken, and what was taken was recorded: the engine waits for more."""
        with self._lock:
            return self._grants == 0 and self._at is not None

    def _take(self) -> bool:
        with self._lock:
            if self._grants > 0:
                self._grants -= 1
                self._at = None
                return True
        time.sleep(0.001)
        return False

    def begin(self) -> int:
        self._runs += 1
        return self._runs

    def step(self, step: Step, cancel: CancelToken) -> bool:
        """Stand at a checkpoint; False once the work was cancelled. Called on the worker's thread."""
        self._at = step
        granted = False
        try:
            while not (granted or cancel.cancelled or self.free.is_set()):
                granted = self._take()
        finally:
            self._at = None
        if cancel.cancelled:
            if granted:
                self.grant()  # to whoever comes next
            return False
        error = self.fail(step)
        if error is not None:
            raise error
        self.steps.append(step)
        return True

    @property
    def waiting(self) -> Step | None:
        """The step that waits for a grant."""
        return self._at

    def texts(self, kind: Kind = "suggest") -> list[str]:
        """Return the prefix of each step's question, in order, without repetitions."""
        seen = [step.ask.place.text[: step.ask.place.offset] for step in self.steps if step.kind == kind]
        return [text for index, text in enumerate(seen) if index == 0 or seen[index - 1] != text]


class _Engine:
    def __init__(self) -> None:
        self.info = EngineInfo("fake", "fake", "fake", context_window=4096, slots=2, train_context=4096)
        self.closed = False

    def close(self) -> None:
        self.closed = True


class FakeRuntime:
    """Does what a `Runtime` does, step by step on a `Stage`."""

    min_confidence = -2.0

    def __init__(self, stage: Stage, name: str = "fake") -> None:
        self.engine = cast("Engine", _Engine())
        self.name = name
        self.speed = Speed(10_000.0, 10_000.0)
        self.counters = Counters()
        self.forgotten: list[str] = []
        self._stage = stage

    def suggest(self, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
        step = Step("suggest", ask, self._stage.begin(), self.name)
        text = continuation(ask.place.text[: ask.place.offset])
        third = LENGTH // 3
        finish = "stop"
        for end in range(third, LENGTH + 1, third):
            if not self._stage.step(step, cancel):
                finish = "cancelled"
                break
            if watch is not None and end < LENGTH:
                watch(Partial(text[:end], self._stage.logprob))
        return Answer(
            text=text,
            raw=text,
            mean_logprob=self._stage.logprob,
            prompt=cast("Prompt", None),
            quick=self._stage.quick,
            cached=0,
            evaluated=0,
            generated=3,
            finish=finish,
            timings=Timings(0.0, 0.0, 0.0, 0.0),
        )

    def warm(self, ask: Ask, cancel: CancelToken) -> Warmed:
        done = self._stage.step(Step("warm", ask, self._stage.begin(), self.name), cancel)
        return Warmed(Evaluation(0, 1, 0.0, completed=done), needs_fill=self._stage.needs_fill)

    def fill(self, ask: Ask, cancel: CancelToken) -> Warmed:
        done = self._stage.step(Step("fill", ask, self._stage.begin(), self.name), cancel)
        return Warmed(Evaluation(0, 1, 0.0, completed=done), needs_fill=False)

    def forget(self, uri: str) -> None:
        self.forgotten.append(uri)


Loader = Callable[["Settings", Callable[[str, "int | None"], None]], Runtime]


@define(eq=False)
class Loads:
    """Loads fake models by name; a name that begins with `missing` fails, others wait while `hold` is set."""

    stage: Stage
    hold: threading.Event = field(factory=threading.Event)
    begun: list[str] = field(factory=list)
    waiting: bool = False
    """Whether a load is held."""
    runtimes: list[FakeRuntime] = field(factory=list)
    _let: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))

    def let_one(self) -> None:
        """Let one load that waits come to its end."""
        self._let.release()

    def __call__(self, settings: Settings, report: Callable[[str, int | None], None]) -> Runtime:
        name = settings.model
        self.begun.append(name)
        report(f"Reading {name}", 50)
        self.waiting = self.hold.is_set()
        if self.waiting:
            assert self._let.acquire(timeout=PATIENCE)
            self.waiting = False
        if name.startswith("missing"):
            raise FileNotFoundError(f"{name} is not there")
        self.runtimes.append(FakeRuntime(self.stage, name))
        return cast("Runtime", self.runtimes[-1])


@define(eq=False)
class Ear:
    """A session's listener that remembers what it heard."""

    statuses: list[Status] = field(factory=list)
    refreshes: list[str] = field(factory=list)
    progress: list[tuple[str, int | None]] = field(factory=list)
    ends: list[str | None] = field(factory=list)

    def status_changed(self, status: Status) -> None:
        self.statuses.append(status)

    def refreshed(self, uri: str) -> None:
        self.refreshes.append(uri)

    def loading(self, message: str, percent: int | None) -> None:
        self.progress.append((message, percent))

    def loaded(self, error: str | None) -> None:
        self.ends.append(error)

    @property
    def states(self) -> list[str]:
        """The states in order, without repetitions."""
        states = [status.state for status in self.statuses]
        return [state for index, state in enumerate(states) if index == 0 or states[index - 1] != state]


async def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Let the event loop run until `condition()` holds; fails after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about"
        await asyncio.sleep(0.001)


async def settle(rounds: int = 20) -> None:
    """Let everything happen that is ready to happen on the event loop's thread."""
    for _ in range(rounds):
        await asyncio.sleep(0)
