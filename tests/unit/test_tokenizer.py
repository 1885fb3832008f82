from __future__ import annotations

import logging
import time
from random import Random
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from starcoder_lsp.completion.fim import resolve_family
from starcoder_lsp.errors import ModelUnsupported
from starcoder_lsp.models.gguf import GGUFHeader, Vocabulary, read_header
from starcoder_lsp.tokens.lines import LineEncoder
from starcoder_lsp.tokens.tokenizer import Tokenizer
from tests.support.gguf_files import write_gguf
from tests.support.llama_cpp_tokenizer import LlamaCppTokenizer
from tests.support.texts import NASTY, real_files
from tests.support.vocabularies import REAL, RULES, SENTENCEPIECE, real_vocabulary, tiny_model, vocabulary_file

if TYPE_CHECKING:
    from pathlib import Path

ALL = (*RULES, SENTENCEPIECE)
MOST_OF_THEM_LATER = [rule if rule == "starcoder" else pytest.param(rule, marks=pytest.mark.slow) for rule in ALL]
"""All, for tests that take a while with each: the inner loop has the one that matters most."""


def header_of(rule: str) -> GGUFHeader:
    return read_header(vocabulary_file(rule), vocabulary_only=True)


def tokenizer_of(rule: str) -> Tokenizer:
    return Tokenizer.from_header(header_of(rule))


def differing(tokenizer: Tokenizer, model: Path, texts: list[str]) -> list[str]:
    """The texts of which llama.cpp makes other ids."""
    reference = LlamaCppTokenizer(model)
    leading = " " if read_header(model).tokenizer_model == "llama" else ""  # llama.cpp puts it there by itself
    different = [text for text in texts if text and tokenizer.encode(leading + text) != reference.encode(text)]
    reference.close()
    return different


@pytest.mark.parametrize("rule", MOST_OF_THEM_LATER)
def test_ids_are_those_of_llama_cpp(rule: str) -> None:
    texts = [*NASTY, *real_files()]
    assert differing(tokenizer_of(rule), tiny_model(vocabulary_file(rule)), texts) == []


@pytest.mark.slow
@pytest.mark.registry
@pytest.mark.parametrize("name", REAL)
def test_ids_are_those_of_llama_cpp_with_real_vocabularies(name: str) -> None:
    path = real_vocabulary(name)
    header = read_header(path, vocabulary_only=True)
    if header.tokenizer_pre is None:  # the random model says starcoder2, of which another rule is known
        header = evolve(header, tokenizer_pre="default")
    texts = [*NASTY, *real_files()]
    assert differing(Tokenizer.from_header(header), tiny_model(path), texts) == []


@pytest.mark.parametrize("rule", ALL)
def test_bytes_come_back(rule: str) -> None:
    tokenizer = tokenizer_of(rule)
    for text in NASTY:
        if rule == SENTENCEPIECE:
            text = text.replace("▁", " ")  # noqa: PLW2901 -- its own sign for a space, which it cannot tell from one
        ids = tokenizer.encode(text)
        assert tokenizer.decode_bytes(ids) == text.encode()
        assert b"".join(map(tokenizer.piece, ids)) == text.encode()


@pytest.mark.parametrize("rule", ALL)
def test_no_text_becomes_a_control_token(rule: str) -> None:
    tokenizer = tokenizer_of(rule)
    tokens = header_of(rule).vocabulary().tokens
    spellings = [text for text in tokens if tokenizer.id_of(text) is not None]
    assert len(spellings) >= 7
    for text in (*spellings, "".join(spellings), *NASTY):
        assert not any(map(tokenizer.is_control, tokenizer.encode(text))), text


def test_control_tokens_have_a_spelling_and_no_text() -> None:
    tokenizer = tokenizer_of("starcoder")
    middle = tokenizer.id_of("<fim_middle>")
    assert middle == 2
    assert tokenizer.is_control(middle)
    assert tokenizer.piece(middle) == b"<fim_middle>"
    assert tokenizer.decode_bytes([*tokenizer.encode("a"), middle, *tokenizer.encode("b")]) == b"ab"
    assert tokenizer.id_of("def") is None


