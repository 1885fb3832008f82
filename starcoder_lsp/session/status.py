"""What the server is doing, for people: one value, told to a listener when it changes; and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from attrs import frozen

from starcoder_lsp.suggest import Counters, Speed

if TYPE_CHECKING:
    from starcoder_lsp.suggest import Runtime

State = Literal["loading", "ready", "busy", "paused", "error"]


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


class Listener(Protocol):
    """Hears what happens in a session; called on the event loop's thread."""

    def status_changed(self, status: Status) -> None:
        """Hear that a field of the status changed."""
        ...

    def refreshed(self, uri: str) -> None:
        """Hear that a longer suggestion than the one answered is ready for a document."""
        ...

    def loading(self, message: str, percent: int | None) -> None:
        """Hear how far the load of a model is."""
        ...

    def loaded(self, error: str | None) -> None:
        """Hear that it ended; `error` is a sentence for the user."""
        ...


def counted_by(runtime: Runtime | None) -> dict[str, object]:
    """Return what a loaded model counted since its load, under the names of `starcoder.stats` (docs/protocol.md)."""
    counters = runtime.counters if runtime else Counters()
    speed = runtime.speed if runtime else Speed(0.0, 0.0)
    return {
        "evaluatedTokens": counters.evaluated,
        "generatedTokens": counters.generated,
        "engineMs": round(counters.engine_ms, 3),
        "promptTokens": counters.prompt,
        "prefixTokens": counters.before,
        "suffixTokens": counters.after,
        "quickSuggestions": counters.quick,
        "prefillSpeed": round(speed.prefill, 1),
        "decodeSpeed": round(speed.decode, 1),
    }
