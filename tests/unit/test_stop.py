from __future__ import annotations

import pytest

from starcoder_lsp.completion.stop import StopRules
from tests.support.places import cursor_at


def generated(marked: str, text: str, *, multiline: bool | None = None, max_lines: int = 12) -> tuple[str, int]:
    """Feed `text` character by character, as a model writes it; return what is kept, and how much was written."""
    cursor = cursor_at(marked)
    rules = StopRules(cursor, cursor.wants_block if multiline is None else multiline, max_lines)
    for length in range(1, len(text) + 1):
        kept = rules.check(text[:length])
        if kept is not None:
            return kept, length
    return text, len(text)


def check(marked: str, text: str, expected: str, **options: bool) -> None:
    assert generated(marked, text, **options)[0] == expected


# ---- the rest of a line


@pytest.mark.parametrize(
    ("marked", "text", "expected"),
    [
        ("x = ▌", "1\ny = 2\n", "1"),
        ("x = 1▌", "\ny = 2", ""),
        ("foo(▌)", "a, b)\nbar()", "a, b)"),
        ("return ▌\n\ndef g():", "x\n\n", "x"),
        ("# Returns▌", " the sum.\n# And more.", " the sum."),
        ("x = ▌", "no end yet", "no end yet"),
    ],
)
def test_a_line_ends_at_its_end(marked: str, text: str, expected: str) -> None:
    check(marked, text, expected)


def test_the_end_of_a_line_is_seen_at_once() -> None:
    assert generated("x = ▌", "1\ny = 2") == ("1", 2)


def test_never_more_than_a_line_where_that_is_set() -> None:
    check("def f():\n    ▌", "a = 1\n    return a\n", "a = 1", multiline=False)
    check("def f():\n▌", "\n    return a\n    b", "\n    return a", multiline=False)


# ---- blocks


@pytest.mark.parametrize(
    ("marked", "text", "expected"),
    [
        ("def f():\n    ▌\n", "a = 1\n    return a\n\nx", "a = 1\n    return a"),
        ("def f():\n    ▌\n", "if a:\n        b()\n    return a\nx = 1", "if a:\n        b()\n    return a"),
        ("def f():\n▌\n", "    a = 1\n    return a\nx = 1", "    a = 1\n    return a"),
        ("def f():\n  ▌\n", "  a = 1\n    return a\nx = 1", "  a = 1\n    return a"),
        ("def f():▌\n", "\n    a = 1\n    return a\nx = 1", "\n    a = 1\n    return a"),
        ("    if a:▌\n", "\n        b()\n    else:\n", "\n        b()"),
        ("if a:▌\n", " return\nb()", " return"),
        ("x = 1\n▌\n", "y = 2\nz = 3\n\nw", "y = 2\nz = 3"),
        ("\tif a {\n\t\t▌\n\t}", "b()\n\t\tc()\n\t}\n}", "b()\n\t\tc()"),
        ("class A:\n    ▌", "def f(self):\n        pass\n\n    def", "def f(self):\n        pass"),
    ],
)
def test_a_block_ends_at_the_dedent(marked: str, text: str, expected: str) -> None:
    check(marked, text, expected)


def test_a_dedent_shows_with_its_first_character() -> None:
    text = "return 1\nprint"
    assert generated("def f():\n    ▌", text) == ("return 1", len("return 1\np"))


