"""`starcoder-lsp eval infill`, as a person or a script runs it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.models.catalogue import shipped_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shipped_model().is_file(), reason="the shipped model is not in this checkout"),
]

COPIED = {  # the hole's line stands once more behind it, so copying fills it
    "task_id": "copied",
    "prompt": "def both(a, b):\n    def first(a):\n",
    "canonical_solution": "        return sorted(a)\n",
    "suffix": "    def first(a):\n        return sorted(a)\n    return first(a) + first(b)\n",
    "test": "def check(candidate):\n    assert candidate([2, 1], [3]) == [1, 2, 3]\n",
    "entry_point": "both",
}
OTHER = {
    "task_id": "other",
    "prompt": "def double(x):\n    return ",
    "canonical_solution": "x + x  # one of many ways",
    "suffix": "\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
    "entry_point": "double",
}


def evaluate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "starcoder_lsp", "eval", "infill", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def tasks(tmp_path: Path) -> str:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(COPIED) + "\n" + json.dumps(OTHER) + "\n", encoding="utf-8")
    return str(path)


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)  # nothing else stands on stdout
    return found


def test_copying_fills_what_can_be_copied_and_its_program_runs(tasks: str) -> None:
    result = summary(evaluate(tasks, "--baseline", "--run-tests", "--json"))
    assert (result["n"], result["exact_match"], result["pass_at_1"]) == (2, 0.5, 0.5)


@pytest.mark.parametrize("layout", ["psm", "spm"])
def test_the_shipped_model_is_measured(tasks: str, layout: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    done = evaluate(tasks, "--layout", layout, "--run-tests", "--json", "--out", str(out))
    result = summary(done)
    assert (result["n"], result["layout"], result["model"]) == (2, layout, "nano")
    assert 0 <= result["exact_match"] <= result["pass_at_1"] <= 1
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["task_id"] for row in rows] == ["copied", "other"]
    assert sum(row["exact"] for row in rows) == result["exact_match"] * 2
    assert 0 <= result["shown"] <= 1
    assert sum(row["count"] for row in result["reliability"]) == sum(bool(row["whole"]) for row in rows)
    for row in result["reliability"]:
        assert row["from"] <= row["mean"] <= row["to"]
        assert 0 <= row["right"] <= 1
    assert "tasks.jsonl" in done.stderr  # its progress


def test_what_is_shown_depends_on_the_knob_and_the_whole_text_does_not(tasks: str) -> None:
    everything, nothing = (summary(evaluate(tasks, "--json", "--confidence", knob)) for knob in ("0", "1"))
    assert everything["exact_match"] == nothing["exact_match"]
    assert everything["right_per_100"] + everything["wrong_per_100"] > 0
    assert (nothing["shown"], nothing["right_per_100"], nothing["wrong_per_100"]) == (0, 0, 0)
    assert everything["shown"] > 0


def test_a_knob_that_is_none_is_a_sentence(tasks: str) -> None:
    done = evaluate(tasks, "--confidence", "high")
    assert done.returncode == 2
    assert '"careful" or a number from 0 to 1' in done.stderr


def test_neighbours_stand_in_the_prompt(tmp_path: Path) -> None:
    line = "    frobnicate(left_margin, right_margin, page_height)"
    body = "".join(f"def step_{index}():\n{line}\n\n\n" for index in range(4))
    task = {"task_id": "1", "prompt": "def step_4():\n    frob", "canonical_solution": line[8:], "suffix": "\n"}
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(task | {"repo": "shop", "neighbours": [{"path": "steps.py", "text": body}]}) + "\n")
    assert summary(evaluate(str(path), "--json"))["exact_match"] == 1.0
    assert summary(evaluate(str(path), "--json", "--without-neighbours"))["exact_match"] == 0.0


def test_without_json_it_is_a_table_for_people_and_pass_at_1_only_if_asked(tasks: str) -> None:
    done = evaluate(tasks, "--baseline", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "exact_match" in done.stdout
    assert "pass_at_1" not in done.stdout


def test_a_file_that_is_no_benchmark_is_a_sentence_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text("hello\n", encoding="utf-8")
    done = evaluate(str(path), "--json")
    assert done.returncode == 2
    assert "line 1 is not a task" in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(b"{}\n" * 9)[:-12] + b"no checksum.")
    for path, reason in [
        (tmp_path / "nothere.jsonl", f"There is no file {tmp_path / 'nothere.jsonl'}."),
        (tmp_path, f"{tmp_path} cannot be read as JSON lines: Is a directory."),
        (broken, f"{broken} cannot be read as JSON lines: "),
    ]:
        done = evaluate(str(path))
        assert done.returncode == 2
        assert reason in done.stderr
        assert "Errno" not in done.stderr
        assert "Traceback" not in done.stderr
