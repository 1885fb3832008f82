"""`prove` with the model that ships, over a history that git made."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.cli import main
from tests.support.fakes import PATIENCE
from tests.support.repositories import fingerprint, make

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

NAMES = ("left", "right", "width", "height", "first", "second")


def function(name: str) -> str:
    return f"""

def add_{name}(self, {name}):
    if {name} is None:
        raise ValueError("{name} is None")
    self.{name} = {name}
    return self.{name}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A function a commit; much of each stands in those before it."""
    folder = tmp_path / "shapes"
    text = "import os\n"
    trees = []
    for name in NAMES:
        text += function(name)
        trees.append({"src/shapes.py": text, "notes.md": f"{name}\n"})
    make(folder, *trees)
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["prove", *arguments])
    assert end.value.code == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_history_is_replayed(repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = fingerprint(repository)
    page = tmp_path / "proof.html"
    arguments = [str(repository), "--places", "12", "--model", "nano", "--html", str(page)]
    told: dict[str, Any] = json.loads(run(capsys, *arguments, "--json"))
    assert fingerprint(repository) == before, "nothing is written into the repository"
    assert (told["folder"], told["commits"], told["places"], told["stopped"]) == ("shapes", 5, 12, False)
    assert [(one["model"], one["context"]) for one in told["runs"]] == [("nano", True), ("nano", False)]
    for one in told["runs"]:
        assert list(one["levels"]) == ["bold", "balanced", "careful"]
        bold, balanced, careful = one["levels"].values()
        assert bold["places"] == 12
        assert bold["commits"] == 5
        assert bold["saved_per_100"] >= balanced["saved_per_100"] >= careful["saved_per_100"]
        assert bold["wrong_per_100"] >= balanced["wrong_per_100"] >= careful["wrong_per_100"]
        assert bold["tokens"] >= balanced["tokens"] >= careful["tokens"] > 0
        assert bold["saved_per_100"] > 0, "what is written five times over is not hard to say"
        low, high = bold["saved_interval"]
        assert low <= bold["saved_per_100"] <= high
        assert list(one["by_language"]) == ["python"]
        assert list(one["by_folder"]) == ["src"]
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "http" not in text.replace("http-equiv", "").lower(), "nothing is fetched"
    assert "raise ValueError" not in text, "figures, no code"
    again = json.loads(run(capsys, *arguments, "--json"))
    for one in (*told["runs"], *again["runs"]):
        for level in one["levels"].values():
            del level["latency_ms"]
        for part in (*one["by_language"].values(), *one["by_folder"].values()):
            del part["latency_ms"]
    assert again == told, "the same places, the same answers"


def test_what_was_asked_before_ctrl_c_is_reported(repository: Path) -> None:
    command = [sys.executable, "-m", "starcoder_lsp", "prove", str(repository), "--json", "--confidence", "0.3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "Asking nano" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    told = json.loads(said)
    assert told["stopped"] is True
    with_context, alone = (one["levels"]["0.3"]["places"] for one in told["runs"])
    assert 1 <= with_context == alone < told["places"], "a place counts only where it was asked in both ways"


def test_the_time_is_kept_and_the_end_can_be_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(repository), "--places", "9", "--context", "off", "--until", "HEAD~2", "--minutes", "0.001"]
    printed = run(capsys, *arguments)
    assert "3 commits up to" in printed
    assert "1 places where typing stopped; stopped early, of 9." in printed
    assert "nano, alone" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--places", "0"], "--places must be more than 0"),
        (["--until", "nothing"], "has no commit 'nothing'"),
        (["--language", "rust"], "added no lines of code to ask at"),
        (["--html", "no/such/folder/page.html"], "cannot be written"),
        (["--model", "no-such-model"], "no-such-model"),
    ],
)
def test_what_cannot_be_done_is_said(
    repository: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["prove", str(repository), *arguments])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
