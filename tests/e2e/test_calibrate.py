"""`starcoder-lsp calibrate`, as a person runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from starcoder_lsp.models.catalogue import shipped_model

pytestmark = pytest.mark.slow
PACKAGE = Path(__file__).parents[2] / "starcoder_lsp"


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "starcoder_lsp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, cwd=cwd)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with pieces of 24 lines: prompts are short, so this is quick."""
    folder = tmp_path / "code"
    folder.mkdir()
    paths = sorted(PACKAGE.rglob("*.py"))
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines() if 4 < len(line) < 60]
    for number in range(120):
        piece = lines[24 * number : 24 * (number + 1)]
        (folder / f"{number}.py").write_text("\n".join(piece) + "\n", encoding="utf-8")
    return folder


def test_it_is_measured_kept_beside_the_model_and_shown(code: Path, tmp_path: Path) -> None:
    model = tmp_path / "mine.gguf"
    shutil.copy(shipped_model(), model)
    done = run("calibrate", "--model", model, "--holes", "100", "--json", cwd=code)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["holes"] == 100
    assert report["kept"] == str(model) + ".confidence.json"
    levels = [report["levels"][level] for level in ("bold", "balanced", "careful")]
    assert [row["least_joint"] for row in levels] == sorted(row["least_joint"] for row in levels)
    assert [row["wrong_per_100"] for row in levels] == sorted((row["wrong_per_100"] for row in levels), reverse=True)
    shares = [right for _threshold, right in report["curve"]]
    assert shares == sorted(shares)
    doctor = run("doctor", "--model", model, cwd=tmp_path)
    assert f"balanced from {levels[1]['least_joint']:.2f}" in doctor.stdout
    assert "measured at 100 places" in doctor.stdout
    assert "not measured" not in doctor.stdout


def test_too_little_code_is_a_sentence_and_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n" * 50)
    done = run("calibrate", cwd=tmp_path)
    assert done.returncode == 2
    assert "Name folders with more code" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]
    done = run("calibrate", "missing", cwd=tmp_path)
    assert done.returncode == 2
    assert "missing is neither a folder nor a file" in done.stderr