@pytest.mark.parametrize("rule", MOST_OF_THEM_LATER)
def test_what_may_be_encoded_otherwise_is_known(rule: str) -> None:
    """In front of the open end, the ids are those of the text with anything behind it."""
    tokenizer, random = tokenizer_of(rule), Random(rule)  # noqa: S311 -- any places will do
    text = "".join(real_files())[:400_000].replace("'", "")  # n't, 're: rules that look behind a quote
    wrong = []
    for _ in range(400):
        cursor = random.randrange(200, len(text) - 200)
        start = text.rfind("\n", 0, cursor - 100) + 1
        before, after = text[start:cursor], text[cursor : cursor + 100]
        length = tokenizer.open_end(before)
        stable = tokenizer.encode(before[: len(before) - length])
        whole = tokenizer.encode(before + after)
        if length and whole[: len(stable)] != stable:
            wrong.append((before[-20:], after[:20]))
    assert wrong == []
    assert (tokenizer.open_end("x = fo") > 0) == (rule != SENTENCEPIECE)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("", ""), ("x = foo.ba", "ba"), ("x = ", " "), ("import o", " o"), ("if a:\n        ", "\n        "),
        ("x =\n\n", "\n\n"), ('print("', '("'), ("tab\t", "\t"), ("a = 12", "2"), ("é = naï", " naï"),
        ("key = " + "A" * 65, ""), ("x" + " " * 65, ""), ("nul\x00", ""), ("\ud800", ""),
        ("a\n\nclas", "\n\nclas"), ("{\n\t\tre", "\n\t\tre"), ("a\nclas", "clas"),
    ],
)  # fmt: skip
def test_the_open_end_is_the_last_word(text: str, end: str) -> None:
    length = tokenizer_of("starcoder").open_end(text)
    assert text[len(text) - length :] == end


def test_ids_outside_the_vocabulary_have_no_piece() -> None:
    tokenizer = tokenizer_of("starcoder")
    for token in (-1, tokenizer.vocab_size):
        with pytest.raises(IndexError):
            tokenizer.piece(token)


@pytest.mark.parametrize("rule", ALL)
def test_a_lone_surrogate_is_a_replacement_character(rule: str) -> None:
    tokenizer = tokenizer_of(rule)
    assert tokenizer.encode("a\ud83d\n\udc00b") == tokenizer.encode("a\ufffd\n\ufffdb")


def test_a_sentencepiece_token_keeps_its_space() -> None:
    tokenizer = tokenizer_of(SENTENCEPIECE)
    assert tokenizer.decode_bytes(tokenizer.encode("def f")) == b"def f"
    assert tokenizer.encode(" def") != tokenizer.encode("def")
    assert tokenizer.piece(tokenizer.encode("\n")[0]) == b"\n"


def small(tmp_path: Path, vocabulary: Vocabulary, **pairs: str) -> GGUFHeader:
    path = tmp_path / "small.gguf"
    defaults = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2"}
    write_gguf(path, defaults | {key.replace("__", "."): value for key, value in pairs.items()}, vocabulary=vocabulary)
    return read_header(path, vocabulary_only=True)


LETTERS = [chr(code) for code in range(0x21, 0x7F)] + ["Ġ"]


def test_what_a_file_marks_as_text_may_still_be_a_control_token(tmp_path: Path) -> None:
    tokens = [*LETTERS, "<file_sep>", "<|User|>", "[PAD7]", "<pad>"]
    header = small(tmp_path, Vocabulary(tokens, [1] * len(LETTERS) + [4] * 4, [], ["a b"]))
    with pytest.raises(ModelUnsupported, match="damaged tokenizer"):  # "ab" is not in the vocabulary
        Tokenizer.from_header(header)
    header = small(tmp_path, Vocabulary(tokens, [1] * len(LETTERS) + [4] * 4, [], []))
    tokenizer = Tokenizer.from_header(header)
    for text in ("<file_sep>", "<|User|>", "<pad>"):
        assert tokenizer.id_of(text) is not None
        assert not any(map(tokenizer.is_control, tokenizer.encode(text)))
    assert tokenizer.encode("x[PAD7]y")[1:-1] == [tokens.index("[PAD7]")]


