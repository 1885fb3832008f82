from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from starcoder_lsp.completion.cache import Suggestion, SuggestionCache

TEXTS = st.text("ab\n", max_size=5)
INSERTS = st.text("ab\n", max_size=4)
MADE = st.builds(
    lambda text, at, insert, conditions: Suggestion(conditions, text, min(at, len(text)), insert),
    TEXTS, st.integers(0, 5), INSERTS, st.integers(0, 1),
)  # fmt: skip


def fits(made: Suggestion, conditions: int, text: str, offset: int) -> str | None:
    """Return what is left of a suggestion, by the definition: type it, letter by letter, and compare the texts."""
    for typed in range(max(1, len(made.insert))):
        place = made.text[: made.offset] + made.insert[:typed] + made.text[made.offset :], made.offset + typed
        if (text, offset) == place and made.conditions == conditions:
            return made.insert[typed:]
    return None


@settings(max_examples=300)
@given(st.lists(MADE, max_size=6), TEXTS, st.integers(0, 5), st.integers(0, 1))
def test_only_what_fits_the_text_is_found(made: list[Suggestion], text: str, offset: int, conditions: int) -> None:
    offset = min(offset, len(text))
    cache = SuggestionCache(size=8)
    remembered: dict[tuple[object, int, int], Suggestion] = {}
    for one in made:
        cache.put(one)
        key = (one.conditions, one.offset, len(one.text))
        remembered.pop(key, None)
        remembered[key] = one
    rests = [fits(one, conditions, text, offset) for one in reversed(remembered.values())]
    expected = next((rest for rest in rests if rest is not None), None)
    hit = cache.find(conditions, text, offset)
    assert (hit[1] if hit else None) == expected


@settings(max_examples=100)
@given(MADE, st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_typing_through_and_going_back_always_finds_the_rest(made: Suggestion, lengths: list[int]) -> None:
    cache = SuggestionCache()
    cache.put(made)
    for length in lengths:
        typed = made.insert[:length]
        text = made.text[: made.offset] + typed + made.text[made.offset :]
        hit = cache.find(made.conditions, text, made.offset + len(typed))
        if typed and typed == made.insert:
            assert hit is None
        else:
            assert hit is not None
            assert typed + hit[1] == made.insert
