"""What the server is doing, for people: one value, told to a listener when it changes."""

from __future__ import annotations

from typing import Literal, Protocol

from attrs import frozen

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
