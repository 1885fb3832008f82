"""What a window and the engine process say to each other: attrs classes to bytes and back. Pure.

A frame is two lengths (unsigned, 32 bits, big-endian), a JSON array `[kind, field, …]`, and ids as packed 32-bit
integers. Bytes travel in JSON as Latin-1 text.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import field, fields, frozen
from cattrs import ClassValidationError
from cattrs.preconf.json import make_converter

from starcoder_lsp.engine.base import Finish  # noqa: TC001 - cattrs reads it
from starcoder_lsp.engine.states.known import StatesAt  # noqa: TC001 - cattrs reads it

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LENGTHS: Final = struct.Struct(">II")
_MOST: Final = 8 * 2**20
"""Bytes of a frame: a context of a million tokens fits."""


# ruff: noqa: RUF009 - `_ids` is an attrs field


class BadMessage(Exception):  # noqa: N818 - reads as what happened
    """What came is none of these messages: the other side is another program."""


def _ids() -> Any:  # noqa: ANN401 - an attrs field
    return field(factory=list, metadata={"packed": True}, repr=False)


# ---- both ways ---------------------------------------------------------------------------------------------------


@frozen
class Challenge:
    """Process to window, at once: prove that you know the token."""

    nonce: bytes


@frozen
class Greeting:
    """Window to process: the proof, and a challenge of its own."""

    proof: bytes
    nonce: bytes


@frozen
class Welcome:
    """Process to window, once the model is loaded: its own proof, and what the engine is."""

    proof: bytes
    process: int
    engine: str
    context_window: int
    slots: int
    detail: str
    prefill: float
    """Tokens a second, as measured at the load."""
    decode: float
    states: StatesAt | None = None


@frozen
class Refused:
    """Process to window, in place of a welcome: why not, a sentence for the user."""

    message: str
    stranger: bool = False
    """The proof was wrong: maybe of a card that was just replaced."""


# ---- window to process -------------------------------------------------------------------------------------------


@frozen
class Ask:
    """Evaluate `ids`, and continue them by `max_tokens` if that is not 0. See `Engine.generate`."""

    number: int
    lane: int
    slot: int
    max_tokens: int = 0
    begin: str = ""
    others: bool = False
    ids: list[int] = _ids()


@frozen
class Cancel:
    """Nobody wants more of this."""

    number: int


@frozen
class Urge:
    """It goes to another lane."""

    number: int
    lane: int


@frozen
class Keep:
    """Keep on disk the slot that holds these, wherever it is: see `Engine.keep`."""

    ids: list[int] = _ids()


# ---- process to window -------------------------------------------------------------------------------------------


@frozen
class Holds:
    """A slot holds the first `keep` of what it held before, and `ids` behind them. `mine`: this window used it last."""

    slot: int
    mine: bool
    keep: int
    ids: list[int] = _ids()


@frozen
class Sign:
    """A checkpoint was reached: look whether the work is still wanted."""

    number: int


@frozen
class Other:
    """A token that could have stood there: see `Token.others`."""

    id: int
    piece: bytes
    logprob: float


@frozen
class Wrote:
    """The `index`-th token of a generation. After a yield they are written from the first on again."""

    number: int
    index: int
    id: int
    piece: bytes
    logprob: float
    others: tuple[Other, ...] = ()


@frozen
class Done:
    """The end of an ask: `Evaluation` and `Generation` in one."""

    number: int
    cached: int
    evaluated: int
    ms: float
    completed: bool
    generated: int = 0
    decode_ms: float = 0.0
    finish: Finish = "stop"


@frozen
class Failed:
    """An ask failed. `kind`: the name of the error."""

    number: int
    kind: str
    message: str


@frozen
class Log:
    """A line for the window's log. Never with a text of a prompt: the process has none."""

    level: int
    message: str


Message = (
    Challenge | Greeting | Welcome | Refused | Ask | Cancel | Urge | Keep | Holds | Sign | Wrote | Done | Failed | Log
)

_KINDS: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (Challenge, Greeting, Welcome, Refused, Ask, Cancel, Urge, Keep, Holds, Sign, Wrote, Done, Failed, Log)
}
_converter: Final = make_converter()
_converter.register_unstructure_hook(bytes, lambda data: data.decode("latin-1"))
_converter.register_structure_hook(bytes, lambda text, _type: text.encode("latin-1"))

T = TypeVar("T")


def encode(message: Message) -> bytes:
    """Return a message's frame. Raises OverflowError for an id that has more than 32 bits."""
    kind = type(message)
    packed = b""
    plain: list[object] = [kind.__name__]
    for one in fields(kind):
        value = getattr(message, one.name)
        if one.metadata.get("packed"):
            packed = _pack(value)
        else:
            plain.append(_converter.unstructure(value))
    head = json.dumps(plain, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(head), len(packed)) + head + packed


class Decoder:
    """Takes bytes as they come, gives messages."""

    def __init__(self, most: int = _MOST) -> None:
        """`most`: bytes of a frame."""
        self.most = most
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._buffer += data

    def messages(self) -> Iterator[Message]:
        """Yield the messages that are whole. Raises BadMessage."""
        while len(self._buffer) >= _LENGTHS.size:
            head, packed = _LENGTHS.unpack_from(self._buffer)
            if head + packed > self.most:
                raise BadMessage("a frame is too long")
            end = _LENGTHS.size + head + packed
            if len(self._buffer) < end:
                return
            start = _LENGTHS.size + head
            message = _decode(bytes(self._buffer[_LENGTHS.size : start]), bytes(self._buffer[start:end]))
            del self._buffer[:end]
            yield message


def _decode(head: bytes, packed: bytes) -> Message:
    try:
        name, *values = json.loads(head)
        kind = _KINDS[name]
        plain = [one for one in fields(kind) if not one.metadata.get("packed")]
        found = dict(zip((one.name for one in plain), values, strict=True))
        if len(plain) < len(fields(kind)):
            found["ids"] = _unpack(packed)
        message: Message = _converter.structure(found, kind)
    except (ValueError, KeyError, TypeError, AttributeError, ClassValidationError) as error:
        raise BadMessage("a frame is no message") from error
    return message


def _pack(ids: Sequence[int]) -> bytes:
    packed = array("i", ids)
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tobytes()


def _unpack(data: bytes) -> list[int]:
    packed = array("i")
    packed.frombytes(data)
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tolist()
