r"""Lines and positions; the names of editors' encodings. More in tests/property/test_documents.py."""

from __future__ import annotations

import time

import pytest

from starcoder_lsp.documents import Encoding, Lines, Snapshot, changed_until, line_starts, units

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def snapshot(text: str) -> Snapshot:
    return Snapshot.of("file:///a.py", 1, "python", text)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", [0]),
        ("a", [0]),
        ("a\n", [0, 2]),
        ("a\nb", [0, 2]),
        ("a\r\nb\rc\n\nd", [0, 3, 5, 7, 8]),
        ("\n\r", [0, 1, 2]),
        ("a\fb\vc\x1cd\x85e\u2028f\u2029g", [0]),  # ends of lines to str.splitlines, not to LSP
    ],
)
def test_lines_start_behind_line_ends_only(text: str, starts: list[int]) -> None:
    assert line_starts(text) == starts
    lines = Lines(text)
    assert [lines.start(number) for number in range(lines.count)] == starts
    assert lines.start(lines.count) is None


@pytest.mark.parametrize(
    ("encoding", "character", "offset"),
    [
        ("utf-8", 0, 0), ("utf-8", 1, 1), ("utf-8", 2, 1), ("utf-8", 3, 2), ("utf-8", 6, 2), ("utf-8", 7, 3),
        ("utf-16", 1, 1), ("utf-16", 2, 2), ("utf-16", 3, 2), ("utf-16", 4, 3), ("utf-16", 5, 4),
        ("utf-32", 1, 1), ("utf-32", 2, 2), ("utf-32", 3, 3), ("utf-32", 4, 4),
        ("utf-8", 99, 4), ("utf-16", 99, 4), ("utf-32", 99, 4), ("utf-8", -1, 0), ("utf-16", -1, 0), ("utf-32", -1, 0),
    ],
)  # fmt: skip
def test_columns_are_code_units(encoding: Encoding, character: int, offset: int) -> None:
    """In the middle of a character means its start, past the line's end the line's end."""
    assert snapshot("aé🎉z\nb").offset(0, character, encoding) == offset


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_positions_outside_the_text(encoding: Encoding) -> None:
    document = snapshot("ab\r\ncd")
    assert document.offset(-1, 5, encoding) == 0
    assert document.offset(0, 99, encoding) == 2
    assert document.offset(1, 99, encoding) == 6
    assert document.offset(2, 0, encoding) == 6
    assert document.offset(99, 99, encoding) == 6
    assert document.position(-5, encoding) == (0, 0)
    assert document.position(99, encoding) == (1, 2)


def test_between_carriage_return_and_line_feed_is_before_both() -> None:
    assert snapshot("ab\r\ncd").position(3, "utf-16") == (0, 2)


@pytest.mark.parametrize(
    ("encoding", "length"), [("utf-8", 1 + 2 + 3 + 4 + 3), ("utf-16", 1 + 1 + 1 + 2 + 1), ("utf-32", 5)]
)
def test_lengths(encoding: Encoding, length: int) -> None:
    assert units("aé€🎉\ud800", encoding) == length


@pytest.mark.parametrize(
    ("old", "new", "until"),
    [
        ("", "", -1), ("abc", "abc", -1), ("", "abc", 3), ("abc", "", 0),
        ("ac", "abc", 2), ("abc", "ac", 1), ("abc", "axc", 2), ("abc", "abcd", 4), ("abc", "zabc", 1),
        ("a\nb\n", "a\nxy\nb\n", 5), ("abcabc", "abc", 3),
    ],
)  # fmt: skip
def test_where_a_change_ends(old: str, new: str, until: int) -> None:
    assert changed_until(old, new) == until


def test_a_change_that_could_be_anywhere_is_at_the_cursor() -> None:
    assert changed_until("aa\n\n\n", "aa\n\n\n\n", 3) == 4
    assert changed_until("xaaaa", "xaaaaa", 2) == 3
    assert changed_until("xaaaa", "xaaa", 3) == 2
    assert changed_until("abc", "abXc", 0) == 3  # the cursor does not explain it


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_long_lines_and_large_files_take_no_time(encoding: Encoding) -> None:
    minified = snapshot("é = '🎉'; " * 200_000)
    large = "value = 1\n" * 200_000
    started = time.thread_time()
    assert minified.position(minified.offset(0, 1_000_000, encoding), encoding)[1] in {999_999, 1_000_000}
    assert snapshot(large).offset(150_000, 3, encoding) == 1_500_003
    assert changed_until(large, large[:1_000_000] + "x" + large[1_000_000:]) == 1_000_001
    assert time.thread_time() - started < 0.5  # a loop over the characters takes longer
