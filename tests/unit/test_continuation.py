from __future__ import annotations

import pytest

from starcoder_lsp.completion.continuation import Continuation


def test_without_a_beginning_it_is_the_text_itself() -> None:
    text = Continuation()
    assert text.add(b"ab")
    assert text.add(b"c")
    assert text.text == "abc"
    assert text.position == 3


def test_the_beginning_is_taken_off() -> None:
    text = Continuation("wi")
    assert text.add(b"w")
    assert text.text == ""
    assert text.position == -1
    assert text.add(b"idth")
    assert text.text == "dth"
    assert text.add(b" =")
    assert text.text == "dth ="
    assert text.position == 5


@pytest.mark.parametrize("pieces", [[b"x"], [b"w", b"a"], [b"wa"]])
def test_another_beginning_is_refused(pieces: list[bytes]) -> None:
    text = Continuation("wi")
    assert not all(text.add(piece) for piece in pieces)
    assert text.text == ""


def test_characters_may_come_in_pieces() -> None:
    text = Continuation("é")
    assert text.add(b"\xc3")
    assert text.add(b"\xa9t")
    assert text.add(b"\xc3")
    assert text.text == "t"
    assert text.add(b"\xa9")
    assert text.text == "té"


def test_carriage_returns_are_line_ends() -> None:
    text = Continuation("\n    ")
    assert text.add(b"\r\n    x\r\ny")
    assert text.text == "x\ny"
