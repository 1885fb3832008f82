from __future__ import annotations

import pytest

from starcoder_lsp.completion.repetition import loop, stutter


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("x = [" + "0, " * 8, "x = [0, "),
        ("x = [" + "0, " * 30, "x = [0, "),
        ("0x00, " * 6, "0x00, "),
        ("x = " + "foo(a) + " * 6, "x = foo(a) + "),
        ("very long words, " * 4, "very long words, "),
        ("-" * 200, "-" * 72),
        ("# " + "=" * 96, "# " + "=" * 72),
        ("x" + " " * 100, "x" + " " * 72),
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
        "1.0, 1.0, 1.0, 1.0, ", "x" * 64, "????????????????", ", ".join(f"a{number}" for number in range(40)),
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
