"""What the server is doing, for people: one value, changed by named transitions, told to a listener; and counters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import evolve, frozen

from starcoder_lsp.completer import Counters, Speed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starcoder_lsp.completer import About, Completer
    from starcoder_lsp.repository.service import Status as Scan

State = Literal["loading", "ready", "busy", "paused", "error"]
Reason = Literal["unsure", "empty", "off", "secret"]
"""Why a request showed nothing: the model was not sure enough; it had nothing to say; suggestions are off here; the
file or the line looks like a secret, which is in no prompt."""


@frozen
class Status:
    """See `starcoder/status` in docs/protocol.md."""

    state: State = "loading"
    model: str | None = None
    engine: str | None = None
    message: str | None = None
    progress: int | None = None
    latency_ms: float | None = None
    paused_uris: tuple[str, ...] = ()
    shown: int = 0
    hidden: int = 0
    reason: Reason | None = None


class Listener(Protocol):
    """Hears what happens in a session; called on the event loop's thread."""

    def status_changed(self, status: Status) -> None:
        """Hear that a field of the status changed."""
        ...

    def refreshed(self, uri: str) -> None:
        """Hear that another suggestion than the one answered is ready for a document."""
        ...

    def loading(self, message: str, percent: int | None) -> None:
        """Hear how far the load of a model is."""
        ...

    def loaded(self, error: str | None) -> None:
        """Hear that it ended; `error` is a sentence for the user."""
        ...

    def scanned(self, done: int, wanted: int, *, ended: bool) -> None:
        """Hear how many files of the folders were read."""
        ...


class StatusBoard:
    """The one place that changes the status. All methods belong to the event loop's thread."""

    def __init__(self, listener: Listener) -> None:
        """Begin as loading."""
        self.status = Status()
        self.paused = False
        """Whether suggestions are paused everywhere."""
        self._listener = listener
        self._loaded = False
        self._troubled = False

    def loading(self, model: str) -> None:
        """Say that a load of a model began."""
        self._loaded = False
        self._set(state="loading", model=model, engine=None, message=None, progress=None)
        self._listener.loading(f"Loading {model}", None)

    def progress(self, message: str, percent: int | None) -> None:
        """Say how far it is."""
        self._set(message=message, progress=percent)
        self._listener.loading(message, percent)

    def going_back(self, notice: str) -> None:
        """Say that a load failed and the model before it is loaded again."""
        self._listener.loaded(notice)

    def loaded(self, about: About, notice: str | None) -> None:
        """Say that a model is ready. `notice`: why it is not the one that was asked for."""
        self._loaded = True
        shows_all = f"{about.name} does not say how sure it is of what it writes, so all of it is shown."
        message = notice or (None if about.has_logprobs else shows_all)
        self._set(state=self._resting, model=about.name, engine=about.engine, message=message, progress=None)
        self._listener.loaded(None)

    def failed(self, message: str) -> None:
        """Say that there is no model, and what to do."""
        self._loaded = False
        self._set(state="error", message=message, progress=None)
        self._listener.loaded(message)

    def corrected(self) -> None:
        """Forget what was wrong with a model that nobody asks for any more."""
        if self._loaded:
            self._set(message=None)

    def scanned(self, scan: Scan) -> None:
        """Say how far the reading of the folders is."""
        self._listener.scanned(scan.files, scan.wanted, ended=not scan.scanning)

    def trouble(self, message: str) -> None:
        """Say why no suggestion could be made, until one is."""
        self._troubled = True
        self._set(message=message)

    def busy(self) -> None:
        """Say that something is being generated."""
        if self.status.state == "ready":
            self._set(state="busy")

    def rest(self) -> None:
        """Say that nothing is."""
        if self.status.state == "busy":
            self._set(state=self._resting)

    def pause(self, *, on: bool) -> None:
        """Say that suggestions are paused everywhere, or go on."""
        self.paused = on
        if self.status.state in ("ready", "paused") or (on and self.status.state == "busy"):
            self._set(state=self._resting)

    def paused_in(self, uris: Iterable[str]) -> None:
        """Say in which documents suggestions are paused."""
        self._set(paused_uris=tuple(sorted(uris)))

    def showed(self, latency_ms: float | None, *, new: bool) -> None:
        """Count a suggestion that was shown. `new`: not the rest of one that was. `latency_ms` None: from memory."""
        self._recovered()
        latency = {} if latency_ms is None else {"latency_ms": latency_ms}
        self._set(reason=None, shown=self.status.shown + new, **latency)

    def showed_nothing(self, reason: Reason, *, new: bool = False) -> None:
        """Say why nothing was shown. `new`: one more suggestion was made and hidden."""
        if new:
            self._recovered()
        self._set(reason=reason, hidden=self.status.hidden + (new and reason == "unsure"))

    def _recovered(self) -> None:
        if self._troubled:
            self._troubled = False
            self._set(message=None)

    @property
    def _resting(self) -> State:
        if not self._loaded:
            return self.status.state
        return "paused" if self.paused else "ready"

    def _set(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Status
        status = evolve(self.status, **changes)
        if status != self.status:
            self.status = status
            self._listener.status_changed(status)


def counted_by(completer: Completer | None) -> dict[str, object]:
    """Return what a loaded model counted since its load, under the names of `starcoder.stats` (docs/protocol.md)."""
    counters = completer.counters if completer else Counters()
    speed = completer.speed if completer else Speed(0.0, 0.0)
    return {
        "evaluatedTokens": counters.evaluated,
        "generatedTokens": counters.generated,
        "engineMs": round(counters.engine_ms, 3),
        "promptTokens": counters.prompt,
        "contextTokens": counters.context,
        "prefixTokens": counters.before,
        "suffixTokens": counters.after,
        "quickSuggestions": counters.quick,
        "engineProcess": (completer.about.process if completer else 0) or os.getpid(),
        "prefillSpeed": round(speed.prefill, 1),
        "decodeSpeed": round(speed.decode, 1),
    }
