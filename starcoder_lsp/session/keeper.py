"""Keeps the model: loads it on the worker thread, loads it again when its engine fails, and says how it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from starcoder_lsp.engine.worker import Worker
from starcoder_lsp.errors import EngineFailed, StarcoderError, Superseded
from starcoder_lsp.session.status import Listener, State, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starcoder_lsp.config import Settings
    from starcoder_lsp.suggest import Runtime

log = logging.getLogger(__name__)

_RELOADS = 3
_RELOAD_SPAN_S = 300.0


class ModelKeeper:
    """One model at a time. `worker` runs jobs over it; `runtime` is None until it is loaded, and after a failure.

    All methods belong to the event loop's thread, but for `call` and `_open`.
    """

    def __init__(
        self,
        listener: Listener,
        load_runtime: Callable[[Settings, Callable[[str, int | None], None]], Runtime],
        clock: Callable[[], float],
        loaded: Callable[[Settings], None],
    ) -> None:
        """Start without a model. `clock` gives seconds; `loaded` is told each time by which settings one is ready."""
        self.worker: Worker[Runtime] = Worker()
        self.runtime: Runtime | None = None
        self.status = Status()
        self.paused = False
        self._listener = listener
        self._load_runtime = load_runtime
        self._clock = clock
        self._loaded = loaded
        self._loop = asyncio.get_running_loop()
        self.loads = 0
        """How many loads were asked for. It stands for the newest: what an older one reports comes too late."""
        self._worked: Settings | None = None  # of the newest model that could be loaded
        self._reloads: list[float] = []
        self._closed = False

    def load(self, settings: Settings) -> None:
        """Load the model that the settings name, in the background, in place of the one there is.

        If that fails, the one that worked before is loaded again, once.
        """
        self.runtime = None
        self.loads += 1
        load = _Load(self.loads, settings)
        if self._worked is not None and self._worked.engine_part() != settings.engine_part():
            load.before = self._worked
        self._loading(settings)
        future = self.worker.open(lambda: self._open(load), lambda runtime: runtime.engine.close())
        future.add_done_callback(partial(self.call, self._take, load))

    def _open(self, load: _Load) -> Runtime:
        """Load on the worker's thread: there the requests that wait go on waiting while the model is changed back."""
        report = partial(self.call, self._report, load)
        try:
            return self._load_runtime(load.settings, report)
        except Exception as error:
            if load.before is None or load.number != self.loads:
                raise
            _log(error)
            failed = error.with_traceback(None)  # its traceback would keep alive what was loaded
        load.settings = load.before
        self.call(self._going_back, load, failed)
        try:
            return self._load_runtime(load.settings, report)
        except Exception as error:
            raise failed from error

    def _loading(self, settings: Settings) -> None:
        self.set_status(state="loading", model=settings.model, engine=None, message=None, progress=None)
        self._listener.loading(f"Loading {settings.model}", None)

    def _report(self, load: _Load, message: str, percent: int | None) -> None:
        if load.number != self.loads:
            return
        self.set_status(message=message, progress=percent)
        self._listener.loading(message, percent)

    def _going_back(self, load: _Load, error: Exception) -> None:
        if self._closed or load.number != self.loads:
            return
        load.notice = f"{_sentence(error)} Going back to {load.settings.model}."
        self._listener.loaded(load.notice)
        self._loading(load.settings)

    def _take(self, load: _Load, future: Future[Runtime]) -> None:
        error = future.exception()
        if isinstance(error, Superseded) or self._closed or load.number != self.loads:
            return
        if error is not None:
            _log(error)
            self._worked = None
            self.set_status(state="error", message=str(error) or type(error).__name__, progress=None)
            self._listener.loaded(self.status.message)
            return
        runtime = self.runtime = future.result()
        self._worked = load.settings
        engine = runtime.engine.info.engine
        self.set_status(state=self.resting, model=runtime.name, engine=engine, message=load.notice, progress=None)
        self._listener.loaded(None)
        self._loaded(load.settings)

    def failed(self, error: BaseException, settings: Settings) -> None:
        """Hear that a job failed: log it, and load the model again if the engine broke, a limited number of times."""
        log.error("A suggestion could not be made.", exc_info=error)
        if not isinstance(error, EngineFailed):
            return
        now = self._clock()
        self._reloads = [at for at in self._reloads if now - at < _RELOAD_SPAN_S]
        if len(self._reloads) < _RELOADS:
            self._reloads.append(now)
            self.load(settings)
        else:
            message = f"{error} It failed {_RELOADS + 1} times; restart the server, or choose another model."
            self.set_status(state="error", message=message)

    @property
    def resting(self) -> State:
        """The state in which nothing is being generated."""
        if self.runtime is None:
            return self.status.state
        return "paused" if self.paused else "ready"

    def set_status(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Status
        """Change fields of the status; the listener hears of it if anything did change."""
        status = evolve(self.status, **changes)
        if status != self.status:
            self.status = status
            self._listener.status_changed(status)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the loop's thread, from any thread; dropped once the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(partial(function, *arguments))

    def close(self) -> None:
        """End all work. Idempotent: what does not listen is waited for once, not again at `exit`."""
        if not self._closed:
            self._closed = True
            self.worker.close()


@define(eq=False)
class _Load:
    """A load that was asked for."""

    number: int
    settings: Settings
    """Of the model that is loaded."""
    before: Settings | None = None
    """Of the model to go back to if that fails."""
    notice: str | None = None
    """Why it went back: a sentence for the user."""


def _sentence(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _log(error: BaseException) -> None:
    log.error("%s", error, exc_info=None if isinstance(error, StarcoderError) else error)
