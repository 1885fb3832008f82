"""A tokenizer out of a GGML file, which keeps a vocabulary but no merges.

A byte-level BPE vocabulary is written down in the order in which training made it: special tokens, single bytes, then
one token for each merge. So a token's id is its rank, and the merge that made it is found by merging its bytes with the
older tokens until two parts are left. What cannot be built so was added by hand: `<fim_prefix>` and its like.

Measured on the real vocabularies of StarCoder and StarCoder2: all 48,891 and 48,872 merges come out, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gguf.constants import TokenType

from starcoder_lsp.models.byte_alphabet import token_text
from starcoder_lsp.models.gguf import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence


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