def test_a_file_that_marks_nothing_has_control_tokens_by_their_spelling(tmp_path: Path) -> None:
    tokens = [*LETTERS, "<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
    tokenizer = Tokenizer.from_header(small(tmp_path, Vocabulary(tokens, [], [], [])))
    assert tokenizer.id_of("<fim_middle>") == len(tokens) - 1
    assert resolve_family("starcoder", tokenizer.id_of).middle == len(tokens) - 1


def test_what_merges_build_is_text(tmp_path: Path) -> None:
    tokens = [*LETTERS, "</", "s>", "</s>"]
    header = small(
        tmp_path, Vocabulary(tokens, [1] * len(tokens), [], ["< /", "s >", "</ s>"]), tokenizer__ggml__pre="gpt-2"
    )
    tokenizer = Tokenizer.from_header(header)
    assert tokenizer.id_of("</s>") is None
    assert tokenizer.decode_bytes(tokenizer.encode("a</s>")) == b"a</s>"


def test_an_unknown_rule_is_refused_by_name(tmp_path: Path) -> None:
    header = small(tmp_path, Vocabulary(LETTERS, [], [], []), tokenizer__ggml__pre="mystery-7")
    with pytest.raises(ModelUnsupported, match="mystery-7"):
        Tokenizer.from_header(header)


def test_an_unknown_kind_of_tokenizer_is_refused_by_name(tmp_path: Path) -> None:
    header = small(tmp_path, Vocabulary(LETTERS, [], [], []), tokenizer__ggml__model="rwkv")
    with pytest.raises(ModelUnsupported, match="rwkv"):
        Tokenizer.from_header(header)


def test_a_sentencepiece_vocabulary_without_bytes_is_refused(tmp_path: Path) -> None:
    header = small(tmp_path, Vocabulary(LETTERS, [], [], []), tokenizer__ggml__model="llama")
    with pytest.raises(ModelUnsupported, match="without bytes"):
        Tokenizer.from_header(header)


def test_starcoder_files_of_2023_get_the_right_rule() -> None:
    header = header_of("starcoder")
    text = "x = 12345\n\n    # 67890 items\n"
    for architecture in ("starcoder", "starcoder2", "refact"):
        old = evolve(header, tokenizer_pre=None, architecture=architecture)
        assert Tokenizer.from_header(old).encode(text) == tokenizer_of("starcoder").encode(text)


def test_other_old_files_get_the_default_rule_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    old = evolve(header_of("default"), tokenizer_pre=None, architecture="llama")
    with caplog.at_level(logging.WARNING):
        tokenizer = Tokenizer.from_header(old)
    assert "does not say how its tokenizer cuts words" in caplog.text
    assert tokenizer.encode(NASTY[4]) == tokenizer_of("default").encode(NASTY[4])


def test_a_text_that_was_added_with_line_breaks_forbids_cuts(tmp_path: Path) -> None:
    tokens = [*LETTERS, "Ċ", "a\nb"]
    tokenizer = Tokenizer.from_header(small(tmp_path, Vocabulary(tokens, [1] * (len(tokens) - 1) + [4], [], [])))
    assert LineEncoder(tokenizer).encode("xa\nby") == tokenizer.encode("xa\nby")
    assert tokens.index("a\nb") in tokenizer.encode("xa\nby")


def test_the_memory_of_lines_is_bounded() -> None:
    tokenizer = tokenizer_of("starcoder")
    encoder = LineEncoder(tokenizer, max_chars=100)
    for number in range(50):
        text = f"line {number}\nnext\n"
        assert encoder.encode(text) == tokenizer.encode(text)
    assert sum(map(len, encoder._memory)) == encoder._chars <= 100


def test_a_keystroke_costs_a_line() -> None:
    tokenizer = tokenizer_of("starcoder")
    encoder = LineEncoder(tokenizer)
    text = "".join(real_files())[:100_000]
    encoder.encode(text)
    calls: list[str] = []
    encode = tokenizer.encode

    def counted(text: str) -> list[int]:
        calls.append(text)
        return encode(text)

    tokenizer.encode = counted  # type: ignore[method-assign]
    at = text.index("\n", 50_000)
    encoder.encode(text[:at] + "x" + text[at:])
    assert len(calls) == 1
    assert len(calls[0]) < 500


def test_a_very_long_line_is_encoded_in_pieces() -> None:
    line = "".join(real_files())[:100_000].replace("\r", " ").replace("\n", " ")
    for rule in RULES:
        tokenizer = tokenizer_of(rule)
        encoder = LineEncoder(tokenizer)
        assert encoder.encode(line) == tokenizer.encode(line)
        longest = max(len(chunk) for chunk, _ in encoder.chunks(line))
        assert longest < 3_000 or rule == "deepseek-coder"  # it isolates line breaks, and nothing else is certain


@pytest.mark.parametrize("text", ["\n" * 50_000, " " * 50_000, " \n" * 50_000, ("\n" + " " * 1_000) * 50, "x" * 50_000])
def test_dividing_takes_linear_time(text: str) -> None:
    for rule in RULES:
        chunk = tokenizer_of(rule).chunk
        started = time.thread_time()
        assert "".join(chunk.findall(text)) == text
        assert time.thread_time() - started < 1, rule  # ms; minutes where it takes quadratic time
