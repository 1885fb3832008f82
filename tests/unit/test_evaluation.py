from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.completion.context import Neighbour
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.evaluation import sandbox
from starcoder_lsp.evaluation.baseline import copy_line
from starcoder_lsp.evaluation.calibration import reliability, summarise, tally
from starcoder_lsp.evaluation.outcomes import How, Outcome, Shown, agreement, is_exact
from starcoder_lsp.evaluation.programs import program
from starcoder_lsp.evaluation.sandbox import passes
from starcoder_lsp.evaluation.tasks import Task, read_tasks

if TYPE_CHECKING:
    from pathlib import Path

TASK = Task(
    "t/1",
    prompt="def double(x):\n",
    suffix="\n",
    canonical_solution="    return 2 * x\n",
    test="def check(candidate):\n    assert candidate(2) == 4\n",
    entry_point="double",
)


def row(**changes: object) -> str:
    return json.dumps({"task_id": "1", "prompt": "a", "suffix": "b", "canonical_solution": "c"} | changes)


def test_tasks_are_read_plain_and_compressed(tmp_path: Path) -> None:
    plain = tmp_path / "tasks.jsonl"
    plain.write_text(row() + "\n\n" + row(task_id="2") + "\n")
    packed = tmp_path / "tasks.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_tasks(plain) == read_tasks(packed)
    assert [task.task_id for task in read_tasks(plain)] == ["1", "2"]


def test_a_limit_spreads_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(row(task_id=str(index)) + "\n" for index in range(10)))
    assert [task.task_id for task in read_tasks(path, 3)] == ["0", "3", "6"]


def test_a_task_may_bring_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(row(path="a.py", repo="shop", neighbours=[{"path": "b.py", "text": "x\n"}]) + "\n" + row() + "\n")
    with_them, without = read_tasks(path)
    assert (with_them.path, with_them.repo, with_them.neighbours) == ("a.py", "shop", (Neighbour("b.py", "x\n"),))
    assert without.neighbours == ()


@pytest.mark.parametrize(
    "bad",
    [
        "{", "[]", json.dumps({"prompt": "a"}), row(suffix=3), row(neighbours=3), row(neighbours=["b.py"]),
        row(neighbours=[{"path": "b.py"}]), row(neighbours=[{"path": "b.py", "text": 1}]), row(repo=None),
    ],
)  # fmt: skip
def test_a_line_that_is_no_task_is_named(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(row() + "\n" + bad + "\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_tasks(path)


def test_a_file_that_is_not_there_or_damaged_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no file"):
        read_tasks(tmp_path / "none.jsonl")
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(row().encode())[:-9])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_tasks(broken)


def test_exact_match_leaves_trailing_whitespace_aside_and_nothing_else() -> None:
    assert is_exact("    return 2 * x", TASK)
    assert is_exact("    return 2 * x\n\n", TASK)
    assert not is_exact("return 2 * x", TASK)


@pytest.mark.parametrize(("middle", "right"), [("    return 2 * x", True), ("    return 3 * x", False), ("", False)])
def test_programs_run_with_their_tests(middle: str, *, right: bool) -> None:
    assert passes(program(middle, TASK)) is right


def test_a_trimmed_middle_does_not_join_lines() -> None:
    task = Task("t", "if True:\n", "    y = 2\n", "    x = 1\n")
    assert program("    x = 1", task).startswith("if True:\n    x = 1\n    y = 2\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "accident",
    [
        "while True: pass",
        "x = bytearray(3 << 30)",
        "import sys; sys.exit(3)",
        "open('big', 'wb').write(b'0' * (4 << 20))",
    ],
)
def test_accidents_fail_and_end(accident: str) -> None:
    assert not passes(accident, seconds=1)


@pytest.mark.parametrize("early", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit", "exit(0)"])
def test_leaving_early_is_no_success(early: str) -> None:
    assert not passes(f"{early}\nassert False")


def test_what_a_program_prints_is_not_its_success() -> None:
    assert passes("print('x' * 100_000)")
    assert not passes("print('a' * 32); import sys; sys.exit(0)")


@pytest.mark.parametrize("end", ["pass", pytest.param("while True: pass", marks=pytest.mark.slow)])
@pytest.mark.parametrize("namespace", [True, False])
def test_a_child_does_not_outlive_its_program(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch, *, namespace: bool
) -> None:
    if not namespace:
        monkeypatch.setattr(sandbox, "_namespace", tuple)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    child = (
        f"import time; f = open({str(pipe)!r}, 'w'); f.write('alive'); f.flush(); print(1, flush=True); time.sleep(600)"
    )
    start = f"child = subprocess.Popen([sys.executable, '-I', '-c', {child!r}], stdout=subprocess.PIPE)"
    seconds = 30 if end == "pass" else 5  # in which the child starts, also on a busy machine
    assert passes(f"import subprocess, sys\n{start}\nchild.stdout.readline()\n{end}", seconds) is (end == "pass")
    os.set_blocking(reader, True)
    received = b""
    while piece := os.read(reader, 100):  # the end comes when no process has the other end open any more
        received += piece
    os.close(reader)
    assert received == b"alive"


def test_the_baseline_copies_what_followed() -> None:
    assert copy_line("for item in items:\n    print(item)\nfor item in items:\n", "") == "    print(item)\n"
    assert copy_line("unlike anything", "") == ""


def outcome(shown: str, written: str, *, whole: str | None = None, joint: float = 1.0) -> Outcome:
    task = Task("t", "x = ", "\n", written)
    return Outcome(task, How(), shown if whole is None else whole, Shown(shown, joint), joint)


def test_characters_agree_up_to_the_first_that_does_not() -> None:
    task = Task("t", "x = ", "\n", "foo(a, b)\n")
    assert [agreement(text, task) for text in ("", "foo(a, b)", "foo(b, b)", "foo(a, b) or c", "g")] == [0, 9, 4, 9, 0]


def test_what_is_shown_is_counted_right_and_wrong_for_100_characters_to_type() -> None:
    found = tally([outcome("foo(", "foo(a)"), outcome("bad", "ba"), outcome("", "yz"), outcome("", "a" * 10)])
    assert (found.holes, found.shown, found.all_right, found.typed, found.right, found.wrong) == (4, 2, 1, 20, 6, 1)
    assert found.figures() == {"shown": 0.5, "all_right": 0.5, "right_per_100": 30.0, "wrong_per_100": 5.0}


def test_nothing_asked_is_no_figures() -> None:
    assert summarise([])["n"] == 0
    assert summarise([])["reliability"] == []


def test_the_whole_text_is_compared_for_the_exact_match() -> None:
    summary = summarise([outcome("foo(", "foo(a)\n", whole="foo(a)"), outcome("foo(", "foo(b)", whole="foo(a)")], 1)
    assert (summary["exact_match"], summary["pass_at_1"]) == (0.5, 0.5)


def test_reliability_says_how_often_texts_of_a_probability_are_right() -> None:
    rows = reliability(
        [
            outcome("", "foo", whole="foo", joint=0.85),
            outcome("", "foo", whole="fox", joint=0.81),
            outcome("", "foo", whole="f", joint=1.0),  # the beginning of it is right
            outcome("", "foo", whole="", joint=0.5),  # nothing is neither
        ]
    )
    assert rows == [
        {"from": 0.8, "to": 0.9, "count": 2, "mean": 0.83, "right": 0.5},
        {"from": 0.95, "to": 1.0, "count": 1, "mean": 1.0, "right": 1.0},
    ]
