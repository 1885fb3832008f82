"""Other suggestions for who asks by hand, with the model that ships and without one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from starcoder_lsp.completer import Ask
from starcoder_lsp.completer.alternatives import alternatives
from starcoder_lsp.completer.writing import Writing
from starcoder_lsp.completion.gate import Gate
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.completion.stop import StopRules
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.base import CancelToken, Token
from starcoder_lsp.loading import load
from tests.support.places import cursor_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starcoder_lsp.completer import TokenCompleter

IDS = {"foo": 1, "bar": 2, "baz": 3, "f": 4}


def found(
    others: dict[str, float], follows: dict[str, list[str]], wanted: int = 2
) -> tuple[tuple[str, ...], list[int]]:
    """Return the alternatives to `foo()`, where these could stand in its place, and what was generated behind."""
    rules = StopRules(cursor_at("x = ▌"), multiline=False)
    asked: list[int] = []

    def again() -> Writing:
        return Writing("", frozenset(), rules, Gate(0.5, something=True))

    def go_on(ids: Sequence[int], writing: Writing) -> bool:
        asked.append(ids[-1])
        name = next(name for name, one in IDS.items() if one == ids[-1])
        any(writing.take(Token(9, piece.encode(), -0.01)) for piece in follows[name])
        return True

    main = again()
    rivals = tuple(Token(IDS[name], name.encode(), math.log(p)) for name, p in others.items())
    main.take(Token(IDS["foo"], b"foo", math.log(0.6), rivals))
    main.take(Token(9, b"()", -0.01))
    return alternatives(main, wanted, again, go_on), asked


def test_each_begins_with_another_token_and_goes_on_from_there() -> None:
    follows = {"bar": ["(", "a", ")"], "baz": []}
    assert found({"bar": 0.3, "baz": 0.01}, follows) == (("bar(a)", "baz"), [2, 3])


def test_equal_ones_and_beginnings_of_others_are_dropped() -> None:
    follows = {"f": ["oo", "()"], "bar": [], "baz": ["()"]}
    assert found({"f": 0.3, "bar": 0.05, "baz": 0.01}, follows) == (("bar", "baz()"), [4, 2, 3])


def test_no_more_than_are_wanted_are_generated() -> None:
    assert found({"bar": 0.3, "baz": 0.1}, {"bar": ["()"], "baz": ["()"]}, wanted=1) == (("bar()",), [2])


def test_an_engine_that_knows_no_others_has_no_alternatives() -> None:
    assert found({}, {}) == ((), [])


TEXT = "import os\n\n\ndef first(path):\n    return os.path.join(path, 'a')\n\n\ndef second(path):\n    return os."


@pytest.fixture(scope="module")
def nano() -> Iterator[TokenCompleter]:
    completer = load(Settings(context_size=1024, threads=1))
    yield completer
    completer.close()


@pytest.mark.parametrize("text", [TEXT, TEXT + "pa", TEXT + "path.jo"])
def test_they_share_the_whole_prompt(nano: TokenCompleter, text: str) -> None:
    ask = Ask(("", "u"), Place(text + "\n", len(text)), max_tokens=24, progressive=False, gate=nano.about.gate("bold"))
    alone = nano.suggest(ask, CancelToken())
    evaluated, generated = nano.counters.evaluated, nano.counters.generated
    several = nano.suggest(evolve(ask, alternatives=2), CancelToken())
    assert several.text == alone.text
    assert len({several.text, *several.others}) == 1 + len(several.others)
    assert all(several.others)
    if text == TEXT:
        assert several.others
    # the prompt's last token once more, then the first token of each that was tried (at most two for each wanted)
    assert 1 <= nano.counters.evaluated - evaluated <= 1 + 4
    assert nano.counters.generated - generated <= 5 * 24


def test_all_keep_to_the_word_that_stands_there(nano: TokenCompleter) -> None:
    text = TEXT + "pa"
    by_hand = nano.about.gate("balanced", by_hand=True)
    ask = Ask(("", "u"), Place(text + "\n", len(text)), gate=by_hand, alternatives=2, progressive=False)
    answer = nano.suggest(ask, CancelToken())
    assert answer.prompt is not None
    assert answer.prompt.begin.endswith("pa")
    for one in (answer.text, *answer.others):
        assert one
        assert not one.startswith("pa")
