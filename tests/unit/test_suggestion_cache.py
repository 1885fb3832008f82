from __future__ import annotations

import pytest

from starcoder_lsp.completion.cache import Suggestion, SuggestionCache
from tests.support.places import split


def made(marked: str, insert: str, conditions: object = None) -> Suggestion:
    text, offset = split(marked)
    return Suggestion(conditions, text, offset, insert)


def found(cache: SuggestionCache, marked: str, conditions: object = None) -> str | None:
    hit = cache.find(conditions, *split(marked))
    return hit[1] if hit else None


@pytest.fixture
def cache() -> SuggestionCache:
    cache = SuggestionCache()
    cache.put(made("x\nfoo(▌)\ny", "bar, baz"))
    return cache


@pytest.mark.parametrize(
    ("marked", "rest"),
    [
        ("x\nfoo(▌)\ny", "bar, baz"),
        ("x\nfoo(b▌)\ny", "ar, baz"),
        ("x\nfoo(bar, ba▌)\ny", "z"),
        ("x\nfoo(bar, baz▌)\ny", None),  # typed to its end: time for a new one
        ("x\nfoo(bx▌)\ny", None),
        ("x\nfoo(a▌)\ny", None),
        ("x\nfoo▌()\ny", None),
        ("x\nfoo(▌)\nz", None),  # behind the cursor
        ("x\nfoo(▌)\ny\n", None),
        ("x\nfoo(▌\ny", None),
        ("z\nfoo(▌)\ny", None),  # in front of it
        ("xx\nfoo(▌)\ny", None),
        ("x\nfoo(b▌)\nyb", None),
    ],
)
def test_a_suggestion_holds_while_it_is_typed(cache: SuggestionCache, marked: str, rest: str | None) -> None:
    assert found(cache, marked) == rest


@pytest.mark.parametrize(
    ("marked", "rest"),
    [
        ("x = print(▌)\n", '"total:", sum(items)'),
        ('x = print("▌")\n', "total:"),  # the quote closes here; what follows it comes with the next suggestion
        ('x = print("total:"▌)\n', ", sum(items)"),
        ('x = print("total:", sum(▌))\n', "items"),
        ('x = print("total:", sum(items)▌)\n', None),  # nothing left but the bracket
        ("x = print(▌]\n", None),
        ("x = print(▌))\n", None),
        ("x = print▌()\n", None),
        ("x = prin▌)\n", None),
    ],
)
def test_brackets_and_quotes_that_the_editor_closes_do_not_end_it(marked: str, rest: str | None) -> None:
    cache = SuggestionCache()
    cache.put(made("x = ▌\n", 'print("total:", sum(items))'))
    assert found(cache, marked) == rest


def test_a_closed_bracket_that_stood_there_before_is_not_taken_for_a_new_one() -> None:
    cache = SuggestionCache()
    cache.put(made("f(▌)\n", "g(1), 2"))
    assert found(cache, "f(g(▌))\n") == "1"
    assert found(cache, "f(g(▌)\n") == "1), 2"


def test_a_backspace_brings_it_back(cache: SuggestionCache) -> None:
    cache.put(made("x\nfoo(bax▌)\ny", "yz"))
    assert found(cache, "x\nfoo(ba▌)\ny") == "r, baz"


def test_other_conditions_are_another_place(cache: SuggestionCache) -> None:
    assert found(cache, "x\nfoo(▌)\ny", "other") is None


def test_nothing_to_say_is_remembered_for_its_place_only() -> None:
    cache = SuggestionCache()
    cache.put(made("foo(▌)", ""))
    assert found(cache, "foo(▌)") == ""
    assert found(cache, "foo(x▌)") is None


def test_one_that_was_asked_for_by_hand_serves_all_and_another_none_that_asks_by_hand() -> None:
    cache = SuggestionCache()
    cache.put(Suggestion(None, "x = ", 4, "y"))
    assert cache.find(None, "x = ", 4, by_hand=True) is None
    by_hand = Suggestion(None, "x = ", 4, "y + z", by_hand=True)
    cache.put(by_hand)
    for wanted in (True, False):
        assert cache.find(None, "x = ", 4, by_hand=wanted) == (by_hand, "y + z")
        assert cache.find(None, "x = y", 5, by_hand=wanted) == (by_hand, " + z")


def test_each_of_several_may_be_typed_through() -> None:
    cache = SuggestionCache()
    cache.put(Suggestion(None, "x = ", 4, "y + z", others=("f(y)", "yes")))
    assert found(cache, "x = ▌") == "y + z"
    assert found(cache, "x = f▌") == "(y)"
    assert found(cache, "x = y▌") == " + z"
    assert found(cache, "x = ye▌") == "s"
    assert found(cache, "x = q▌") is None


def test_the_newest_wins(cache: SuggestionCache) -> None:
    cache.put(made("x\nfoo(▌)\ny", "qux"))
    assert found(cache, "x\nfoo(▌)\ny") == "qux"
    cache.put(made("x\nfoo(q▌)\ny", "uuz"))
    assert found(cache, "x\nfoo(q▌)\ny") == "uuz"


def test_an_outdated_one_holds_only_while_it_is_typed_through(cache: SuggestionCache) -> None:
    def find(marked: str) -> object:
        return cache.find(None, *split(marked), outdated=lambda one: one.insert == "bar, baz")

    assert find("x\nfoo(▌)\ny") is None
    assert find("x\nfoo(b▌)\ny") == (made("x\nfoo(▌)\ny", "bar, baz"), "ar, baz")


def test_it_can_be_emptied(cache: SuggestionCache) -> None:
    cache.clear()
    assert found(cache, "x\nfoo(▌)\ny") is None


def test_the_oldest_goes_first() -> None:
    cache = SuggestionCache(size=2)
    for letter in "abc":
        cache.put(made(f"{letter}▌", letter))
        cache.put(made("same▌", letter))
    assert [found(cache, f"{letter}▌") for letter in "abc"] == [None, None, "c"]
    assert found(cache, "same▌") == "c"


def test_long_texts_are_not_kept_alive_by_the_dozen() -> None:
    cache = SuggestionCache(size=32, max_chars=1000)
    texts = ["x" * (290 + number) for number in range(9)]
    for text in texts:
        cache.put(made(text + "▌", "y"))
    assert [found(cache, text + "▌") for text in texts].count("y") == 3
    cache.put(made("z" * 5000 + "▌", "y"))
    assert found(cache, "z" * 5000 + "▌") == "y"
