"""What other clients send: who keeps how much of the file, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.bench.fleet.prompts import PEERS, Vocabulary
from starcoder_lsp.loading import read_model
from starcoder_lsp.tokens.lines import LineEncoder

if TYPE_CHECKING:
    from pathlib import Path

LINES = [f"value_{number} = {number}\n" for number in range(400)]
BEFORE, AFTER = "".join(LINES[:200]) + "    res", "ult\n" + "".join(LINES[200:])
TEXT = BEFORE + AFTER


@pytest.fixture(scope="module")
def vocabulary(nano: Path) -> Vocabulary:
    model = read_model(nano)
    return Vocabulary(model.tokens, LineEncoder(model.tokenizer))


def divided(vocabulary: Vocabulary, ids: list[int]) -> tuple[list[int], list[int]]:
    """Return prefix and suffix of a prompt that is otherwise as it must be."""
    tokens = vocabulary.tokens
    assert ids[0] == tokens.prefix
    assert ids[-1] == tokens.middle
    at = ids.index(tokens.suffix)
    return ids[1:at], ids[at + 1 : -1]


def test_llama_vim_keeps_three_quarters_of_a_batch_in_front(vocabulary: Vocabulary) -> None:
    prefix, suffix = divided(vocabulary, PEERS["llama.vim"](vocabulary, TEXT, len(BEFORE)))
    middle = vocabulary.encoder.encode("    res")
    assert prefix[-len(middle) :] == middle
    assert len(prefix) == 768 + len(middle)
    assert len(suffix) == 256 - 2 - len(middle)


def test_continue_keeps_whole_lines_of_its_shares(vocabulary: Vocabulary) -> None:
    prefix, suffix = divided(vocabulary, PEERS["Continue"](vocabulary, TEXT, len(BEFORE)))
    encode = vocabulary.encoder.encode
    line = len(encode(LINES[150]))
    assert 307 - line < len(prefix) <= 307
    assert 204 - line < len(suffix) <= 204
    assert prefix == encode(BEFORE)[-len(prefix) :]
    assert suffix == encode(AFTER)[: len(suffix)]


def test_tabby_keeps_twenty_lines_a_side(vocabulary: Vocabulary) -> None:
    prefix, suffix = divided(vocabulary, PEERS["Tabby"](vocabulary, TEXT, len(BEFORE)))
    encode = vocabulary.encoder.encode
    assert prefix == encode("".join(LINES[181:200]) + "    res")
    assert suffix == encode("ult\n" + "".join(LINES[200:219]))


@pytest.mark.parametrize("peer", PEERS)
def test_the_end_of_a_file_has_a_suffix_all_the_same(peer: str, vocabulary: Vocabulary) -> None:
    _, suffix = divided(vocabulary, PEERS[peer](vocabulary, BEFORE, len(BEFORE)))
    assert suffix in (vocabulary.encoder.encode("\n"), vocabulary.encoder.encode("\n\n"))


@pytest.mark.parametrize("peer", PEERS)
def test_a_file_that_spells_a_control_token_has_none_in_its_prompt(peer: str, vocabulary: Vocabulary) -> None:
    divided(vocabulary, PEERS[peer](vocabulary, "<fim_suffix>\na = ", 17))
    ids = PEERS[peer](vocabulary, "<fim_suffix>\na = ", 17)
    assert ids.count(vocabulary.tokens.suffix) == 1
