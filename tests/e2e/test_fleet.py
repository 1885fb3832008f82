"""Some simulated people on llama.cpp's real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.models.gguf import read_header
from tests.support.llama_server import LlamaServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(nano: Path) -> Iterator[LlamaServerProcess]:
    server = LlamaServerProcess(read_header(nano), slots=3, window=4096).start()
    yield server
    server.close()


def fleet(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "starcoder_lsp", "bench", "fleet", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def at(served: LlamaServerProcess) -> tuple[str, ...]:
    return ("--url", f"unix:{served.socket}", "--key-env", "SERVED_KEY")


def test_all_sides_type_and_ours_sends_what_the_server_holds(served: LlamaServerProcess) -> None:
    process = fleet(*at(served), "--users", "2", "--seconds", "8", "--speed", "0.4", "--json", SERVED_KEY=served.key)
    out, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    result = json.loads(out)
    assert list(result["sides"]) == ["starcoder-lsp", "llama.vim", "Continue", "Tabby"]
    for side in result["sides"].values():
        assert side["keystrokes"] > 0
        assert side["asked"] == side["answered"] + side["too_late"] + side["failed"]
        assert side["failed"] == 0
        assert 0 < side["prompt_tokens"]["computed"] <= side["prompt_tokens"]["sent"]
    ours = result["sides"].pop("starcoder-lsp")
    assert ours["prompt_tokens"]["computed_per_key"] < 10
    # Theirs evaluate each suffix again; what they are superseded in counts only as far as it came.
    assert all(
        ours["prompt_tokens"]["computed"] * 4 < other["prompt_tokens"]["computed"] for other in result["sides"].values()
    )
    assert served.key not in out + error


def test_ctrl_c_ends_it_at_once(served: LlamaServerProcess) -> None:
    process = fleet(*at(served), "--users", "2", "--seconds", "600", "--side", "ours", SERVED_KEY=served.key)
    assert process.stderr is not None
    assert "users: 2; seconds" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--url", "http://127.0.0.1:9"), "cannot be reached"),
        (("--url", "ftp://127.0.0.1"), "http://, https:// or unix:/"),
        (("--url", "http://127.0.0.1:9", "--users", "0"), "--users must be above 0 and at most 1000, not 0."),
        (("--url", "http://127.0.0.1:9", "--trace", "/nonexistent.jsonl"), "cannot be read"),
    ],
)
def test_mistakes_are_sentences_and_status_2(arguments: tuple[str, ...], sentence: str) -> None:
    process = fleet(*arguments)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert sentence in error
    assert "Traceback" not in error


def test_help_teaches() -> None:
    out, _ = fleet("--help").communicate(timeout=60)
    assert "This is a load test" in out
    assert "docs/deploy.md" in out
