"""Values out of JSON that somebody else wrote: nothing about its shape is taken for granted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from starcoder_lsp.engine.http.events import End, Fault, NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Iterable

_GIVEN_UP = ("abort", "error")
"""Reasons to end, of vLLM: the server is shut down, or the request failed; what was written is cut off anywhere."""


def integer(value: object, what: str) -> int:
    """Return a whole number that is not negative. Raises NotUnderstood."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise NotUnderstood(f"{what} is no count")
    return value


def count(value: object) -> int | None:
    """Return a count, or None where there is none to read."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def logprob(value: object) -> float | None:
    """Return a natural-log probability; None where there is none, and at most 0 where rounding went over it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return min(0.0, float(value))


def joint(values: Iterable[object]) -> float | None:
    """Return the natural-log probability of several tokens together; None where none is stated."""
    known = [one for value in values if (one := logprob(value)) is not None]
    return sum(known) if known else None


def mapping(value: object) -> dict[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def ending(reason: object) -> End | Fault:
    """Return what a `finish_reason` means."""
    if reason in _GIVEN_UP:
        return Fault(f"the answer was given up ({reason})")
    return End("length" if reason == "length" else "stop")


def fault(data: dict[str, Any]) -> Fault | None:
    """Return what a server says that went wrong, in any of the ways in which servers say so; None: nothing did."""
    error = data.get("error")
    if not error and data.get("object") != "error":
        return None
    inner = mapping(error)
    message = text(error) or text(inner.get("message")) or text(data.get("message")) or "it does not say what"
    code = count(inner.get("code")) or count(data.get("code")) or 500
    return Fault(message, code)
