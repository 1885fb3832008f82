"""What a message says, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

from cattrs import ClassValidationError

Message = dict[str, Any]


def decode(body: bytes) -> object:
    """Return what a message's body says. Raises ValueError or RecursionError where it is not JSON.

    An integer of more digits than Python converts (4,300) is read as a float: LSP's own are of 31 bits, so the message
    is refused where it stands for one of them, with its id.
    """
    try:
        return json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        return json.loads(body, parse_int=float)


def is_identity(value: object) -> bool:
    """Return whether JSON-RPC takes a value for the id of a request."""
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def what_is_wrong(method: str, error: Exception) -> str:
    """Say which parameters are wrong, without the values: they may hold the user's text."""
    if isinstance(error, ClassValidationError):
        from cattrs import transform_error  # noqa: PLC0415 - only for a mistake

        paths = transform_error(error, format_exception=lambda one, _type: type(one).__name__)
        return f"{method}: " + "; ".join(path.replace("@ $", "at params") for path in paths)[:300]
    return f"{method}: {type(error).__name__}"
