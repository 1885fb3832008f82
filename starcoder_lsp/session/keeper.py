"""Keeps the model: one operation at a time, the newest wanted, each with its cause.

A load runs on the worker's thread. One that is not the newest any more is cancelled, whatever phase it is in; its
result and its failure are ignored. When an engine fails, the worker keeps the jobs that wait for the model that
replaces it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from attrs import define, field

from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.worker import Worker
from starcoder_lsp.errors import Cancelled, EngineFailed, EngineRefused, EngineUnavailable, StarcoderError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from starcoder_lsp.completer import Completer
    from starcoder_lsp.config import Settings
    from starcoder_lsp.session.status import StatusBoard

log = logging.getLogger(__name__)

_RELOADS = 3
_RELOAD_SPAN_S = 300.0


Loader = Callable[["Settings", Callable[[str, "int | None"], None], CancelToken], "Completer"]
"""Loads what settings name: takes a report of (sentence, per cent where known) and a token that ends the load."""


class Cause(enum.Enum):
    """Why a model is loaded."""

    START = "the session begins"
    CHOSEN = "the settings ask for it"
    FAULT = "the engine failed"
    CANCELLED = "the load of another was cancelled"


class ModelKeeper:
    """One model at a time. `worker` runs jobs over it; `completer` is None until it is loaded, and after a failure.

    All methods belong to the event loop's thread, but for `call` and `_open`.
    """

    def __init__(
        self,
        board: StatusBoard,
        load_completer: Loader,
        clock: Callable[[], float],
        loaded: Callable[[Settings], None],
    ) -> None:
        """Start without a model. `clock` gives seconds; `loaded` is told each time by which settings one is ready."""
        self.worker: Worker[Completer] = Worker(breaks=(EngineFailed,))
        self.completer: Completer | None = None
        self.board = board
        self.loads = 0
        """How many loads were asked for: tells what one model said from what another did."""
        self._load_completer = load_completer
        self._clock = clock
        self._loaded = loaded
        self._loop = asyncio.get_running_loop()
        self._newest: _Load | None = None
        self._worked: Settings | None = None  # of the newest model that could be loaded
        self._reloads: list[float] = []
        self._end_fetch: Callable[[], object] = _nothing
        self._closed = False

    def load(self, settings: Settings, cause: Cause) -> None:
        """Load the model that the settings name, in the background, in place of the one there is.

        If that fails, the one that worked before is loaded again, once. Once the keeper is closed, nothing happens.
        """
        if self._closed:
            return
        self.completer = None
        self.loads += 1
        if cause is not Cause.FAULT:
            self.fetching(_nothing)
        if self._newest is not None:
            self._newest.cancel.cancel()
            self._newest.end("another model was chosen since")
        load = self._newest = _Load(settings, self._loop.create_future())
        if self._worked is not None and self._worked.engine_part() != settings.engine_part():
            load.before = self._worked
        log.info("Loading %s: %s.", settings.model, cause.value)
        future = self.worker.open(lambda: self._open(load), lambda completer: completer.close())
        future.add_done_callback(partial(self.call, self._take, load))
        self.board.loading(settings.model)

    def fetching(self, end: Callable[[], object]) -> None:
        """Hear that a model is fetched, which will be loaded then: `end` is called once another is chosen."""
        before, self._end_fetch = self._end_fetch, end
        before()

    async def outcome(self) -> str | None:
        """Wait for the end of the newest load; return why it is not the model that was asked for, None where it is."""
        return None if self._newest is None else await asyncio.shield(self._newest.ended)

    def go_back(self) -> None:
        """End the load that goes on, for the model that was there before; nothing where there is none of the two."""
        load = self._newest
        if load is not None and load.before is not None and self.completer is None and not load.ended.done():
            self.load(load.before, Cause.CANCELLED)

    def _open(self, load: _Load) -> Completer:
        """Load on the worker's thread: there the requests that wait go on waiting while the model is changed back."""
        try:
            return self._load_completer(load.settings, partial(self.call, self._report, load), load.cancel)
        except Cancelled:
            raise
        except Exception as error:
            if load.before is None or load.cancel.cancelled:
                raise
            _log(error)
            failed = error.with_traceback(None)  # its traceback would keep alive what was loaded
        load.settings = load.before
        self.call(self._going_back, load, failed)
        try:
            return self._load_completer(load.settings, partial(self.call, self._report, load), load.cancel)
        except Cancelled:
            raise
        except Exception as error:
            raise failed from error

    def _report(self, load: _Load, message: str, percent: int | None) -> None:
        if not load.cancel.cancelled and self.completer is None:
            self.board.progress(message, percent)

    def _going_back(self, load: _Load, error: Exception) -> None:
        if not load.cancel.cancelled:
            load.notice = f"{_sentence(error)} Going back to {load.settings.model}."
            self.board.going_back(load.notice)
            self.board.loading(load.settings.model)

    def _take(self, load: _Load, future: Future[Completer]) -> None:
        error = future.exception()
        if isinstance(error, Cancelled) or load.cancel.cancelled:
            return
        if error is not None:
            _log(error)
            self._worked = None
            self.board.failed(str(error) or type(error).__name__)
            load.end(_sentence(error))
            return
        completer = self.completer = future.result()
        self._worked = load.settings
        self.board.loaded(completer.about, load.notice or completer.about.notice or None)
        self._loaded(load.settings)
        load.end(load.notice)

    def failed(self, error: BaseException) -> None:
        """Hear that a job failed: log it, and load the model again if the engine broke, a limited number of times.

        A server that is away or refuses is no engine that broke: it was logged where it was found out, once.
        """
        if isinstance(error, (EngineUnavailable, EngineRefused)):
            log.debug("No suggestion: %s", error)
            self.board.trouble(str(error))
            return
        log.error("A suggestion could not be made.", exc_info=error)
        if not isinstance(error, EngineFailed) or self.completer is None or self._worked is None:
            return  # without a completer: it was an engine that is being replaced already
        now = self._clock()
        self._reloads = [at for at in self._reloads if now - at < _RELOAD_SPAN_S]
        if len(self._reloads) < _RELOADS:
            self._reloads.append(now)
            self.load(self._worked, Cause.FAULT)
        else:
            self.completer = None
            self.worker.give_up()
            message = f"{error} It failed {_RELOADS + 1} times; restart the server, or choose another model."
            self.board.failed(message)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the loop's thread, from any thread; dropped once the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(partial(function, *arguments))

    def close(self) -> None:
        """End all work. Idempotent: what does not listen is waited for once, not again at `exit`."""
        if not self._closed:
            self._closed = True
            self.fetching(_nothing)
            if self._newest is not None:
                self._newest.cancel.cancel()
                self._newest.end("the session ended")
            self.worker.close()


@define(eq=False)
class _Load:
    """A load that was asked for."""

    settings: Settings
    """Of the model that is loaded."""
    ended: asyncio.Future[str | None]
    """Why the model that was asked for is not there, once that is known; None where it is."""
    before: Settings | None = None
    """Of the model to go back to if that fails."""
    cancel: CancelToken = field(factory=CancelToken)
    """Set once it is not the newest any more, or the session is closed."""
    notice: str | None = None
    """Why it went back: a sentence for the user."""

    def end(self, why: str | None) -> None:
        """Say how it ended, once."""
        if not self.ended.done():
            self.ended.set_result(why)


def _nothing() -> None:
    """No fetch goes on."""


def _sentence(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _log(error: BaseException) -> None:
    log.error("%s", error, exc_info=None if isinstance(error, StarcoderError) else error)
