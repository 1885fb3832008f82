"""Encoding chunk by chunk gives the ids of encoding the whole text, for every rule that cuts words."""

from __future__ import annotations

import functools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.tokens.lines import LineEncoder
from starcoder_lsp.tokens.tokenizer import Tokenizer
from tests.support.texts import NASTY, real_files
from tests.support.vocabularies import REAL, RULES, SENTENCEPIECE, real_vocabulary, vocabulary_file

pytestmark = pytest.mark.slow

PIECES = st.sampled_from([
    "\n", "\r\n", "\r", "\n\n", " ", "  ", "    ", "\t", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\u2028", "\u00a0",
    "\u3000", "\u200b", "\x00", "a", "def", "self", "x1", "1", "2024", "(", ")", "{", "};", '"""', "'", "'s", "'LL",
    "#", "==", "$", "_", "é", "e\u0301", "👩\u200d👧", "中", "日本", "한", "٣", "½", "<fim_middle>", "\ud83d",
])  # fmt: skip
# Without SentencePiece's sign for a space, which it cannot tell from one.
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=40).map(lambda pieces: "".join(pieces).replace("\u2581", ""))


@functools.cache
def tokenizer_of(rule: str) -> Tokenizer:
    return Tokenizer.from_header(read_header(vocabulary_file(rule), vocabulary_only=True))


def decoded(tokenizer: Tokenizer, ids: list[int]) -> str:
    return tokenizer.decode_bytes(ids).decode()


def check(tokenizer: Tokenizer, text: str) -> None:
    """The chunks are the text, their ids are its ids, and the ids are its bytes; no control token among them."""
    whole = tokenizer.encode(text)
    chunks = LineEncoder(tokenizer).chunks(text)
    assert "".join(chunk for chunk, _ in chunks) == text
    assert [token for _, ids in chunks for token in ids] == whole
    assert decoded(tokenizer, whole) == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    assert not any(map(tokenizer.is_control, whole))


@pytest.mark.parametrize("rule", [*RULES, SENTENCEPIECE])
@given(text=TEXTS)
@settings(max_examples=100)
@example("x\n    y")
@example("{\n  \n}\n")
@example("x \n y")
@example("a\u2028\nb\x1c\nc")
@example("1\n2\r\n\r\n3")
def test_chunks_are_encoded_like_the_whole(rule: str, text: str) -> None:
    check(tokenizer_of(rule), text)


@pytest.mark.parametrize("rule", [*RULES, SENTENCEPIECE])
@given(text=TEXTS, inserted=TEXTS, at=st.integers(0, 200))
@settings(max_examples=50)
def test_an_edit_is_encoded_like_a_new_text(rule: str, text: str, inserted: str, at: int) -> None:
    tokenizer = tokenizer_of(rule)
    encoder = LineEncoder(tokenizer, max_chars=50)
    encoder.encode(text)
    edited = text[:at] + inserted + text[at:]
    assert encoder.encode(edited) == tokenizer.encode(edited)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [*RULES, SENTENCEPIECE])
def test_source_files_are_encoded_like_the_whole(rule: str) -> None:
    for text in (*NASTY, *real_files()):
        check(tokenizer_of(rule), text.replace("\u2581", ""))
        check(tokenizer_of(rule), text.replace("\u2581", "").replace("\n", "\r\n"))


@pytest.mark.slow
@pytest.mark.registry
@pytest.mark.parametrize("name", REAL)
def test_source_files_are_encoded_like_the_whole_with_real_vocabularies(name: str) -> None:
    tokenizer = Tokenizer.from_header(read_header(real_vocabulary(name), vocabulary_only=True))
    for text in (*NASTY, *real_files()):
        assert LineEncoder(tokenizer).encode(text) == tokenizer.encode(text)
