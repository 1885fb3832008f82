"""Byte-pair encoders of the `tokenizers` library, built from a GGUF file's tables.

Both kinds of tokenizer that code models have are byte-pair encoding underneath: GPT-2's, over bytes and with words cut
by a rule, and SentencePiece's, over characters and without words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gguf.constants import TokenType
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from starcoder_lsp.errors import ModelUnsupported

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from starcoder_lsp.models.gguf import Vocabulary
    from starcoder_lsp.tokens.pretokenizers import PreTokenizer

SPACE = "\u2581"
"""What SentencePiece writes for a space."""


def byte_level(path: Path, vocabulary: Vocabulary, control: Collection[int], rule: PreTokenizer) -> Tokenizer:
    """Return GPT-2's kind of tokenizer. Raises ModelUnsupported if merges and vocabulary contradict each other."""
    ids = {text: token for token, text in enumerate(vocabulary.tokens) if token not in control}
    # The separator is looked for from the second character on, as in llama.cpp: a merge may begin with a space.
    merges = [(merge[:at], merge[at + 1 :]) for merge in vocabulary.merges if (at := merge.find(" ", 1)) > 0]
    tokenizer = Tokenizer(_model(path, ids, merges, ignore_merges=rule.ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(expression), "isolated") for expression in rule.expressions),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def sentencepiece(path: Path, vocabulary: Vocabulary, control: Collection[int]) -> Tokenizer:
    """Return SentencePiece's kind of tokenizer, without a space put before the text.

    It merges the pair with the best score; here that is said as merges by rank: all ways to make a token of two others,
    the token with the best score first. Raises ModelUnsupported if it cannot fall back to bytes.
    """
    ids = {text: token for token, text in enumerate(vocabulary.tokens) if token not in control}
    if any(f"<0x{byte:02X}>" not in ids for byte in range(256)):
        raise ModelUnsupported(path, "has a SentencePiece vocabulary without bytes", "Choose another model")
    types = vocabulary.types
    words = [text for text, token in ids.items() if len(text) > 1 and not (types and types[token] == TokenType.BYTE)]
    if vocabulary.scores:
        words.sort(key=lambda text: -vocabulary.scores[ids[text]])
    merges = [
        (text[:at], text[at:]) for text in words for at in range(1, len(text)) if text[:at] in ids and text[at:] in ids
    ]
    tokenizer = Tokenizer(_model(path, ids, merges, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    return tokenizer


def _model(path: Path, ids: Mapping[str, int], merges: list[tuple[str, str]], **options: bool) -> models.BPE:
    try:
        return models.BPE(dict(ids), merges, **options)
    except Exception as error:  # the library raises just that, e.g. for a merge of unknown tokens
        remedy = "Download another conversion of it"
        raise ModelUnsupported(path, f"has a damaged tokenizer ({error})", remedy) from error
