"""What every dialect speaks of: calls that go out, events that come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@frozen
class Call:
    """A request: `path` behind the address, and its body, which is sent as JSON. Without a body: GET."""

    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen
class Progress:
    """How far the prompt is, in tokens: found in the cache, evaluated now, known to be in the cache now."""

    cached: int
    evaluated: int
    processed: int


@frozen
class Piece:
    """What one token wrote.

    `id`: None from servers that do not say. `data`: its bytes; None where only the id tells them. `logprob`: natural
    logarithm, None where the server does not say. `skipped`: tokens in front of it whose ids were not sent, and whose
    bytes are the beginning of `data`. `likeliest`: ids and log-probabilities of the likeliest tokens at its place,
    where they were asked for. A piece of several tokens has the sum of their log-probabilities.
    """

    id: int | None
    data: bytes | None
    logprob: float | None
    skipped: int = 0
    likeliest: tuple[tuple[int, float], ...] = ()


@frozen
class Usage:
    """The server's own count, in tokens; None for what it does not say."""

    prompt: int | None = None
    cached: int | None = None
    generated: int | None = None


@frozen
class End:
    """The generation came to its end: an end token or a stop text, or the limit."""

    reason: Literal["stop", "length"]


@frozen
class Fault:
    """The server says that it failed, in its own words; `status` as HTTP has it (500 where it does not say)."""

    message: str = field(repr=False)
    status: int = 500


Event: TypeAlias = "Progress | Piece | Usage | End | Fault"


class Parser(Protocol):
    """Reads one answer's body. Feeding it in other portions gives the same events."""

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take the next bytes; return what they complete.

        Raises:
            NotUnderstood: these bytes are none of this dialect's.
        """
        ...


class NotUnderstood(ValueError):  # noqa: N818 - reads as the fact it is
    """An answer is not what the dialect says it should be; the message tells where, without the answer's text."""
