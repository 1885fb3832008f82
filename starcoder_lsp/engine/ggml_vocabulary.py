"""A tokenizer out of a GGML file, which keeps a vocabulary but no merges.

A byte-level BPE vocabulary is written down in the order in which training made it: special tokens, single bytes, then
one token for each merge. So a token's id is its rank, and the merge that made it is found by merging its bytes with the
older tokens until two parts are left. What cannot be built so was added by hand: `<fim_prefix>` and its like.

Measured on the real vocabularies of StarCoder and StarCoder2: all 48,891 and 48,872 merges come out, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gguf.constants import TokenType

from starcoder_lsp.engine.gguf import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence


def _alphabet() -> dict[int, str]:
    """GPT-2's printable character for each byte: itself where it is printable, else one from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in set(printable)]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + n) for n, byte in enumerate(rest)}}


_CHARACTER: Final = _alphabet()
_BYTE: Final = {character: byte for byte, character in _CHARACTER.items()}


def token_bytes(token: str) -> bytes:
    """Return the bytes that a token of the byte-level alphabet stands for; a token that is not in it, as UTF-8."""
    try:
        return bytes(_BYTE[character] for character in token)
    except KeyError:
        return token.encode()


def token_text(token: bytes) -> str:
    """Return `token` in the byte-level alphabet."""
    return "".join(_CHARACTER[byte] for byte in token)


def rebuild(tokens: Sequence[bytes]) -> Vocabulary:
    """Return the vocabulary with its merges and token types, as a GGUF file would have stored them: some 300 ms.

    A token that merges cannot build is a control token. Duplicates keep their first id.
    """
    rank: dict[bytes, int] = {}
    for number, token in enumerate(tokens):
        rank.setdefault(token, number)
    texts: list[str] = []
    types: list[int] = []
    merges: list[str] = []
    for number, token in enumerate(tokens):
        parts = _merged(token, rank, number)
        built = len(parts) == 2  # noqa: PLR2004 - a merge has two sides
        if built and rank[token] == number:
            merges.append(f"{token_text(parts[0])} {token_text(parts[1])}")
        plain = built or len(token) == 1
        texts.append(token_text(token) if plain else token.decode("utf-8", "replace"))
        types.append(TokenType.NORMAL if plain else TokenType.CONTROL)
    return Vocabulary(tokens=texts, types=types, scores=[], merges=merges)


def _merged(token: bytes, rank: dict[bytes, int], below: int) -> list[bytes]:
    """Merge the bytes of `token` as far as tokens with ids under `below` go, the lowest id first."""
    parts = [token[at : at + 1] for at in range(len(token))]
    while len(parts) > 1:
        best, place = below, -1
        for at in range(len(parts) - 1):
            number = rank.get(parts[at] + parts[at + 1], below)
            if number < best:
                best, place = number, at
        if place < 0:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts
