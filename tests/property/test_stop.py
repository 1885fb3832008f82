from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from starcoder_lsp.completion.cursor import Cursor
from starcoder_lsp.completion.stop import StopRules
from tests.support.strategies import CODE


@settings(max_examples=120)
@given(CODE, CODE, CODE, st.booleans())
def test_what_is_kept_is_the_beginning_of_what_was_written(
    before: str,
    written: str,
    after: str,
    multiline: bool,  # noqa: FBT001 - drawn
) -> None:
    kept = StopRules(Cursor(before, after), multiline).check(written)
    assert kept is None or written.startswith(kept)


@settings(max_examples=100)
@given(CODE, CODE, CODE, st.booleans())
def test_once_ended_a_text_stays_ended(
    before: str,
    written: str,
    after: str,
    multiline: bool,  # noqa: FBT001 - drawn
) -> None:
    """Tokens are of any length: what ends a text after one character ends it after a few more, at the same place."""
    rules = StopRules(Cursor(before, after), multiline)
    for length in range(len(written)):
        kept = rules.check(written[:length])
        if kept is not None and "\n" in written[len(kept) : length]:
            assert rules.check(written) is not None
            assert len(rules.check(written) or "") <= len(kept)
            return


@settings(max_examples=100)
@given(CODE, CODE, CODE)
def test_without_blocks_there_is_one_line(before: str, written: str, after: str) -> None:
    rules = StopRules(Cursor(before, after), multiline=False)
    kept = rules.check(written + "\nx\n")
    assert kept is not None
    assert (rules.cursor.line_before + kept).strip().count("\n") == rules.cursor.line_before.strip().count("\n")


@settings(max_examples=100)
@given(CODE, CODE, st.integers(1, 6), st.lists(st.sampled_from(["a = b", "    c()", "x"]), min_size=12, max_size=20))
def test_there_are_never_more_lines_than_allowed(before: str, after: str, most: int, lines: list[str]) -> None:
    kept = StopRules(Cursor(before, after), multiline=True, max_lines=most).check("\n".join(lines))
    assert kept is not None
    assert kept.count("\n") < most
