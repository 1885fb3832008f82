from __future__ import annotations

import pytest

from starcoder_lsp.completion.repetition import endless, loop, stutter
from tests.support.places import cursor_at


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("x = [" + "0, " * 8, "x = [0, "),
        ("x = [" + "0, " * 30, "x = [0, "),
        ("0x00, " * 6, "0x00, "),
        ("x = " + "foo(a) + " * 6, "x = foo(a) + "),
        ("very long words, " * 4, "very long words, "),
        ("ab" * 40, "ab"),
    ],
)
def test_a_line_that_stutters_is_kept_once(line: str, kept: str) -> None:
    assert line[: stutter(line)] == kept
    assert stutter(kept) is None


@pytest.mark.parametrize(
    "line",
    [
        "", "x", "0, 0, 0, 0", "[0, 0, 0, 0, 0, 0, 0, 0],", "0x00, 0x00, 0x00, 0x00", "#" + "-" * 78, "=" * 80,
        "\t\t\t\t\t\t\t\t\t\t", " " * 40, "a = b = c = d = e", "self.x, self.y, self.z, self.w", "../../../../..",
        "1.0, 1.0, 1.0, 1.0, ", ", ".join(f"a{number}" for number in range(40)),
    ],
)  # fmt: skip
def test_what_good_code_repeats_is_no_stutter(line: str) -> None:
    assert stutter(line) is None


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["foo()"] * 4, 1),
        (["x", "foo()", "foo()", "foo()", "foo()"], 2),
        (["if a:", "    b()"] * 3, 2),
        (["x", *["if a:", "    b()", ""] * 3], 4),
    ],
)
def test_lines_that_loop_are_kept_once(lines: list[str], kept: int) -> None:
    assert loop(lines) == kept


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["foo()"],
        ["foo()"] * 3,  # three in a row is a style
        ["    end", "  end", "end", "x"],
        ["}"] * 6,
        ["],"] * 6,
        [""] * 9,
        ["</div>", " </div>", "  </div>", "   </div>"],
        ["[1, 0, 0],", "[0, 1, 0],", "[0, 0, 1],"],
        ["foo()"] * 4 + ["bar()"],
    ],
)
def test_what_good_code_repeats_is_no_loop(lines: list[str]) -> None:
    assert loop(lines) is None


@pytest.mark.parametrize(
    ("marked", "text", "kept"),
    [
        # as a small model wrote them
        ("Same as bind, ex▌", "z" * 94, ""),
        ("Our __▌", "_" * 94, ""),
        ('A = "aaaa▌', "a" * 88, ""),
        ("0x▌", "0" * 72, ""),
        ("x = ▌\n", "0." + "0" * 95, "0."),
        ("▌", "x = 1\ny = " + "z" * 20, "x = 1\ny = "),
        ("x_▌", "_" * 9, ""),
        ("x = ▌", "z" * 9 + " + 1", ""),  # also where the line goes on
        # a ruler is as long as those of the file, or as the heading above it
        ("# ----------\nx\n# ▌", "-" * 40, "-" * 10),
        ("# ----------\nx\n# --▌", "-" * 40, "-" * 8),
        ("Heading\nand more\n▌", "=" * 40, ""),
        ("A longer heading\n▌", "=" * 40, "=" * 16),
        ("▌", "-" * 80, ""),
        ("x▌", " " * 100, ""),
    ],
)
def test_a_run_of_one_character_is_no_suggestion(marked: str, text: str, kept: str) -> None:
    cursor = cursor_at(marked)
    assert text[: endless(text, cursor)] == kept
    assert endless(kept, cursor) is None


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("x = ▌", "1000000000"), ("x = ▌", "0xFFFFFFFFFFFFFFFF"), ("x = ▌", "0x0000000000000000"), ("▌", "zzzzzzzz"),
        ("# ------------------------------\n▌", "# ------------------------------"), ("x▌", "x" + " " * 40 + "# y"),
        ("def f():\n▌", " " * 24 + "x"), ("(a▌", "b" + ")" * 12), ("Heading that is long\n▌", "=" * 20),
        ("▌", "........"),
        ("▌\n# ==============\n", "# =============="),
    ],
)  # fmt: skip
def test_runs_that_people_write_are_left(marked: str, text: str) -> None:
    assert endless(text, cursor_at(marked)) is None
