"""Merges and control tokens out of nothing but the order of a vocabulary."""

from __future__ import annotations

import pytest
from gguf.constants import TokenType

from benchmarks.vocabulary import builtin_vocabulary
from starcoder_lsp.models.byte_alphabet import token_bytes, token_text
from starcoder_lsp.models.ggml.vocabulary import rebuild
from starcoder_lsp.models.gguf import read_header
from tests.support.vocabularies import real_vocabulary


@pytest.mark.parametrize("architecture", ["starcoder", "starcoder2"])
def test_the_rebuilt_vocabulary_is_the_one_it_came_from(architecture: str) -> None:
    original = builtin_vocabulary(architecture)
    raw = [
        token_bytes(text) if kind == TokenType.NORMAL else text.encode()
        for text, kind in zip(original.tokens, original.types, strict=True)
    ]
    rebuilt = rebuild(raw)
    assert rebuilt.tokens == original.tokens
    assert rebuilt.types == original.types
    assert rebuilt.merges == original.merges


@pytest.mark.slow
@pytest.mark.registry
@pytest.mark.parametrize("name", ["refact", "starcoder"])
def test_the_real_vocabularies_of_starcoder_and_starcoder2(name: str) -> None:
    """`refact` has StarCoder's vocabulary: 49,152 tokens and 48,891 merges, behind which it is padded."""
    original = read_header(real_vocabulary(name), vocabulary_only=True).vocabulary()
    table = list(zip(original.tokens, original.types, strict=True))[:49152]
    raw = [token_bytes(text) if kind == TokenType.NORMAL else text.encode() for text, kind in table]
    rebuilt = rebuild(raw)
    assert rebuilt.merges == original.merges
    assert list(zip(rebuilt.tokens, rebuilt.types, strict=True)) == table


def test_bytes_and_text() -> None:
    assert token_text(b" \n\xff") == "ĠĊÿ"
    assert token_bytes("ĠĊÿ") == b" \n\xff"
    assert all(token_bytes(token_text(bytes([byte]))) == bytes([byte]) for byte in range(256))
    assert token_bytes("<|日本|>") == "<|日本|>".encode()


def test_a_repeated_token_makes_no_second_merge() -> None:
    rebuilt = rebuild([b"<fim_prefix>", b"a", b"b", b"ab", b"ab", b""])
    assert rebuilt.merges == ["a b"]
    assert rebuilt.types[0] == TokenType.CONTROL
    assert rebuilt.types[1:4] == [TokenType.NORMAL] * 3
