from __future__ import annotations

import math

import pytest

from starcoder_lsp.completion.gate import OPEN, Gate, Passage


def closed(least: float, *tokens: tuple[str, float]) -> int | None:
    """Let tokens (text, probability) through a gate; return where it closed."""
    passage = Passage(Gate(least))
    text = ""
    for piece, probability in tokens:
        before, text = len(text), text + piece
        if passage.take(before, text, math.log(probability)):
            break
    return passage.closed_at


def test_it_closes_in_front_of_the_token_that_takes_the_product_under_the_threshold() -> None:
    tokens = (("a", 0.9), (".b", 0.9), ("(c", 0.9), (")", 0.9))
    assert closed(0.8, *tokens) == 3
    assert closed(0.75, *tokens) == 3
    assert closed(0.72, *tokens) == 5
    assert closed(0.6, *tokens) is None
    assert closed(0.91, *tokens) == 0


def test_one_bad_token_is_not_forgiven() -> None:
    tokens = [("x", 0.99)] * 20 + [("y", 0.05)] + [("z", 0.99)] * 20
    assert closed(0.5, *tokens) == 20


def test_an_open_one_shows_everything() -> None:
    assert OPEN.open
    assert closed(0.0, ("a", 1e-9), ("b", 1e-9)) is None


def test_each_line_begins_anew_under_a_stricter_threshold() -> None:
    first, second = ("a = 1", 0.6), ("\n    b", 0.8)
    assert closed(0.5, first, second) is None  # their product is under 0.5; 0.8 alone is over its root, 0.71
    assert closed(0.5, first, ("\n    b", 0.7)) == 5
    assert closed(0.5, first, second, ("c", 0.9), ("d", 0.9)) == 12


def test_the_line_end_in_front_of_all_text_ends_no_line() -> None:
    assert closed(0.5, ("\n    ", 0.9), ("a", 0.6)) is None
    assert closed(0.5, ("\n    ", 0.6), ("a", 0.8)) == 5


def test_a_token_that_reaches_back_into_what_stands_there_closes_at_the_cursor() -> None:
    passage = Passage(Gate(0.5))
    assert passage.take(-3, "ersion", math.log(0.4))
    assert passage.closed_at == 0


@pytest.mark.parametrize(("length", "joint"), [(0, 1.0), (1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25), (9, 0.25)])
def test_the_joint_probability_is_that_of_the_tokens_that_wrote_the_text(length: int, joint: float) -> None:
    passage = Passage()
    passage.take(0, "ab", math.log(0.5))
    passage.take(2, "abcd", math.log(0.5))
    assert passage.joint(length) == pytest.approx(joint)
