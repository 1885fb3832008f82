"""How window and process prove to each other that they know the token, without sending it. Pure.

A foreign program on the socket learns nothing that it could use, and gets no ids.
"""

from __future__ import annotations

import hmac
import secrets

WINDOW, PROCESS = b"window", b"process"
"""Who proves: an answer of one side is none of the other's."""


def make_token() -> str:
    """Return a new token."""
    return secrets.token_hex(32)


def make_nonce() -> bytes:
    """Return what is asked once."""
    return secrets.token_bytes(32)


def prove(token: str, who: bytes, nonce: bytes) -> bytes:
    """Return the answer to a challenge."""
    return hmac.digest(token.encode(), who + nonce, "sha256")


def proves(proof: bytes, token: str, who: bytes, nonce: bytes) -> bool:
    """Whether that is the answer."""
    return hmac.compare_digest(proof, prove(token, who, nonce))
