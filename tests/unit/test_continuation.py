from __future__ import annotations

import pytest

from starcoder_lsp.completion.continuation import Continuation


def test_without_a_beginning_it_is_the_text_itself() -> None:
    text = Continuation()
    assert text.add(b"ab", -1.0)
    assert text.add(b"c", -2.0)
    assert text.text == "abc"
    assert text.mean(2) == -1.0  # written by the first token alone
    assert text.mean(3) == text.mean(0) == -1.5


def test_the_beginning_is_taken_off_and_its_own_tokens_do_not_count() -> None:
    text = Continuation("wi")
    assert text.add(b"w", -9.0)
    assert text.text == ""
    assert text.mean(0) == 0.0
    assert text.add(b"idth", -0.25)  # a token that reaches beyond it does
    assert text.text == "dth"
    assert text.add(b" =", -0.75)
    assert text.text == "dth ="
    assert text.mean(3) == -0.25
    assert text.mean(5) == -0.5


@pytest.mark.parametrize("pieces", [[b"x"], [b"w", b"a"], [b"wa"]])
def test_another_beginning_is_refused(pieces: list[bytes]) -> None:
    text = Continuation("wi")
    assert not all(text.add(piece, 0.0) for piece in pieces)
    assert text.text == ""


def test_characters_may_come_in_pieces() -> None:
    text = Continuation("é")
    assert text.add(b"\xc3", -1.0)
    assert text.add(b"\xa9t", -1.0)
    assert text.add(b"\xc3", -1.0)
    assert text.text == "t"
    assert text.add(b"\xa9", -1.0)
    assert text.text == "té"


def test_carriage_returns_are_line_ends() -> None:
    text = Continuation("\n    ")
    assert text.add(b"\r\n    x\r\ny", -1.0)
    assert text.text == "x\ny"
