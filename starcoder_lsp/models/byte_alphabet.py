"""GPT-2's byte-level alphabet (`bytes_to_unicode` in openai/gpt-2, src/encoder.py): a character for each byte."""

from __future__ import annotations

from typing import Final


def _alphabet() -> dict[int, str]:
    """Return each byte's character: itself where it is printable, else one from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in set(printable)]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + n) for n, byte in enumerate(rest)}}


_CHARACTER: Final = _alphabet()
_BYTE: Final = {character: byte for byte, character in _CHARACTER.items()}


def token_bytes(token: str) -> bytes:
    """Return the bytes that a token stands for; of one that is not in the alphabet (added by hand), its UTF-8."""
    try:
        return bytes(map(_BYTE.__getitem__, token))
    except KeyError:
        return token.encode()


def token_text(token: bytes) -> str:
    """Return `token` in the alphabet."""
    return "".join(_CHARACTER[byte] for byte in token)
