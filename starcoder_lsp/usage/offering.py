"""What a session tells of an answer, and where counts go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from starcoder_lsp.usage.record import Key, Measure, Record

__all__ = ["Offering", "Sink"]


class Sink(Protocol):
    """Where counts go."""

    def put(self, record: Record) -> None:
        """Keep a suggestion's counts, in place of those known."""
        ...

    def measure(self, key: Key, when: Measure, accepted: str, now: str) -> None:
        """Add how much of an accepted text still stands."""
        ...

    def close(self) -> None:
        """Finish what is begun, as far as that takes no time."""
        ...


@frozen
class Offering:
    """An answer to an editor: a suggestion, or what is left of one.

    Attributes:
        identity: what the editor calls it.
        making: of which work it is a piece, the whole, or the rest.
        uri: the document's.
        language: LSP language id.
        model: its display name.
        text: the whole suggestion as far as it is written, with newlines.
        skip: how much of it stands in the document already.
        insert: what the editor would put in: what is left of it, behind what a completion list has selected.
        start: where `insert` would begin, an offset of the document as it is.
        latency_ms: from request to answer; None where it was ready before.
        alternative: offered beside another, for who cycles through them: counted once something becomes of it.
    """

    identity: str
    making: str
    uri: str
    language: str
    model: str
    text: str = field(repr=False)
    skip: int
    insert: str = field(repr=False)
    start: int
    latency_ms: float | None
    alternative: bool = False
