"""A small byte-level vocabulary that ships with the tests, so that they need no download.

256 bytes, a family's special tokens, and the merges in `merges.txt`: byte-level BPE, pre-tokenizer `starcoder`, learnt
once (`tokenizers` 0.22) from argparse, ast, configparser, json.decoder, logging and typing of Python 3.11.7. They are
kept rather than learnt again because every Python has another standard library: another vocabulary, and with it other
random models and other near-ties.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from gguf.constants import TokenType
from tokenizers.pre_tokenizers import ByteLevel

from starcoder_lsp.models.gguf import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starcoder_lsp.models.gguf_format import Scalar

SPECIAL_TOKENS: Final = {
    "starcoder": (
        "<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<filename>", "<gh_stars>",
        "<reponame>",
    ),
    "starcoder2": (
        "<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>",
    ),
}  # fmt: skip
"""By architecture; the ids count from 0 in this order."""

LEARNT: Final = 1024
"""Tokens that can come out of encoding, special ones included."""

BUILTIN_SCALARS: Final[Mapping[str, Scalar]] = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "starcoder",
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.ggml.add_bos_token": False,
}
"""What a GGUF file says of this vocabulary besides its tables."""

_MERGES: Final = Path(__file__).with_name("merges.txt")


def builtin_vocabulary(architecture: str, size: int = LEARNT) -> Vocabulary:
    """Return a vocabulary of `size` tokens (at least `LEARNT`) with the pre-tokenizer `starcoder`.

    Tokens beyond the learnt ones are text that no encoding produces: they only give the model its real width.
    """
    special = SPECIAL_TOKENS[architecture]
    room = LEARNT - 256 - len(special)
    merges = _MERGES.read_text("utf-8").splitlines()[:room]
    tokens = [*special, *sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in merges)]
    tokens += [f"Ġw{number:05}" for number in range(len(tokens), size)]
    return Vocabulary(
        tokens=tokens,
        types=[int(TokenType.CONTROL)] * len(special) + [int(TokenType.NORMAL)] * (len(tokens) - len(special)),
        scores=[],
        merges=merges,
    )
