"""A model whose every step waits for the test: for races between the event loop and the worker's thread."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

from starcoder_lsp.completer import About, Answer, Ask, Completer, Counters, Speed, Timings, Warmed, Watch
from starcoder_lsp.engine.base import CancelToken, Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completer.base import DocumentKey
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
    sure: bool = True
    others: tuple[str, ...] = ()
    """What else is suggested to who asks for alternatives."""
    script: tuple[Sequence[str], str] | None = None
    """Pieces and whole text that a suggestion comes to, whatever they have to do with each other."""
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


class FakeCompleter:
    """Does what a `Completer` does, step by step on a `Stage`."""

    def __init__(self, stage: Stage, name: str = "fake") -> None:
        self.about = About(name, "fake", context_window=4096)
        self.closed = False
        self.speed = Speed(10_000.0, 10_000.0)
        self.counters = Counters()
        self.forgotten: list[DocumentKey] = []
        self._stage = stage

    def suggest(self, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
        step = Step("suggest", ask, self._stage.begin(), self.about.name)
        text = continuation(ask.place.text[: ask.place.offset])
        if self._stage.script is not None:
            return self._play(*self._stage.script, step, cancel, watch)

        def sure() -> bool:
            return self._stage.sure or ask.gate.something

        third = LENGTH // 3
        finish = "stop"
        for end in range(third, LENGTH + 1, third):
            if not self._stage.step(step, cancel):
                finish = "cancelled"
                break
            if watch is not None and end < LENGTH and sure():
                watch(text[:end])
        return Answer(
            text=text if sure() else "",
            raw=text,
            joint=1.0,
            withheld=not sure(),
            quick=self._stage.quick,
            cached=0,
            evaluated=0,
            generated=3,
            finish=finish,
            timings=Timings(0.0, 0.0, 0.0, 0.0),
            others=self._stage.others[: ask.alternatives],
        )

    def _play(self, pieces: Sequence[str], text: str, step: Step, cancel: CancelToken, watch: Watch | None) -> Answer:
        for piece in pieces:
            if self._stage.step(step, cancel) and watch is not None:
                watch(piece)
        finish = "stop" if self._stage.step(step, cancel) else "cancelled"
        return Answer(text, text, 1.0, not text, self._stage.quick, 0, 0, 3, finish, Timings(0.0, 0.0, 0.0, 0.0))

    def warm(self, ask: Ask, cancel: CancelToken) -> Warmed:
        done = self._stage.step(Step("warm", ask, self._stage.begin(), self.about.name), cancel)
        return Warmed(Evaluation(0, 1, 0.0, completed=done), needs_fill=self._stage.needs_fill)

    def fill(self, ask: Ask, cancel: CancelToken) -> Warmed:
        done = self._stage.step(Step("fill", ask, self._stage.begin(), self.about.name), cancel)
        return Warmed(Evaluation(0, 1, 0.0, completed=done), needs_fill=False)

    def forget(self, document: DocumentKey) -> None:
        self.forgotten.append(document)

    def context_budget(self, ask: Ask) -> int:
        return int(self.about.context_window * ask.context_share)

    def count(self, text: str) -> int:
        return len(text.split()) + 1

    def close(self) -> None:
        self.closed = True


@define(eq=False)
class Loads:
    """Loads fake models by name; a name that begins with `missing` fails, others wait while `hold` is set."""

    stage: Stage
    hold: threading.Event = field(factory=threading.Event)
    begun: list[str] = field(factory=list)
    waiting: bool = False
    """Whether a load is held."""
    completers: list[FakeCompleter] = field(factory=list)
    _let: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))

    def let_one(self) -> None:
        """Let one load that waits come to its end."""
        self._let.release()

    def __call__(self, settings: Settings, report: Callable[[str, int | None], None], cancel: CancelToken) -> Completer:
        del cancel
        name = settings.model
        self.begun.append(name)
        report(f"Reading {name}", 50)
        self.waiting = self.hold.is_set()
        if self.waiting:
            assert self._let.acquire(timeout=PATIENCE)
            self.waiting = False
        if name.startswith("missing"):
            raise FileNotFoundError(f"{name} is not there")
        self.completers.append(FakeCompleter(self.stage, name))
        return self.completers[-1]


@define(eq=False)
class Ear:
    """A session's listener that remembers what it heard."""

    statuses: list[Status] = field(factory=list)
    refreshes: list[str] = field(factory=list)
    progress: list[tuple[str, int | None]] = field(factory=list)
    ends: list[str | None] = field(factory=list)
    scans: list[tuple[int, int, bool]] = field(factory=list)

    def status_changed(self, status: Status) -> None:
        self.statuses.append(status)

    def refreshed(self, uri: str) -> None:
        self.refreshes.append(uri)

    def loading(self, message: str, percent: int | None) -> None:
        self.progress.append((message, percent))

    def loaded(self, error: str | None) -> None:
        self.ends.append(error)

    def scanned(self, done: int, wanted: int, *, ended: bool) -> None:
        self.scans.append((done, wanted, ended))

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
