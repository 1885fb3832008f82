"""The smaller benchmarks run, and say what is true of every machine: counts and shapes, never times."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.bench import busy, cancel, overhead
from starcoder_lsp.config import Settings
from starcoder_lsp.models.catalogue import SHIPPED, shipped_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shipped_model().is_file(), reason="the shipped model is not in this checkout"),
]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "starcoder_lsp", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_nothing_is_written_after_a_cancel() -> None:
    result = cancel.measure(Settings(), times=5)
    assert result["tokens_after"] <= 1
    assert set(result["prefill"]) == set(result["decode"]) == {"median", "p95", "most"}


def test_busy_measures_both_states() -> None:
    result = busy.measure(Settings(), seconds=0.4, burners=1)
    assert all(result[state][what] > 0 for state in ("idle", "busy") for what in ("decode", "prefill"))


def test_overhead_measures_every_size() -> None:
    result = asyncio.run(overhead.measure(SHIPPED, [50, 400], keys=5))
    assert list(result["lines"]) == ["50", "400"]
    assert {"decode_change", "change", "request", "end_to_end"} < set(result["lines"]["400"])


def test_a_restart_finds_what_was_kept_and_goes_on_as_if_it_had_read_it() -> None:
    result = json.loads(bench("restart", "--files", "1", "--json").stdout)
    openings, engine = result["openings"], result["engine"]
    assert openings["first time"]["evaluated"] > 1_000
    for name in ("after a restart", "after 1 other files"):
        assert openings[name]["evaluated"] < 100
    assert engine["same"] == engine["written"] > 0
    assert engine["differ"] < 1e-3


def test_a_bad_trace_is_a_sentence_and_status_2() -> None:
    done = bench("keystrokes", "--trace", "/nonexistent/trace.jsonl")
    assert done.returncode == 2
    assert "trace.jsonl: cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_teaches() -> None:
    assert "docs/keystrokes.md" in bench("keystrokes", "--help").stdout
    listed = bench("--help").stdout
    assert all(name in listed for name in ("keystrokes", "overhead", "cancel", "busy", "engines"))


def test_json_is_one_object(tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    events = [
        {"event": "open", "path": "a.py", "language": "python", "text": "def f(x):\n    return \n"},
        {"event": "change", "t_ms": 10, "range": [[1, 11], [1, 11]], "text": "x"},
        {"event": "request", "t_ms": 12, "position": [1, 12]},
    ]
    trace.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    result = json.loads(bench("keystrokes", "--json", "--trace", str(trace)).stdout)
    assert {"ours", "infill", "ratio", "model", "traces"} <= set(result)
    for side in ("ours", "infill"):
        assert {"evaluated", "to_suggestion_ms", "wasted_tokens"} <= set(result[side])
        assert set(result[side]["evaluated"]) == {"median", "p95", "total"}
        assert set(result[side]["to_suggestion_ms"]) == {"median", "p95"}
