"""An accepted text is followed through edits: compared with characters that carry a name each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from starcoder_lsp.documents import Edit
from starcoder_lsp.usage.follow import Followed, fine, kept

if TYPE_CHECKING:
    from collections.abc import Callable

LETTERS = "ab \n"
EDITS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.3), st.text(LETTERS, max_size=6)), max_size=12)


@settings(max_examples=400)
@given(st.text(LETTERS, max_size=20), st.text("xyz", min_size=1, max_size=12), st.text(LETTERS, max_size=20), EDITS)
def test_what_is_left_of_it_lies_within_and_nothing_older(
    before: str, accepted: str, after: str, edits: list[tuple[float, float, str]]
) -> None:
    text = before + accepted + after
    followed = Followed(accepted, len(before), len(before) + len(accepted))
    owners: list[str] = ["old"] * len(before) + ["ours"] * len(accepted) + ["old"] * len(after)
    for where, share, put in edits:
        start = int(where * len(text))
        end = min(len(text), start + int(share * len(text)))
        edit = Edit(start, end, put)
        text = edit.apply(text)
        owners[start:end] = ["new"] * len(put)
        followed.shift(edit)
        assert 0 <= followed.start <= followed.end <= len(text)
        inside = owners[followed.start : followed.end]
        assert inside.count("ours") == owners.count("ours")
        assert "old" not in inside
    assert kept(accepted, text[followed.start : followed.end]) >= owners.count("ours") - sum(
        len(put) for _, _, put in edits
    )
    if not edits:
        assert kept(accepted, text[followed.start : followed.end]) == len(accepted)


@settings(max_examples=300)
@given(st.text(LETTERS, max_size=40), st.floats(0, 1), st.floats(0, 1), st.text(LETTERS, max_size=40))
def test_fine_edits_make_the_same_text(text: str, first: float, second: float, put: str) -> None:
    start, end = sorted((int(first * len(text)), int(second * len(text))))
    whole = Edit(start, end, put)
    pieces = fine(text, whole)
    assert pieces is not None
    changed = text
    for piece in pieces:
        changed = piece.apply(changed)
    assert changed == whole.apply(text)
    assert all(start <= one.start <= one.end <= end for one in pieces)
    assert sum(len(one.text) + one.end - one.start for one in pieces) <= len(put) + end - start


@settings(max_examples=300)
@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_what_stands_is_bounded_and_whole_where_nothing_was_taken(accepted: str, now: str) -> None:
    stands = kept(accepted, now)
    assert 0 <= stands <= min(len(accepted), len(now))
    assert kept(accepted, accepted) == len(accepted)
    assert kept(accepted, f"xx{accepted}yy") == len(accepted)


def followed_through(lines: int, change: Callable[[str], str]) -> str | None:
    """What became of a line in the middle of a text, of which the editor sends a new one as a whole."""
    accepted = "    return compute(left)\n"
    text = "".join(f"line {number}\n" for number in range(lines)) + accepted + "end\n" * lines
    at = text.index(accepted)
    followed = Followed(accepted, at, at + len(accepted))
    new = change(text)
    pieces = fine(text, Edit(0, len(text), new))
    for piece in pieces or ():
        followed.shift(piece)
    return None if pieces is None else new[followed.start : followed.end]


def test_a_new_whole_text_is_followed_by_its_lines() -> None:
    renamed = followed_through(900, lambda text: "# new\n" + text.replace("line 17\n", "").replace("left)", "left, b)"))
    assert renamed == "    return compute(left, b)\n"
    indented = followed_through(900, lambda text: "".join(f"    {line}" for line in text.splitlines(keepends=True)))
    assert indented in ("        return compute(left)\n", "    return compute(left)\n")


def test_one_that_is_too_large_to_compare_is_given_up() -> None:
    assert followed_through(2_000, lambda text: "# new\n" + text + "# new\n") is None
