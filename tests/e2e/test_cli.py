"""The command line: what it prints, where, and its status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from starcoder_lsp import __version__
from tests.support.code import PLACES, place_of
from tests.support.fakes import PATIENCE
from tests.support.llama_server_program import install

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
    "joint",
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


def test_complete_says_what_editors_would_hide(tmp_path: Path) -> None:
    sure: list[str] = []
    unsure: list[str] = []
    for number, line in enumerate(("for value in ", "x = ", "import ", "    return self.", "name = total")):
        path = tmp_path / f"code{number}.py"
        path.write_text(CODE + line, encoding="utf-8")
        place = f"{path}:6:{len(line) + 1}"
        said = run("complete", place).stderr
        report = complete(place)
        if report["insert_text"]:
            (unsure if report["hidden"] else sure).append(said)
        else:
            assert "nothing to suggest here" in said
    assert unsure, "the model is sure of everything"
    assert all("hidden in editors until asked by hand" in said for said in unsure)
    assert not any("hidden" in said for said in sure)


def test_complete_as_json(source: Path) -> None:
    report = complete(f"{source}:{PLACE}")
    assert report.keys() >= FIELDS
    assert report["timings_ms"].keys() == {"tokenize", "prefill", "decode", "total"}
    assert report["model"] == "nano"
    assert report["cached_tokens"] + report["evaluated_tokens"] == report["prompt_tokens"]
    assert report["generated_tokens"] > 0
    assert 0 <= report["joint"] <= 1
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


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("compleet",), "complete"),
        (("--modle",), "--model"),
        (("complete", "a.py:1:1", "--lyout", "psm"), "--layout"),
        (("complete", "a.py:1:1", "--layout", "autp"), "auto"),
        (("bench", "keystroks"), "keystrokes"),
        (("models", "lst"), "list"),
        (("help", "doctr"), "doctor"),
    ],
)
def test_did_you_mean(arguments: tuple[str, ...], meant: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert f"(did you mean {meant}?)" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert "--help" in done.stderr


@pytest.mark.parametrize("number", ["100000", "0", "-1"])
def test_a_number_that_cannot_be_gets_a_sentence(source: Path, number: str) -> None:
    done = run("complete", f"{source}:{PLACE}", "--max-tokens", number)
    assert done.returncode == 2
    assert done.stderr == f"starcoder-lsp: --max-tokens must be a whole number from 1 to 1024, not {number}.\n"


@pytest.mark.parametrize(
    ("text", "count"), [("a\nb\n", "2 lines"), ("a\nb", "2 lines"), ("a", "1 line"), ("", "1 line")]
)
def test_lines_are_counted_as_people_do(tmp_path: Path, text: str, count: str) -> None:
    path = tmp_path / "a.py"
    path.write_text(text, encoding="utf-8")
    done = run("complete", f"{path}:99:1")
    assert f"a.py has {count}; there is no line 99." in done.stderr


def test_help_for_a_command_and_for_all() -> None:
    assert run("help").stdout == run("--help").stdout
    assert run("help", "complete").stdout == run("complete", "--help").stdout


def words_after(folder: Path, line: str) -> list[str]:
    """What a shell offers behind a command line, by argcomplete's protocol."""
    words = folder / "words"
    about = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    done = run(env={"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(words), **about})
    assert (done.returncode, done.stdout) == (0, "")
    return [word.strip() for word in words.read_text(encoding="utf-8").split("\n")]


def test_a_shell_completes_commands_options_and_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("STARCODER_LSP_MODELS", str(tmp_path))
    assert words_after(tmp_path, "starcoder-lsp com") == ["complete", "completion"]
    assert words_after(tmp_path, "starcoder-lsp complete a.py:1:1 --lay") == ["--layout"]
    assert words_after(tmp_path, "starcoder-lsp demo --model la") == ["large"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "powershell"])
def test_the_shell_s_own_part_is_printed(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "starcoder-lsp" in done.stdout


def test_help_and_version() -> None:
    assert run("--version").stdout == f"starcoder-lsp {__version__}\n"
    top = run("--help")
    assert top.returncode == 0
    for name in ("demo", "complete", "models", "doctor", "bench", "eval", "completion"):
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
    assert run("models", "list").stdout == table.stdout
    assert json.loads(run("models", "list", "--json").stdout) == rows
    assert json.loads(run("models", "--json", "list").stdout) == rows


def test_a_file_that_cannot_be_repacked(source: Path) -> None:
    done = run("models", "repack", str(source))
    assert done.returncode == 2
    assert done.stderr.startswith("starcoder-lsp: ")
    assert len(done.stderr.splitlines()) == 1


def test_doctor_is_content_with_nano() -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
    for line in ("Python", "engine", "model", "memory", "one token"):
        assert line in done.stdout
    assert all(line.startswith("ok ") for line in done.stdout.splitlines())
    assert "b'" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_doctor_says_what_an_installed_llama_server_would_bring(tmp_path: Path) -> None:
    program = install(tmp_path)
    done = run("doctor", env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if "llama-server" in line]
    assert re.match(rf"ok +llama-server: {program}: prefill \d+ tokens/s with this model, [\d.]+ times the above", line)
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not any("tests.support.llama_server_program" in command for command in running)


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_doctor_gives_the_last_words_of_a_llama_server_that_ends(tmp_path: Path) -> None:
    install(tmp_path, body="echo error: unknown model architecture >&2; exit 1\n")
    done = run("doctor", env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "llama-server" in line]
    assert line == "failed  llama-server: It ended with code 1: error: unknown model architecture"


@pytest.mark.parametrize(("model", "sentence"), [("/nowhere/absent.gguf", "does not exist"), ("absent", "absent")])
def test_doctor_says_what_is_wrong(model: str, sentence: str) -> None:
    done = run("doctor", "--model", model)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    [failed] = [line for line in lines if line.startswith("failed")]
    assert failed.startswith("failed  model: ")
    assert sentence in failed
    assert not any(line.startswith("ok") and "failed" in line for line in lines)
    assert "skipped one token" in lines[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_the_demo_shows_suggestions_worth_having_and_the_next_step() -> None:
    done = run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    ghosts = re.findall(r"⟦(.*?)⟧", done.stdout)
    assert len(ghosts) >= 3, done.stdout
    assert all(len(ghost) >= 4 for ghost in ghosts)
    assert f"taken  in {len(ghosts)} of " in done.stdout
    assert "written by nano, offline" in done.stdout
    assert "Now in your editor" in done.stdout
    assert not any(line != line.rstrip() for line in done.stdout.splitlines())


def test_the_demo_in_a_file_of_one_s_own(source: Path) -> None:
    place = f"{source}:{PLACE}"
    done = run("demo", place)
    assert done.returncode == 0, done.stderr
    assert "total.py" in done.stdout
    assert f"result += ⟦{complete(place)['insert_text']}⟧" in done.stdout


def test_the_demo_says_what_editors_would_hide(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    seen = set()
    for line in ("x = ", "import ", "name = total", "for value in "):
        path.write_text(CODE + line, encoding="utf-8")
        place = f"{path}:6:{len(line) + 1}"
        report, said = complete(place), run("demo", place).stdout
        seen.add(report["hidden"])
        assert ("hidden in editors until asked by hand" in said) == (report["hidden"] and report["insert_text"] != "")
    assert True in seen, "the model is sure of everything"


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
