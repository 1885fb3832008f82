"""Reads one answer: the stream's bytes, through a dialect's parser, to whoever takes the events."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final, Protocol

from starcoder_lsp.engine.http.events import NotUnderstood
from starcoder_lsp.engine.http.faults import refusal
from starcoder_lsp.engine.http.transport import ConnectionBroke
from starcoder_lsp.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.engine.base import CancelToken, Finish
    from starcoder_lsp.engine.http.events import Call, Event, Fault, Parser
    from starcoder_lsp.engine.http.transport import Transport
    from starcoder_lsp.errors import EngineError

_END_OF_STREAM: Final = b"\n\n"
"""Ends a last line that a server did not end."""


class Taker(Protocol):
    """Takes the events of one answer."""

    finish: Finish | None
    fault: Fault | None
    written: bool
    """Whether anything was handed out: then it cannot be asked again."""
    ended: bool
    """Whether the server said that it came to its end."""

    def take(self, event: Event) -> bool:
        """Take one event; True once no more are wanted. Raises NotUnderstood."""
        ...


class _BrokeOff(Exception):  # noqa: N818 - reads as the fact it is
    """An answer did not come to its end."""


def perform(transport: Transport, call: Call, parser: Callable[[], Parser], taker: Taker, cancel: CancelToken) -> None:
    """Send a call and pass its answer's events to `taker`; once more if it breaks off before anything was handed out.

    Raises:
        EngineUnavailable: it broke off again or too late, or is not understood; and see `Transport.stream`.
        EngineRefused: see `Transport.stream`.
    """
    if cancel.cancelled:
        taker.finish = "cancelled"
        return
    for last in (False, True):
        try:
            _read(transport, call, parser(), taker, cancel)
        except (_BrokeOff, ConnectionBroke) as error:  # noqa: PERF203 - that is what the second round is for
            again = not (last or taker.written or cancel.cancelled)
            if isinstance(error, ConnectionBroke):
                if not (again and error.begun):  # else the transport has tried twice
                    raise
            elif not again:
                raise EngineUnavailable(f"{transport.address.shown} {error}.") from error
        else:
            return


def _read(transport: Transport, call: Call, parser: Parser, taker: Taker, cancel: CancelToken) -> None:
    patience, heard = transport.address.timeout_s, time.monotonic()
    stream = transport.stream(call, cancel)
    try:
        for data in stream:
            events = parser.feed(data)
            if events:
                heard = time.monotonic()
            elif time.monotonic() - heard > patience:
                raise _BrokeOff(f"sends bytes, but nothing whole within {patience:g} seconds")
            if any(taker.take(event) for event in events):
                break
        else:
            if taker.finish is None and not cancel.cancelled:
                any(taker.take(event) for event in parser.feed(_END_OF_STREAM))
    except NotUnderstood as error:
        raise _BrokeOff(f"answers with what is no answer: {error}") from error
    finally:
        stream.close(rest=taker.ended)
    if cancel.cancelled and taker.finish != "stop":
        taker.finish = "cancelled"
    elif taker.fault is not None:
        raise _said(transport, call, taker.fault)
    elif taker.finish is None:
        raise _BrokeOff("broke off in the middle of an answer")


def _said(transport: Transport, call: Call, fault: Fault) -> EngineError:
    """Return the error for a failure that the server tells of inside its stream."""
    words = json.dumps({"error": {"message": fault.message}}).encode()
    sent = json.dumps(call.body, ensure_ascii=False)
    return refusal(transport.address.shown, fault.status, words, sent=sent)
