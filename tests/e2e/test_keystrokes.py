"""What a keystroke costs, counted in tokens (never in time), with the model that ships and the real server process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.bench.keystrokes import Plan, default_traces, measure
from starcoder_lsp.bench.steps import steps_of
from starcoder_lsp.bench.traces import read_trace
from starcoder_lsp.loading import read_model
from starcoder_lsp.models.catalogue import SHIPPED, shipped_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shipped_model().is_file(), reason="the shipped model is not in this checkout"),
]

SPEED = 6.0


def replay(*numbers: int, sides: tuple[str, ...], most_keys: int | None = None) -> dict[str, Any]:
    by_number = {int(path.name[:2]): path for path in default_traces()}
    paths: list[Path] = [by_number[number] for number in numbers]
    traces = [(path.stem, steps_of(read_trace(path), most_keys=most_keys)) for path in paths]
    plan = Plan(SHIPPED, read_model(shipped_model()), traces, sides, speed=SPEED)
    return asyncio.run(measure(plan))


def test_typing_evaluates_what_was_typed() -> None:
    result = replay(1, 3, 5, 6, 12, sides=("ours",), most_keys=45)
    evaluated = result["ours"]["evaluated"]
    assert evaluated["median"] <= 2
    assert evaluated["p95"] <= 8
    assert result["ours"]["suggestions"]["waited_for"] > result["ours"]["suggestions"]["none"]


def test_a_typing_trace_beside_infill() -> None:
    result = replay(1, sides=("ours", "infill"), most_keys=25)
    assert result["ratio"]["evaluated_median"] >= 100
    ours, infill = result["ours"]["prompt"], result["infill"]["prompt"]
    assert ours["before"] >= infill["before"]
    assert ours["after"] >= infill["after"]


@pytest.mark.timeout(1200)  # 700 keystrokes on two servers
def test_mixed_traces_beside_infill() -> None:
    result = replay(9, 10, sides=("ours", "infill"))
    assert result["ratio"]["evaluated_total"] >= 5


def test_two_files_in_turn_keep_their_windows() -> None:
    """Going back to a file finds its window in a slot of its own."""
    evaluated = replay(11, sides=("ours",))["ours"]["evaluated"]
    assert evaluated["p95"] <= 8
    assert evaluated["total"] < 1_500
