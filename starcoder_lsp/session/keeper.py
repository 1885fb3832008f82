"""Keeps the model: loads it on the worker thread, loads it again when its engine fails, and says how it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve

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

    All methods belong to the event loop's thread, but for `call`.
    """

    def __init__(
        self,
        listener: Listener,
        load_runtime: Callable[[Settings, Callable[[str, int | None], None]], Runtime],
        clock: Callable[[], float],
        loaded: Callable[[], None],
    ) -> None:
        """Start without a model. `clock` gives seconds; `loaded` is called each time a model is ready."""
        self.worker: Worker[Runtime] = Worker()
        self.runtime: Runtime | None = None
        self.status = Status()
        self.paused = False
        self._listener = listener
        self._load_runtime = load_runtime
        self._clock = clock
        self._loaded = loaded
        self._loop = asyncio.get_running_loop()
        self._asked: object = None  # stands for the newest load: what an older one reports comes too late
        self._reloads: list[float] = []
        self._closed = False

    def load(self, settings: Settings) -> None:
        """Load the model that the settings name, in the background, in place of the one there is."""
        self.runtime = None
        asked = self._asked = object()
        self.set_status(state="loading", model=settings.model, engine=None, message=None, progress=None)
        self._listener.loading(f"Loading {settings.model}", None)
        future = self.worker.open(
            lambda: self._load_runtime(settings, partial(self.call, self._report, asked)),
            lambda runtime: runtime.engine.close(),
        )
        future.add_done_callback(partial(self.call, self._take, asked))

    def _report(self, asked: object, message: str, percent: int | None) -> None:
        if asked is not self._asked:
            return
        self.set_status(message=message, progress=percent)
        self._listener.loading(message, percent)

    def _take(self, asked: object, future: Future[Runtime]) -> None:
        error = future.exception()
        if isinstance(error, Superseded) or self._closed or asked is not self._asked:
            return
        if error is not None:
            log.error("%s", error, exc_info=None if isinstance(error, StarcoderError) else error)
            self.set_status(state="error", message=str(error) or type(error).__name__, progress=None)
            self._listener.loaded(self.status.message)
            return
        runtime = self.runtime = future.result()
        self.set_status(
            state=self.resting, model=runtime.name, engine=runtime.engine.info.engine, message=None, progress=None
        )
        self._listener.loaded(None)
        self._loaded()

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
        """End all work. Idempotent."""
        self._closed = True
        self.worker.close()
