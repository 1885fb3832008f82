from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from starcoder_lsp.completion.cursor import Cursor
from starcoder_lsp.completion.ending import cut_back
from starcoder_lsp.completion.refine import FILTERS, Filter, refine
from tests.support.strategies import CODE
from tests.support.texts import real_files, repository_files

pytestmark = pytest.mark.slow


@settings(max_examples=200)
@given(CODE, CODE, CODE)
@example("foo(", "x))", ")")
@example("if a {", "\n  b\n}\n", "}")
def test_the_result_is_a_prefix_of_its_input_and_refining_again_changes_nothing(
    before: str, written: str, after: str
) -> None:
    cursor = Cursor(before, after)
    refined = refine(written, cursor)
    assert written.startswith(refined)
    assert refine(refined, cursor) == refined
    assert refined == "" or refined.strip()


@pytest.mark.parametrize("one", FILTERS)
@settings(max_examples=30)
@given(CODE, CODE, CODE)
def test_each_filter_only_cuts_the_end_off(one: Filter, before: str, written: str, after: str) -> None:
    assert written.startswith(one(written, Cursor(before, after)))


def _places(count: int, texts: list[str] | None = None) -> list[tuple[str, int, int]]:
    """Return places in the given texts, or in files of real packages: (text, offset, end of the line)."""
    files = [text.replace("\r\n", "\n") for text in texts or real_files() if len(text) > 500]
    chance = random.Random(7)  # noqa: S311 - the same places every time
    places = []
    for _ in range(count):
        text = chance.choice(files)
        offset = chance.randrange(len(text))
        end = text.find("\n", offset)
        places.append((text, offset, end if end >= 0 else len(text)))
    return places


def test_what_people_wrote_survives() -> None:
    """The best suggestion is what stood there. With the rest of the line gone, it must pass untouched."""
    cut = []
    places = _places(1500)
    for text, offset, end in places:
        truth = text[offset:end]
        cursor = Cursor.at(text[:offset] + text[end:], offset)
        if set(truth) <= set("# "):
            continue  # a ruler: its length is anybody's guess, and long ones are cut
        if refine(truth, cursor) != truth.rstrip():
            cut.append((cursor.line_before, truth, refine(truth, cursor)))
    assert len(cut) <= len(places) // 200, cut


def test_what_people_wrote_survives_in_front_of_the_rest_of_the_line() -> None:
    cut = []
    places = [(text, offset, end) for text, offset, end in _places(1500) if end > offset + 1]
    chance = random.Random(8)  # noqa: S311 - the same places every time
    for text, offset, end in places:
        middle = chance.randrange(offset, end)
        truth = text[offset:middle]
        cursor = Cursor.at(text[:offset] + text[middle:], offset)
        if refine(truth, cursor).rstrip() != truth.rstrip():
            cut.append((cursor.line_before, truth, refine(truth, cursor), cursor.line_after))
    assert len(cut) <= len(places) // 40, cut  # the cursor stands within words and rulers here


def test_what_this_repository_says_survives() -> None:
    """Rests of lines, and what stands in front of a closer, in the files of this repository: true middles pass."""
    rests, inner = [], []
    for text, offset, end in _places(3000, repository_files()):
        rests.append((text, offset, end))
        closer = _closer(text, offset, end)
        if closer > offset:
            inner.append((text, offset, closer))
    assert len(rests) == 3000
    assert len(inner) > 400
    for places, allowed in ((rests, 75), (inner, 100)):  # of so many, one
        cut = []
        for text, offset, end in places:
            truth = text[offset:end]
            cursor = Cursor.at(text[:offset] + text[end:], offset)
            if refine(truth, cursor).rstrip() != truth.rstrip():
                cut.append((cursor.line_before, truth, refine(truth, cursor), cursor.line_after))
        assert len(cut) <= len(places) // allowed, (len(cut), len(places), cut)


def _closer(text: str, offset: int, end: int) -> int:
    """Return where the line closes a bracket that was opened in front of `offset`; -1 where it does not."""
    depth = 0
    for at in range(offset, end):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth < 0:
            return at
    return -1


@settings(max_examples=150)
@given(CODE, CODE, CODE, st.integers(0, 80))
def test_what_is_cut_back_ends_at_a_complete_point(before: str, written: str, after: str, allowed: int) -> None:
    cursor = Cursor(before, after)
    kept = cut_back(written, cursor, allowed=allowed)
    assert written.startswith(kept)
    assert len(kept) <= allowed
    assert cut_back(kept, cursor) == kept
    assert len(cut_back(written, cursor, allowed=allowed + 1)) >= len(kept)  # what was shown is never taken back


def test_what_repeats_the_rest_of_the_line_is_mostly_cut() -> None:
    right = wrong = 0
    chance = random.Random(9)  # noqa: S311 - the same places every time
    for text, offset, end in _places(1500):
        middle = chance.randrange(offset, end + 1)
        cursor = Cursor.at(text[:offset] + text[middle:], offset)
        whole = cursor.line_before + refine(text[offset:end], cursor) + cursor.line_after
        if whole.split() == (cursor.line_before + text[offset:end]).split():
            right += 1
        else:
            wrong += 1
    assert right >= 4 * wrong
