from __future__ import annotations

import pytest

from starcoder_lsp.completion.cursor import Cursor, indent_of, normalised, unclosed
from tests.support.places import cursor_at


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\r\nb\rc\nd", "a\nb\nc\nd"), ("\r\r\n", "\n\n"), ("plain", "plain"), ("", "")],
)
def test_line_ends_become_newlines(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("line", "columns"), [("", 0), ("x", 0), ("    x", 4), ("\tx", 8), ("  \tx", 8), ("\t  x", 10), ("    ", 4)]
)
def test_indentation_is_counted_in_columns(line: str, columns: int) -> None:
    assert indent_of(line) == columns


@pytest.mark.parametrize(
    ("text", "owed"), [("", []), ("f(", [")"]), ("f({[", ["]", "}", ")"]), ("f(a)[", ["]"]), ("a)", []), ("(]", [")"])]
)
def test_brackets_that_a_text_owes(text: str, owed: list[str]) -> None:
    assert unclosed(text) == owed


def test_the_line_is_divided_at_the_cursor() -> None:
    cursor = cursor_at("a\n  foo(▌x)\n\n  b\nc")
    assert (cursor.line_before, cursor.line_after) == ("  foo(", "x)")
    assert (cursor.previous_line, cursor.next_line) == ("a", "  b")
    assert cursor.indent == 2


def test_a_text_without_other_lines_has_no_neighbours() -> None:
    cursor = cursor_at("▌")
    assert (cursor.line_before, cursor.line_after, cursor.previous_line, cursor.next_line) == ("", "", "", "")


def test_blank_lines_are_no_neighbours() -> None:
    cursor = cursor_at("a\n \n\t\n▌\n  \n")
    assert (cursor.previous_line, cursor.next_line) == ("a", "")


def test_it_looks_from_a_line_start_to_a_line_end() -> None:
    text = "".join(f"line {number}\n" for number in range(100))
    cursor = Cursor.at(text, text.index("line 50"), reach=20)
    assert cursor.before == "line 48\nline 49\n"
    assert cursor.after == "line 50\nline 51"


def test_an_overlong_line_is_cut() -> None:
    cursor = Cursor.at("x" * 100, 50, reach=10)
    assert (cursor.before, cursor.after) == ("x" * 10, "x" * 10)


def test_carriage_returns_are_normalised() -> None:
    cursor = cursor_at("a\r\nb▌c\r\nd")
    assert (cursor.before, cursor.after) == ("a\nb", "c\nd")


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("foo(▌", True), ("foo(▌)", True), ("foo(▌);", True), ("[(▌) ]", True), ('"▌",', True), ("Vec<▌>", True),
        ("foo(▌x)", False), ("▌x", False), ("<div>▌</div>", False),
    ],
)  # fmt: skip
def test_closers_behind_the_cursor(marked: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert cursor_at(marked).rest_is_closers is expected


@pytest.mark.parametrize(
    "marked",
    [
        "def f():▌", "if x:▌\n", "if (x) {▌", "class A {▌}", "foo(() => {▌})", "foo(() => {▌});",
        "x =>▌", "foo(▌", "x = [▌\n", "foo(a,▌", "x = 1 + \\▌", "for i in x; do▌", "if x then▌", "} else▌",
        "▌", "    ▌", "def f():\n    ▌\n", "foo(\n    ▌)", "{\n▌}", "x = 1\n▌", '"""\n▌"""',
    ],
)  # fmt: skip
def test_a_block_is_wanted(marked: str) -> None:
    assert cursor_at(marked).wants_block


@pytest.mark.parametrize(
    "marked",
    [
        "x = 1▌", "x = ▌", "return ▌", "foo▌", "foo.▌", "undo▌", "strengthen▌", "foo(▌)", "foo(▌);", "x[▌]", "foo(a, ▌",
        "foo(a,▌)", "f(x: ▌", '"key": ▌', "    ▌x = 1", "if x:▌ pass", "▌)x",
        'f"{▌}"', "`${▌}`", "lambda x:▌)", 'print("▌")',
        "# for example:▌", "// see below:▌", " * @param {▌", "-- then▌", "<!-- do▌", "/* list:▌",
        '"""Return the sum▌', "Vec<▌>", "<div>▌</div>",
    ],
)  # fmt: skip
def test_only_the_rest_of_the_line_is_wanted(marked: str) -> None:
    assert not cursor_at(marked).wants_block