@pytest.mark.parametrize(
    ("marked", "text", "expected"),
    [
        # a bracket opened on the cursor's line is closed at its depth
        ("if (a) {▌", "\n  b();\n}\nc();", "\n  b();\n}"),
        ("if (a) {▌", "\n  b();\n} else {\n  c();\n}\nd();", "\n  b();\n} else {\n  c();\n}"),
        ("  foo(▌", "\n    a,\n    b,\n  )\n  bar()", "\n    a,\n    b,\n  )"),
        ("x = {▌\n", '\n    "a": 1,\n}\ny = 2', '\n    "a": 1,\n}'),
        ("x = foo▌\n", "(\n    a,\n)\ny = 2", "(\n    a,\n)"),
        # one that is not owed ends the block
        ("  foo();▌\n}", "\n}\n", ""),
        # the file lacks the closer of the cursor's block: it is taken along
        ("function f() {\n  ▌\n", "return 1;\n}\n\nx", "return 1;\n}"),
        ("function f() {\n  ▌\n\nfunction g() {}", "return 1;\n}\nx", "return 1;\n}"),
        ("foo(() => {\n  ▌\n", "bar();\n});\nx();", "bar();\n});"),
        ("{\n  if (a) {\n    ▌\n}", "b();\n  }\n  c();", "b();\n  }"),
        # the file has it
        ("function f() {\n  ▌\n}\n", "return 1;\n}\n\nx", "return 1;"),
        ("function f() {\n  ▌\n  return 2;\n}\n", "g();\n}\n", "g();"),
        ("{\n  if (a) {\n    ▌\n  }\n}", "b();\n  }\n}", "b();"),
        # what only begins as a closer is no closer
        ("if (a) {\n  ▌\n", "b();\n} else {\n  c();\n", "b();"),
        ("if (a) {\n  ▌\n\n", "b();\nc();\n", "b();"),
    ],
)
def test_closing_brackets(marked: str, text: str, expected: str) -> None:
    check(marked, text, expected, multiline=True)


def test_a_blank_line_ends_a_block_but_may_stand_in_front_of_it() -> None:
    check("x\n▌", "\n\na = 1\nb = 2\n\nc = 3", "\n\na = 1\nb = 2")
    check("class A:▌", "\n\n    x = 1\n    y = 2\n\n    z", "\n\n    x = 1\n    y = 2")


def test_indentation_of_an_unfinished_blank_line_is_waited_for() -> None:
    check("def f():\n    ▌", "a()\n    b()\n    ", "a()\n    b()\n    ")


def test_a_block_has_so_many_lines() -> None:
    text = "".join(f"a{number} = {number}\n" for number in range(30))
    kept, written = generated("▌", text)
    assert kept.count("\n") == 11
    assert written == len(kept) + 1


# ---- repetition


@pytest.mark.parametrize(
    ("marked", "text", "expected"),
    [
        ("▌\n\nreturn total\n", "a = 1\nreturn total\nb", "a = 1"),
        ("▌\nreturn total\n", "return total\nb", ""),
        ("import ▌\nimport sys\n", "sys\nimport re", ""),
    ],
)
def test_a_line_that_repeats_the_next_line_ends_it(marked: str, text: str, expected: str) -> None:
    check(marked, text, expected)


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("▌\nreturn None\n", "if a:\n    return None\nb"),  # deeper: another line
        ("def f():\n    ▌\n    return x\n", "if a:\n        return x\n    b = 1"),
        ("▌\n}\n", "a {\n  b\n}\nc"),  # too short to mean anything
        ("▌\nfoo(a)\n", "foo(a, b)\nc"),
    ],
)
def test_a_line_that_only_resembles_the_next_line_stays(marked: str, text: str) -> None:
    check(marked, text, text)


def test_an_unfinished_line_is_not_compared() -> None:
    check("▌\nfoo(a)\n", "x\nfoo(a", "x\nfoo(a")


def test_loops_of_lines_end_early() -> None:
    text = "foo(a)\n" * 10
    assert generated("x\n▌", text) == ("foo(a)", len("foo(a)\n" * 4))


def test_loops_within_a_line_end_early() -> None:
    text = "0, " * 30
    kept, written = generated("x = [▌]", text)
    assert kept == "0, "
    assert written <= 24


def test_a_run_of_one_letter_ends_at_the_ninth() -> None:
    assert generated("Same as bind, ex▌", "z" * 94) == ("", 9)
    assert generated("Our __▌", "_" * 94) == ("", 7)


def test_a_row_of_zeros_is_no_loop() -> None:
    check("x = [▌]", "0, 0, 0, 0", "0, 0, 0, 0")


def test_line_ends_of_the_file_do_not_matter() -> None:
    check("def f():\r\n    ▌\r\n    return total\r\n", "a = 1\n    return total\n", "a = 1")
