"""Windows: whole lines, within the budget, exactly at the cursor; and the same beginning from key to key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starcoder_lsp.completion.prompt import Place, candidates
from starcoder_lsp.completion.window import (
    CHARS_PER_TOKEN,
    Anchor,
    Chunks,
    Window,
    encoded,
    held_start,
    prefix_window,
    suffix_window,
)
from starcoder_lsp.engine.base import common_prefix
from tests.support.encoders import STARCODER2, Words, whole
from tests.support.strategies import LONG_CODE
from tests.support.texts import real_files

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

ENCODERS = st.sampled_from([Words().chunks, Words(break_first=False).chunks, whole])
VISITS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["", "x", "\n", "🎉", "import a\n"])), min_size=1, max_size=8
)
"""Where the cursor goes (a share of the text), and what is put in at the top before."""
BUDGETS = st.integers(4, 60) | st.integers(60, 3000)


def count(text: str, chunks: Chunks) -> int:
    return sum(len(ids) for _piece, ids in chunks(text))


def is_long(line: str, tokens: int, budget: int, chunks: Chunks) -> bool:
    return count(line, chunks) > tokens or len(line) > budget * CHARS_PER_TOKEN


def check_prefix(text: str, cursor: int, budget: int, chunks: Chunks, window: Window) -> None:
    assert window.end == cursor
    assert len(window.ids) <= budget
    assert list(window.ids) == [one for _piece, ids in chunks(text[window.start : cursor]) for one in ids]
    if window.start > 0 and text[window.start - 1] != "\n":
        # Inside a line: only the last one in front of the cursor, and only if it is too long.
        line = text.rfind("\n", 0, window.start) + 1
        assert "\n" not in text[window.start : cursor].removesuffix("\n")
        end = text.find("\n", cursor)
        assert is_long(text[line : end if end >= 0 else len(text)], budget // 2, budget, chunks)
    assert window.ids or cursor == 0 or budget < 8  # so small a window may not hold a line end


@settings(max_examples=80)
@given(LONG_CODE, VISITS, BUDGETS, ENCODERS)
def test_prefix_windows(text: str, visits: list[tuple[float, str]], budget: int, chunks: Chunks) -> None:
    """One anchor, a cursor that jumps about, and a text that changes above."""
    anchor = Anchor()
    for part, inserted in visits:
        text = inserted + text
        cursor = int(part * len(text))
        check_prefix(text, cursor, budget, chunks, prefix_window(text, cursor, budget, anchor, chunks))


@settings(max_examples=80)
@given(LONG_CODE, st.floats(0, 1), BUDGETS, ENCODERS)
def test_suffix_windows(text: str, part: float, budget: int, chunks: Chunks) -> None:
    cursor = int(part * len(text))
    window = suffix_window(text, cursor, budget, chunks)
    assert window.start == cursor
    assert len(window.ids) <= budget
    assert list(window.ids) == [one for _piece, ids in chunks(text[cursor : window.end]) for one in ids]
    at_line_end = window.end == len(text) or text[window.end] == "\n" or text[cursor : window.end].endswith("\n")
    if not at_line_end:
        assert "\n" not in text[cursor : window.end].removeprefix("\n")
        end = text.find("\n", window.end)
        assert is_long(text[cursor : end if end >= 0 else len(text)], budget, budget, chunks)
    assert window.ids or cursor == len(text) or budget < 8  # so small a window may not hold a line end


@settings(max_examples=60)
@given(LONG_CODE, LONG_CODE, LONG_CODE, st.integers(4, 300), ENCODERS)
def test_the_suffix_does_not_depend_on_what_is_in_front(
    before: str, other: str, after: str, budget: int, chunks: Chunks
) -> None:
    first = suffix_window(before + after, len(before), budget, chunks)
    second = suffix_window(other + after, len(other), budget, chunks)
    assert first.ids == second.ids


@settings(max_examples=60)
@given(LONG_CODE, LONG_CODE, st.integers(30, 300))
def test_lines_put_in_above_the_window_change_nothing_in_it(text: str, above: str, budget: int) -> None:
    anchor, words = Anchor(), Words()
    first = prefix_window(text, len(text), budget, anchor, words.chunks)
    if first.start == 0 or text[first.start - 1] != "\n":
        return
    longer = above + "\n" + text
    second = prefix_window(longer, len(longer), budget, anchor, words.chunks)
    assert second.ids == first.ids
    assert second.start - first.start == len(above) + 1


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


class Typist:
    """Types, and counts the tokens that a cache of the last prompt would have to evaluate."""

    def __init__(self, before: str, after: str, budget: int, chunks: Chunks) -> None:
        self.before, self.after, self.budget, self.chunks = before, after, budget, chunks
        self.anchor = Anchor()
        self.ids: list[int] = []
        self.evaluated: list[int] = []
        self.press("")

    def press(self, letter: str) -> None:
        self.before += letter
        prompt, *_ = candidates(
            Place(self.before + self.after, len(self.before)),
            tokens=STARCODER2,
            budget=self.budget,
            anchor=self.anchor,
            chunks=self.chunks,
            layout="spm",
        )
        self.evaluated.append(len(prompt.ids) - shared(self.ids, prompt.ids))
        self.ids = prompt.ids


# What typing a file costs: each key changes the last token or two, and when the window is full its half is read again.
KEY_COST = 2
FILE_COST = 2


@settings(max_examples=15)
@given(LONG_CODE.filter(lambda text: len(text) > 200), LONG_CODE, st.integers(60, 2000))
def test_a_typed_file_is_read_about_twice(text: str, after: str, budget: int) -> None:
    words = Words()
    typed = text[:500]
    typist = Typist("", after, budget, words.chunks)
    first = typist.evaluated[0]
    for letter in typed:
        typist.press(letter)
    tokens = count(typed, words.chunks)
    assert sum(typist.evaluated) - first <= KEY_COST * len(typed) + FILE_COST * tokens + budget


@pytest.mark.parametrize("budget", [128, 512, 2048])
def test_typing_within_a_real_file(budget: int) -> None:
    text = max(real_files(), key=len)
    middle = text.index("\n", len(text) // 2) + 1
    typed = text[middle : middle + 1500]
    words = Words()
    typist = Typist(text[:middle], "\n" + text[middle + 1500 :], budget, words.chunks)
    for letter in typed:
        typist.press(letter)
    keys = typist.evaluated[1:]
    assert sum(one <= KEY_COST for one in keys) >= len(keys) * 0.98
    jumps = [one for one in keys if one > 8]  # more than a key ever costs
    assert len(jumps) <= 2 + count(typed, words.chunks) // (budget * 3 // 8 - 40)
    assert max(keys) <= budget // 2


@given(st.integers(0, 50), st.integers(3, 40), st.integers(0, 8))
def test_a_window_that_is_held_is_found_where_it_began(first: int, shown: int, more: int) -> None:
    """Whatever line it began at, and whatever was written behind it since."""
    text = "".join(f"name_{number} = call({number}, other)\n" for number in range(101))
    words = Words()
    starts = [match.end() for match in re.finditer(r"\n", text)]
    start, end = starts[first], starts[min(99, first + shown)]
    held = encoded(text[start:end], words.chunks)
    cursor = starts[min(99, first + shown + more)]
    found = held_start(text, cursor, 2_000, words.chunks, lambda ids: common_prefix(ids, held))
    assert found == start
    assert held_start(text, cursor, 2_000, words.chunks, lambda _ids: 0) is None
