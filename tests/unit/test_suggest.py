from __future__ import annotations

import pytest

from starcoder_lsp.completion.stop import StopRules
from starcoder_lsp.engine.base import Token
from starcoder_lsp.suggest import Partial, _Writing
from tests.support.places import cursor_at

END = 7


def written(marked: str, pieces: list[bytes], *, multiline: bool = True, begin: str = "") -> tuple[str, list[str]]:
    """Let a model write these tokens; return what is kept, and what was shown on the way."""
    cursor = cursor_at(marked)
    shown: list[Partial] = []
    writing = _Writing(begin, frozenset({END}), StopRules(cursor, multiline), shown.append)
    for piece in pieces:
        if writing.take(Token(END if piece == b"<end>" else 100, piece, -0.5)):
            break
    return writing.kept, [one.text for one in shown]


def test_a_suggestion_grows_token_by_token() -> None:
    assert written("x = ▌", [b"a", b" +", b" b", b"<end>", b"c"]) == ("a + b", ["a", "a +", "a + b"])


def test_the_rules_end_it() -> None:
    assert written("x = ▌", [b"a", b"\nb", b"c"], multiline=False)[0] == "a"


def test_the_word_that_the_file_has_already_is_taken_off() -> None:
    assert written("import o▌", [b" o", b"s", b"<end>"], begin=" o") == ("s", ["s"])
    assert written("import o▌", [b" os", b".path", b"<end>"], begin=" o") == ("s.path", ["s", "s.path"])
    assert written("x:\n    ▌", [b"\n   ", b" y", b"\nz", b"w"], begin="\n    ", multiline=False) == ("y", ["y"])


def test_a_text_that_does_not_begin_as_it_must_is_nothing() -> None:
    assert written("import o▌", [b" nt", b" os"], begin=" o") == ("", [])


def test_half_a_character_is_not_shown() -> None:
    assert written("x = ▌", [b"'\xf0\x9f", b"\x8e\x89", b"'", b"<end>"]) == ("'🎉'", ["'", "'🎉", "'🎉'"])


@pytest.mark.parametrize("pieces", [[b"a = 1\r\n    b"], [b"a = 1\r", b"\n    b"], [b"a = 1", b"\r\n", b"    b"]])
def test_a_model_that_writes_carriage_returns_is_read_as_one_that_does_not(pieces: list[bytes]) -> None:
    assert written("def f():\r\n    ▌", [*pieces, b"<end>"])[0] == "a = 1\n    b"
