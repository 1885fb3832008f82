from __future__ import annotations

import itertools
import time

import pytest

from starcoder_lsp.completion.window import Anchor, prefix_window, suffix_window
from tests.support.encoders import Words, whole

LINES = "".join(f"value_{number} = {number}\n" for number in range(400))


def prefix(text: str, cursor: int, budget: int, anchor: Anchor | None = None) -> str:
    window = prefix_window(text, cursor, budget, anchor or Anchor(), Words().chunks)
    assert window.end == cursor
    return text[window.start : window.end]


def suffix(text: str, cursor: int, budget: int) -> str:
    window = suffix_window(text, cursor, budget, Words().chunks)
    assert window.start == cursor
    return text[window.start : window.end]


def test_a_file_that_fits_is_taken_whole() -> None:
    assert prefix("a\nb\nc", 5, 100) == "a\nb\nc"
    assert suffix("a\nb\nc", 0, 100) == "a\nb\nc"


@pytest.mark.parametrize(("text", "cursor"), [("", 0), ("abc", 0), ("abc\n", 0)])
def test_nothing_in_front(text: str, cursor: int) -> None:
    assert prefix(text, cursor, 100) == ""


@pytest.mark.parametrize(("text", "cursor"), [("", 0), ("abc", 3), ("abc\n", 4)])
def test_nothing_behind(text: str, cursor: int) -> None:
    assert suffix(text, cursor, 100) == ""


def test_a_new_window_is_half_full_and_begins_a_line() -> None:
    cursor = LINES.index("value_300") + 5
    window = prefix_window(LINES, cursor, 400, Anchor(), Words().chunks)
    assert LINES[window.start - 1] == "\n"
    assert 150 < len(window.ids) <= 200


def test_a_window_stays_until_it_is_full_then_jumps_by_half() -> None:
    anchor, words = Anchor(), Words()
    starts = [prefix_window(LINES, cursor, 400, anchor, words.chunks).start for cursor in range(3000, 6000)]
    jumps = [later - earlier for earlier, later in itertools.pairwise(starts) if later != earlier]
    assert 5 <= len(jumps) <= 9  # a window of 400 tokens is some 700 characters here
    assert min(jumps) > 250


def test_the_suffix_ends_with_a_line() -> None:
    window = suffix_window(LINES, 5, 100, Words().chunks)
    assert LINES[window.end] == "\n"
    assert 90 < len(window.ids) <= 100


def test_far_up_in_the_file_the_window_is_placed_anew() -> None:
    anchor = Anchor()
    first = prefix_window(LINES, 6000, 400, anchor, Words().chunks)
    second = prefix_window(LINES, first.start + 30, 400, anchor, Words().chunks)
    assert second.start < first.start


def test_an_anchor_moves_with_its_text() -> None:
    anchor, words = Anchor(), Words()
    first = prefix_window(LINES, 5000, 400, anchor, words.chunks)
    grown = "import os\n" * 9 + LINES
    second = prefix_window(grown, 5090, 400, anchor, words.chunks)
    assert (second.start - first.start, second.ids) == (90, first.ids)
    third = prefix_window(LINES, 5000, 400, anchor, words.chunks)
    assert (third.start, third.ids) == (first.start, first.ids)


def test_an_anchor_is_found_near_by_when_the_text_changed_above_and_below() -> None:
    anchor, words = Anchor(), Words()
    first = prefix_window(LINES, 5000, 400, anchor, words.chunks)
    changed = "import os\n" + LINES[:5000] + "x = 1\n" + LINES[5000:]
    assert prefix_window(changed, 5016, 400, anchor, words.chunks).start == first.start + 10


def test_an_anchor_whose_text_is_gone_is_placed_anew() -> None:
    anchor = Anchor()
    prefix_window(LINES, 5000, 400, anchor, Words().chunks)
    other = LINES.replace("value", "other")
    window = prefix_window(other, 5000, 400, anchor, Words().chunks)
    assert other[window.start - 1] == "\n"


def test_an_anchor_does_not_land_within_a_line() -> None:
    text = "b = 2\n" * 50 + "x" * 200  # what stands at the anchor stands everywhere in its line
    anchor = Anchor()
    first = prefix_window(text, len(text), 60, anchor, Words().chunks)
    assert first.start == 300
    second = prefix_window(text[3:], len(text) - 3, 60, anchor, Words().chunks)
    assert second.start == 297


def test_an_anchor_follows_its_text_however_far() -> None:
    anchor, words = Anchor(), Words()
    prefix_window(LINES, 4800, 400, anchor, words.chunks)
    first = prefix_window(LINES, 5000, 400, anchor, words.chunks)  # grown since: a new one would be smaller
    above = "import os\n" * 9000
    assert prefix_window(above + LINES, len(above) + 5000, 400, anchor, words.chunks).ids == first.ids


def test_a_line_longer_than_the_budget_is_cut_next_to_the_cursor() -> None:
    text = "a\n" + "x1, " * 5000 + "\nb"
    anchor, words = Anchor(), Words()
    starts = []
    for cursor in range(10_000, 10_300):
        window = prefix_window(text, cursor, 100, anchor, words.chunks)
        assert 0 < len(window.ids) <= 100
        starts.append(window.start)
    assert len(set(starts)) <= 6  # it jumps by half there, too
    behind = suffix_window(text, 10_000, 100, words.chunks)
    assert 50 <= len(behind.ids) <= 100


def test_only_the_line_of_the_cursor_may_begin_in_its_middle() -> None:
    text = "x1, " * 500 + "\n" + "y = 2\n" * 5
    anchor, words = Anchor(), Words()
    prefix_window(text, 1900, 100, anchor, words.chunks)
    window = prefix_window(text, len(text), 100, anchor, words.chunks)
    assert text[window.start : window.end] == "y = 2\n" * 5


def test_below_a_line_longer_than_the_budget_its_end_is_better_than_nothing() -> None:
    text = "x1, " * 500 + "\n"
    assert prefix(text, len(text), 100).endswith("x1, \n")
    text = "\n" + "x1, " * 500
    assert suffix(text, 0, 100).startswith("\nx1, ")


def test_a_vocabulary_without_chunks_gets_windows_too() -> None:
    cursor = LINES.index("value_200")
    window = prefix_window(LINES, cursor, 400, Anchor(), whole)
    assert LINES[window.start - 1] == "\n"
    assert 100 < len(window.ids) <= 400
    behind = suffix_window(LINES, cursor, 400, whole)
    assert LINES[behind.end] == "\n"
    assert 100 < len(behind.ids) <= 400


def test_a_whole_file_in_a_line_is_not_encoded_whole() -> None:
    text = "x1, " * 500_000
    encoded = 0

    def chunks(part: str) -> list[tuple[str, list[int]]]:
        nonlocal encoded
        encoded += len(part)
        return [(part, [1] * (len(part) // 3))]

    anchor = Anchor()
    prefix_window(text, 1_000_000, 1000, anchor, chunks)
    suffix_window(text, 1_000_000, 1000, chunks)
    assert encoded < 100_000


@pytest.mark.parametrize("found", [True, False])
def test_an_anchor_is_looked_for_in_constant_time(found: bool) -> None:  # noqa: FBT001 - two cases
    text = LINES * 300  # 2 MB
    anchor = Anchor()
    anchor.remember(text, text.index("\n", 1_000_000) + 1, 1_010_000)
    changed = "z" * 7 + (text if found else text.replace("value", "other")) + "z"
    times = []
    for _ in range(5):
        started = time.thread_time()
        assert (anchor.find(changed) is not None) is found
        times.append(time.thread_time() - started)
    assert min(times) < 0.2e-3
