from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.completion.context import Neighbour
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.evaluation.baseline import copy_line
from starcoder_lsp.evaluation.calibration import Judged, calibration
from starcoder_lsp.evaluation.infill import is_exact, program
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
    with pytest.raises(ConfigError, match="cannot be read"):
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


def test_the_baseline_copies_what_followed() -> None:
    assert copy_line("for item in items:\n    print(item)\nfor item in items:\n", "") == "    print(item)\n"
    assert copy_line("unlike anything", "") == ""


def test_calibration_counts_what_a_threshold_lets_through() -> None:
    tasks = [
        Judged(suggested=True, exact=True, mean_logprob=-0.1),
        Judged(suggested=True, exact=False, mean_logprob=-0.3),
        Judged(suggested=True, exact=False, mean_logprob=-1.2),
        Judged(suggested=False, exact=False, mean_logprob=0.0),  # nothing said: never shown
    ]
    table = {row["threshold"]: (row["shown"], row["precision"]) for row in calibration(tasks)}
    assert table[-2.0] == (0.75, 0.3333)
    assert table[-0.5] == (0.5, 0.5)
    assert table[-0.1] == (0.25, 1.0)
    assert -0.05 not in table


def test_calibration_of_nothing_is_empty() -> None:
    assert calibration([]) == []
