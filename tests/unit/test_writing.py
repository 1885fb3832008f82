from __future__ import annotations

import math

import pytest

from starcoder_lsp.completer import Answer, Ask, Timings
from starcoder_lsp.completer.writing import Writing, read_again
from starcoder_lsp.completion.gate import OPEN, Gate
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.completion.stop import StopRules
from starcoder_lsp.engine.base import Token
from tests.support.places import cursor_at

END = 7


def written(marked: str, pieces: list[bytes], *, multiline: bool = True, begin: str = "") -> tuple[str, list[str]]:
    """Let a model write these tokens; return what is kept, and what was shown on the way."""
    cursor = cursor_at(marked)
    shown: list[str] = []
    writing = Writing(begin, frozenset({END}), StopRules(cursor, multiline), watch=shown.append)
    for piece in pieces:
        if writing.take(Token(END if piece == b"<end>" else 100, piece, -0.5)):
            break
    return writing.kept, shown


def test_a_suggestion_grows_token_by_token() -> None:
    assert written("x = ▌", [b"a", b" +", b" b", b"<end>", b"c"]) == ("a + b", ["a"])  # the last word may go on


def test_the_rules_end_it() -> None:
    assert written("x = ▌", [b"a", b"\nb", b"c"], multiline=False)[0] == "a"


def test_the_word_that_the_file_has_already_is_taken_off() -> None:
    assert written("import o▌", [b" o", b"s", b"<end>"], begin=" o") == ("s", [])
    assert written("import o▌", [b" os", b".path", b"<end>"], begin=" o") == ("s.path", ["s"])
    assert written("x:\n    ▌", [b"\n   ", b" y", b"\nz", b"w"], begin="\n    ", multiline=False) == ("y", [])


def test_a_text_that_does_not_begin_as_it_must_is_nothing() -> None:
    assert written("import o▌", [b" nt", b" os"], begin=" o") == ("", [])


def test_half_a_character_is_not_shown() -> None:
    pieces = [b"a \xf0\x9f", b"\x8e\x89", b" b", b"<end>"]
    assert written("x = ▌", [b"'\xf0\x9f", b"\x8e\x89", b"'", b"<end>"]) == ("'🎉'", ["'🎉'"])
    assert written("# ▌", pieces) == ("a 🎉 b", ["a", "a 🎉"])


@pytest.mark.parametrize("pieces", [[b"a = 1\r\n    b"], [b"a = 1\r", b"\n    b"], [b"a = 1", b"\r\n", b"    b"]])
def test_a_model_that_writes_carriage_returns_is_read_as_one_that_does_not(pieces: list[bytes]) -> None:
    assert written("def f():\r\n    ▌", [*pieces, b"<end>"])[0] == "a = 1\n    b"


# ---- the gate


def gated(
    marked: str, tokens: list[tuple[str, float]], gate: Gate, *, ended: bool = True, multiline: bool = True
) -> tuple[Writing, list[str], int]:
    """Let a model write tokens (text, probability); return the writing, its pieces, and how many tokens were taken."""
    cursor, pieces = cursor_at(marked), list[str]()
    writing = Writing("", frozenset({END}), StopRules(cursor, multiline), gate, pieces.append)
    taken = 0
    for piece, probability in tokens:
        taken += 1
        if writing.take(Token(100, piece.encode(), math.log(probability))):
            break
    writing.ended = ended
    return writing, pieces, taken


SURE, UNSURE = 0.99, 0.2


@pytest.mark.parametrize(
    ("marked", "tokens", "text", "taken"),
    [
        ("x = ▌", [("a", SURE), (" + b", SURE), (" * c", UNSURE), (" + d", SURE)], "a + b", 3),
        ("x = ▌", [("self", SURE), (".val", SURE), ("ue", UNSURE), ("()", SURE)], "self", 3),  # not half a word
        ("x = ▌", [("f", SURE), ("(", SURE), ("g", UNSURE)], "f", 3),  # nor an opened bracket
        ("x = ▌", [("f", SURE), ("('", SURE), ("g", SURE), ("h", UNSURE)], "f", 4),  # nor a quote
        ("f(▌)", [("a", SURE), (", ", SURE), ("b", UNSURE)], "a,", 3),
        ("x = ▌", [("a", UNSURE), ("b", SURE)], "", 1),
        ("if x:▌", [("\n    ", SURE), ("y", SURE), ("()", SURE), ("\n    ", SURE), ("z", UNSURE)], "\n    y()", 5),
    ],
)
def test_a_suggestion_ends_at_a_complete_point_where_the_gate_closes(
    marked: str, tokens: list[tuple[str, float]], text: str, taken: int
) -> None:
    writing, _pieces, count = gated(marked, tokens, Gate(0.5))
    assert (writing.text, count) == (text, taken)  # and nothing is decoded any further
    assert writing.withheld == (not text)
    assert writing.joint(len(text)) > 0.5


def test_pieces_are_what_stands_in_front_of_the_gate() -> None:
    tokens = [("self", SURE), (".value", SURE), (" + ", SURE), ("other", UNSURE)]
    writing, pieces, _taken = gated("x = ▌", tokens, Gate(0.5))
    assert pieces == ["self", "self.value"]
    assert writing.text == "self.value"


def test_who_asks_by_hand_gets_the_first_complete_point() -> None:
    by_hand = Gate(0.5, something=True)
    tokens = [("self", UNSURE), (".val", UNSURE), ("ue", UNSURE), (" + ", UNSURE), ("b", UNSURE)]
    writing, _pieces, taken = gated("x = ▌", tokens, by_hand)
    assert (writing.text, taken, writing.withheld) == ("self", 2, False)
    writing, _pieces, taken = gated("x = ▌", [("se", UNSURE), ("lf", SURE)], by_hand)
    assert (writing.text, taken) == ("self", 2)  # the model ended there
    writing, _pieces, taken = gated("x = ▌", [("self", SURE), (".value", SURE), (" + b", UNSURE)], by_hand)
    assert (writing.text, taken) == ("self.value", 3)


def test_what_was_cut_off_at_the_most_tokens_does_not_end_in_half_a_word() -> None:
    tokens = [("self", SURE), (".val", SURE)]
    assert gated("x = ▌", tokens, OPEN)[0].text == "self.val"
    assert gated("x = ▌", tokens, OPEN, ended=False)[0].text == "self"


def test_the_tokens_of_an_answer_give_what_another_gate_shows() -> None:
    tokens = [("self", SURE), (".value", SURE), (" + b", UNSURE)]
    place = Place("x = \n", 4)
    whole = gated("x = ▌", tokens, OPEN)[0]
    answer = Answer(
        text=whole.text, raw=whole.kept, joint=0.2, withheld=False, quick=False, cached=0, evaluated=1, generated=3,
        finish="stop", timings=Timings(0, 0, 0, 0), tokens=whole.tokens,
    )  # fmt: skip
    ask = Ask(("", "u"), place)
    assert read_again(ask, answer, OPEN).text == "self.value + b"
    assert read_again(ask, answer, Gate(0.5)).text == "self.value"
