"""One server of a chain: connected when it is needed, left alone after a failure, asked on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import define, evolve, field

from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.http.health import Health
from starcoder_lsp.errors import Cancelled, EngineClosed, EngineRefused, EngineUnavailable, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.completer.base import Answer, Ask, Completer, Watch

log = logging.getLogger(__name__)

T = TypeVar("T")
_FAILURES = (EngineUnavailable, EngineRefused, ModelError)


@define(eq=False)
class Try(Generic[T]):
    """Something that a server is asked. `news` is notified at each piece and at the end."""

    run: Callable[[Completer, CancelToken], T]
    news: threading.Condition = field(factory=threading.Condition)
    future: Future[T] = field(factory=Future)
    cancel: CancelToken = field(factory=CancelToken)
    pieces: int = 0
    last_piece_at: float = 0.0

    def sign(self) -> None:
        """Note a piece."""
        with self.news:
            self.pieces += 1
            self.last_piece_at = time.monotonic()
            self.news.notify_all()

    def end(self, result: Any = None, error: BaseException | None = None) -> None:  # noqa: ANN401 - of type T
        """Answer it."""
        with self.news:
            if not self.future.done():
                if error is None:
                    self.future.set_result(result)
                else:
                    self.future.set_exception(error)
            self.news.notify_all()

    def give_up(self) -> None:
        """Nobody waits for it any more: wake who does."""
        self.cancel.cancel()
        with self.news:
            self.news.notify_all()

    @property
    def begun(self) -> bool:
        """Whether the server showed a sign: a piece, or the end."""
        return self.pieces > 0 or self.future.done()

    def is_behind(self, pieces: int) -> bool:
        """Whether more came than so many pieces, or the end."""
        return self.pieces > pieces or self.future.done()

    @property
    def succeeded(self) -> bool:
        """Whether there is an answer."""
        return self.future.done() and self.future.exception() is None

    @property
    def failed(self) -> bool:
        """Whether there will be none."""
        return self.future.done() and self.future.exception() is not None


@define(eq=False)
class Link:
    """See the module. `open` connects; the newest thing that is asked takes the place of what was asked before."""

    where: str
    """What users see."""
    open: Callable[[], Completer]
    clock: Callable[[], float] = time.monotonic
    completer: Completer | None = None
    """None until it is connected, and after its connection broke."""
    problem: str = ""
    """The newest failure, while it lasts: a sentence for the user."""
    late: bool = False
    """Whether it was slower than what comes behind it in the chain, when it was asked last."""
    health: Health = field(factory=Health)
    _condition: threading.Condition = field(factory=threading.Condition)
    _waiting: Try[Any] | None = None
    _running: Try[Any] | None = None
    _chores: list[Callable[[Completer], None]] = field(factory=list)
    _closing: bool = False
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Start the thread; a daemon, so that a process can end while a server is being waited for."""
        self._thread = threading.Thread(target=self._loop, name=f"link {self.where}", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether it may be asked now."""
        return self.health.wait(self.clock()) <= 0

    @property
    def idle(self) -> bool:
        """Whether it is connected and nothing is asked of it."""
        with self._condition:
            return self.completer is not None and self._waiting is None and self._running is None

    def suggest(self, ask: Ask, news: threading.Condition, watch: Watch | None = None) -> Try[Answer]:
        """Ask for a suggestion. `watch` hears of it on the link's thread."""

        def run(completer: Completer, cancel: CancelToken) -> Answer:
            def piece(text: str) -> None:
                one.sign()
                if watch is not None:
                    watch(text)

            return evolve(completer.suggest(ask, cancel, piece), model=completer.about.name)

        one: Try[Answer] = Try(run, news)
        return self.submit(one)

    def submit(self, one: Try[T]) -> Try[T]:
        """Ask for something; what was asked before is cancelled."""
        with self._condition:
            old, self._waiting = self._waiting, one
            if self._running is not None:
                self._running.cancel.cancel()
            closing = self._closing
            self._condition.notify()
        if old is not None:
            old.end(error=Cancelled("something newer was asked"))
        if closing:
            one.end(error=EngineClosed())
        return one

    def later(self, chore: Callable[[Completer], None]) -> None:
        """Do something small when nothing is asked, if it is connected then."""
        with self._condition:
            self._chores.append(chore)
            self._condition.notify()

    def close(self) -> None:
        """End all work and the connection."""
        with self._condition:
            self._closing = True
            waiting, self._waiting = self._waiting, None
            if self._running is not None:
                self._running.cancel.cancel()
            self._condition.notify()
        if waiting is not None:
            waiting.end(error=EngineClosed())
        self._thread.join(1.0)

    # ---- on the link's thread ----------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while True:
            with self._condition:
                while not (self._closing or self._waiting or self._chores):
                    self._condition.wait()
                if self._closing:
                    break
                one, self._waiting = self._waiting, None
                chores, self._chores = ([], self._chores) if one else (self._chores, [])
                self._running = one
            if one is not None:
                self._answer(one)
            elif self.completer is not None:
                for chore in chores:
                    chore(self.completer)
        self._disconnect()

    def _answer(self, one: Try[Any]) -> None:
        result: Any = None
        failed: BaseException | None = None
        try:
            result = self._use(one)
        except BaseException as error:  # noqa: BLE001 - the try's future carries it
            failed = error
        with self._condition:
            self._running = None
        one.end(result, failed)

    def _use(self, one: Try[T]) -> T:
        wait = self.health.wait(self.clock())
        if wait > 0:
            raise EngineUnavailable(f"{self.problem} It is asked again in {wait:.0f} s.")
        try:
            if self.completer is None:
                self.completer = self.open()
            result = one.run(self.completer, one.cancel)
        except _FAILURES as error:
            self._failed(error)
            raise
        if not one.cancel.cancelled:
            self._well()
        return result

    def _failed(self, error: EngineUnavailable | EngineRefused | ModelError) -> None:
        asked = error.retry_s if isinstance(error, EngineUnavailable) else None
        self.health.failed(self.clock(), asked)
        if str(error) != self.problem:
            log.warning("%s It is asked again in %.0f s.", error, self.health.wait(self.clock()))
        self.problem = str(error)
        if not getattr(error, "status", 0):  # what answers again may be another model: look anew
            self._disconnect()

    def _well(self) -> None:
        if self.problem:
            log.info("%s answers again.", self.where)
        self.health.well()
        self.problem = ""

    def _disconnect(self) -> None:
        completer, self.completer = self.completer, None
        if completer is not None:
            completer.close()
