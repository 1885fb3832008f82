from __future__ import annotations

import io

import pytest
from rich.console import Console

from starcoder_lsp.bench import report
from starcoder_lsp.bench.keystrokes import together
from starcoder_lsp.bench.steps import Kind, Step
from starcoder_lsp.bench.tally import Prompted, Shown, Tally, Used


def step(kind: Kind, *, rest: bool = True) -> Step:
    return Step(kind, 0.0, "a.py", "python", "", 0, rest)


def filled(*, tokens: int, wait_ms: float) -> Tally:
    tally = Tally()
    tally.begin(step("open"))
    tally.evaluated(900)
    tally.waited(step("open"), 500.0, suggested=True)
    for _ in range(4):
        tally.begin(step("key"))
        tally.evaluated(tokens)
        tally.waited(step("key"), wait_ms, suggested=True)
    tally.generated = 30
    tally.used_texts = ["abc", "de"]
    tally.prompts = [Prompted(1000, 700, 290)]
    return tally


def test_an_opening_is_no_keystroke_and_a_jump_belongs_to_the_key_before() -> None:
    tally = Tally()
    tally.begin(step("open"))
    tally.evaluated(1000)
    tally.begin(step("jump"))
    tally.evaluated(7)
    tally.begin(step("key"))
    tally.evaluated(1)
    tally.begin(step("jump"))
    tally.evaluated(500)
    tally.begin(step("accept"))
    tally.evaluated(3)
    assert (tally.opening, tally.by_key) == ([1007], [501, 3])


def test_the_report_has_the_promised_shape() -> None:
    ours = report.side(filled(tokens=1, wait_ms=50.0), 25)
    infill = report.side(filled(tokens=254, wait_ms=1000.0), 30)
    assert ours["evaluated"] == {"median": 1, "p95": 1, "total": 4}
    assert ours["to_suggestion_ms"] == {"median": 50.0, "p95": 50.0}
    assert ours["wasted_tokens"] == 25
    assert report.ratio(ours, infill) == {
        "evaluated_median": 254.0,
        "evaluated_total": 254.0,
        "to_suggestion_median": 20.0,
    }


def test_a_side_without_samples_has_no_ratio_and_is_printed() -> None:
    empty = report.side(Tally(), 0)
    assert empty["evaluated"]["median"] is None
    assert report.ratio(empty, empty)["evaluated_median"] is None
    whole = {"ours": empty, "model": "m", "traces": [], "threads": [1, 2]}
    console = Console(file=io.StringIO(), width=120)
    console.print(report.table(whole))


def test_a_median_of_nothing_counts_as_one() -> None:
    ours, infill = report.side(filled(tokens=0, wait_ms=0.0), 0), report.side(filled(tokens=200, wait_ms=5.0), 0)
    assert report.ratio(ours, infill)["evaluated_median"] == 200.0


def test_tallies_add_up() -> None:
    whole = together([filled(tokens=1, wait_ms=1.0), filled(tokens=3, wait_ms=2.0)])
    assert (sum(whole.by_key), whole.generated, len(whole.prompts)) == (16, 60, 2)
    assert whole.wasted(len) == 50


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.95, 4), (0.25, 1), (1.0, 4)])
def test_quantiles_are_nearest_ranks(share: float, expected: int) -> None:
    assert report.quantile([4, 1, 3, 2], share) == expected
    assert report.quantile([], share) is None


def test_what_is_typed_of_a_suggestion_is_used_once() -> None:
    used = Used()
    used.show(Shown("hello", "a.py", 2, "x=\n"))
    used.moved("a.py", "x=h\n", 3)
    used.show(Shown("ello", "a.py", 3, "x=h\n"))  # the rest of the same
    used.moved("a.py", "x=he\n", 4)
    assert used.current("a.py", 4) == "llo"
    used.moved("a.py", "x=heX\n", 5)
    assert used.current("a.py", 5) == ""
    used.hide()
    assert used.texts == ["he"]


def test_a_suggestion_that_is_accepted_is_used_whole() -> None:
    used = Used()
    used.show(Shown("ab", "a.py", 0, ""))
    used.moved("a.py", "ab", 2)
    used.show(Shown("new", "a.py", 2, "ab"))
    used.moved("b.py", "", 0)
    assert used.texts == ["ab"]
