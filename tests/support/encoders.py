"""Small encoders in place of a tokenizer. Their ids are text only; control tokens have ids of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starcoder_lsp.completion.fim import FimTokens, resolve_family

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST = 100
"""Ids below are control tokens."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_LINE_BREAK_FIRST = re.compile(r"\n?[^\n]*")
_PIECE = re.compile(r"\n\s*|\w{1,4}|\s+|[^\w\s]")


class Words:
    """A token for each word of up to four letters, sign and run of blanks; decodes what it encoded."""

    def __init__(self, *, break_first: bool = True) -> None:
        """`break_first`: chunks begin with their line's break, as in GPT-2's rule; else they end with it."""
        self._pattern = _LINE_BREAK_FIRST if break_first else _LINE
        self._ids: dict[str, int] = {}
        self._chunks: dict[str, tuple[int, ...]] = {}
        self._texts: list[str] = []

    def chunks(self, text: str) -> Sequence[tuple[str, Sequence[int]]]:
        return [(chunk, self._of(chunk)) for chunk in self._pattern.findall(text) if chunk]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self._texts[one - _FIRST] for one in ids)

    def _of(self, chunk: str) -> tuple[int, ...]:
        if chunk not in self._chunks:
            self._chunks[chunk] = tuple(self._id(one) for one in _PIECE.findall(chunk))
        return self._chunks[chunk]

    def _id(self, piece: str) -> int:
        if piece not in self._ids:
            self._ids[piece] = _FIRST + len(self._texts)
            self._texts.append(piece)
        return self._ids[piece]


def whole(text: str) -> Sequence[tuple[str, Sequence[int]]]:
    """One chunk, a token for each character: the worst case of a vocabulary that joins over line breaks."""
    return [(text, [_FIRST + ord(letter) for letter in text])] if text else []


def tokens_of(
    *spellings: str, architecture: str = "starcoder2", bos: int | None = None, rule: str = "", names: str = ""
) -> FimTokens:
    """Return the FIM tokens of a vocabulary with these control tokens, their ids 1, 2, 3 …"""
    ids = {spelling: number for number, spelling in enumerate(spellings, 1)}
    return resolve_family(architecture, ids.get, {} if bos is None else {"bos": bos}, rule=rule, names=names)


STARCODER2 = tokens_of("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>", "<|endoftext|>")
STARCODER = tokens_of(
    "<fim_prefix>",
    "<fim_suffix>",
    "<fim_middle>",
    "<reponame>",
    "<filename>",
    "<|endoftext|>",
    architecture="starcoder",
)
