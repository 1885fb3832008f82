"""The command line: what it prints, where, and its status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp import __version__
from tests.support.code import PLACES, place_of
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

CODE = "def total(values):\n    result = 0\n    for value in values:\n        result += \n    return result\n"
PLACE = "4:19"
FIELDS = {
    "insert_text",
    "model",
    "layout",
    "prompt_tokens",
    "cached_tokens",
    "evaluated_tokens",
    "generated_tokens",
    "mean_logprob",
    "timings_ms",
    "finish_reason",
}


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "starcoder_lsp", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE * 2,
        check=False,
        env=os.environ | {"COLUMNS": "200"} | (env or {}),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "total.py"
    path.write_text(CODE, encoding="utf-8")
    return path


def complete(*arguments: str) -> dict[str, Any]:
    """Run `complete --json` and return what it printed."""
    done = run("complete", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_complete_prints_the_suggestion_alone_on_stdout(source: Path) -> None:
    done = run("complete", f"{source}:{PLACE}")
    assert done.returncode == 0
    assert "nano" in done.stderr
    assert done.stdout == complete(f"{source}:{PLACE}")["insert_text"] + "\n"


def test_complete_as_json(source: Path) -> None:
    report = complete(f"{source}:{PLACE}")
    assert report.keys() >= FIELDS
    assert report["timings_ms"].keys() == {"tokenize", "prefill", "decode", "total"}
    assert report["model"] == "nano"
    assert report["cached_tokens"] + report["evaluated_tokens"] == report["prompt_tokens"]
    assert report["generated_tokens"] > 0
    assert report["mean_logprob"] <= 0
    assert report["finish_reason"] in {"stop", "length"}
    assert all(value >= 0 for value in report["timings_ms"].values())


@pytest.mark.parametrize("layout", ["psm", "spm"])
def test_the_layout_and_the_prompt(source: Path, layout: str) -> None:
    report = complete(f"{source}:{PLACE}", "--layout", layout, "--show-prompt")
    assert report["layout"] == layout
    prompt = report["prompt"]
    assert len(prompt["ids"]) == report["prompt_tokens"]
    text = prompt["text"]
    prefix, suffix, middle = (text.index(f"«<fim_{name}>»") for name in ("prefix", "suffix", "middle"))
    assert prefix < suffix < middle
    if layout == "spm":
        assert text + report["begin"] == text.removesuffix("result +=") + "result += "
        assert text.index("return result") < middle
    else:
        assert text.endswith("«<fim_middle>»")
        assert prefix < text.index("result +=") < suffix < text.index("return result") < middle


def test_the_prompt_for_people(source: Path) -> None:
    done = run("complete", f"{source}:{PLACE}", "--show-prompt")
    assert done.returncode == 0
    assert "«<fim_prefix>»" in done.stdout
    assert " ids: " in done.stdout
    assert "once more first: ' '" in done.stdout
    assert "-- suggestion\n" in done.stdout


def test_max_tokens_and_multiline(source: Path) -> None:
    assert complete(f"{source}:{PLACE}", "--max-tokens", "1")["generated_tokens"] <= 2  # one for the blank in front
    assert "\n" not in complete(f"{source}:{PLACE}", "--multiline", "never")["insert_text"]


@pytest.mark.parametrize("architecture", ["starcoder", "starcoder2"])
def test_complete_with_random_weights(source: Path, architecture: str, random_model: Callable[[str], Path]) -> None:
    model = random_model(architecture)
    report = complete(f"{source}:{PLACE}", "--model", str(model), "--max-tokens", "5")
    assert report["model"] == model.stem
    assert report["prompt_tokens"] > 10
    assert 1 <= report["generated_tokens"] <= 5 + len(report["begin"])


def test_line_ends_and_odd_bytes(tmp_path: Path) -> None:
    path = tmp_path / "odd name: with (colons):12.py"
    path.write_bytes(CODE.replace("\n", "\r\n").encode() + b"# \xff\xfe latin\r\n")
    assert complete(f"{path}:{PLACE}")["insert_text"] == complete_text(tmp_path)


def complete_text(folder: Path) -> str:
    path = folder / "plain.py"
    path.write_text(CODE + "# \ufffd\ufffd latin\n", encoding="utf-8")
    return str(complete(f"{path}:{PLACE}")["insert_text"])


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("", "FILE:LINE:COL"),
        (":0:1", "FILE:LINE:COL"),
        (":1:0", "FILE:LINE:COL"),
        (":x:y", "FILE:LINE:COL"),
        (":1", "FILE:LINE:COL"),
        (":99:1", "there is no line 99"),
        (":1:99", "the last column is"),
    ],
)
def test_a_place_that_is_none(source: Path, place: str, sentence: str) -> None:
    done = run("complete", f"{source}{place}")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_files_that_are_no_source(tmp_path: Path) -> None:
    binary = tmp_path / "a.bin"
    binary.write_bytes(b"\x7fELF\0\0\0")
    for place, sentence in (
        (f"{binary}:1:1", "binary"),
        (f"{tmp_path}:1:1", "cannot be read"),
        (f"{tmp_path / 'absent.py'}:1:1", "cannot be read"),
    ):
        done = run("complete", place)
        assert done.returncode == 2
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--model", "/nowhere/absent.gguf"),
        ("--model", "no-such-model"),
        ("--context-size", "3"),
        ("--threads", "-1"),
        ("--gpu-layers", "many"),
    ],
)
def test_options_that_cannot_be(source: Path, arguments: tuple[str, ...]) -> None:
    done = run("complete", f"{source}:{PLACE}", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("starcoder-lsp: ")
    assert "Traceback" not in done.stderr


def test_unknown_arguments() -> None:
    assert run("--nonsense").returncode == 2
    assert run("nonsense").returncode == 2
    assert run("--tcp", "nowhere").returncode == 2


def test_help_and_version() -> None:
    assert run("--version").stdout == f"starcoder-lsp {__version__}\n"
    top = run("--help")
    assert top.returncode == 0
    for name in ("demo", "complete", "models", "doctor", "bench", "eval"):
        assert name in top.stdout
        done = run(name, "--help")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout) > 100
    assert "--show-prompt" in run("complete", "--help").stdout


def test_models() -> None:
    table = run("models")
    assert table.returncode == 0
    assert "nano" in table.stdout
    rows = json.loads(run("models", "--json").stdout)
    assert rows[0]["name"] == "nano"


def test_doctor_is_content_with_nano() -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
    for line in ("Python", "engine", "model", "memory", "one token"):
        assert line in done.stdout


def test_doctor_says_what_is_wrong() -> None:
    done = run("doctor", "--model", "/nowhere/absent.gguf")
    assert done.returncode == 1
    assert "does not exist" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_demo_answers() -> None:
    done = run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "⟦" in done.stdout
    assert "nothing worth showing" not in done.stdout
    assert "tokens by nano" in done.stdout


def test_the_demo_in_a_file_of_one_s_own(source: Path) -> None:
    done = run("demo", f"{source}:{PLACE}")
    assert "total.py" in done.stdout
    assert "Traceback" not in done.stderr


def test_different_code_gives_different_suggestions(tmp_path: Path) -> None:
    said = set()
    for number, marked in enumerate(PLACES[:4]):
        text, line, column = place_of(marked)
        path = tmp_path / f"code{number}.py"
        path.write_text(text, encoding="utf-8")
        said.add(complete(f"{path}:{line + 1}:{column + 1}")["insert_text"])
    assert len(said) > 1


def test_a_server_whose_stdout_is_closed_says_nothing_odd() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "starcoder_lsp"],
        input=b"",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr
