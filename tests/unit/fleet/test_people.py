"""People who type: each their own way, the same each time, on time whatever the server does."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from starcoder_lsp.bench.fleet.people import Figures, Pace, Person, typed
from starcoder_lsp.bench.fleet.report import one_side, table
from starcoder_lsp.bench.keystrokes import default_traces
from starcoder_lsp.bench.steps import Step, steps_of
from starcoder_lsp.bench.traces import read_trace
from starcoder_lsp.errors import EngineUnavailable

if TYPE_CHECKING:
    from starcoder_lsp.engine.base import CancelToken

TRACES = [steps_of(read_trace(path)) for path in default_traces()]
KEYS = [Step("key", at, "a.py", "python", "abc", 1, rest=False) for at in (0.0, 300.0, 320.0, 600.0)]


def test_times_go_on_and_nothing_is_accepted() -> None:
    for number in range(24):
        done = list(islice(typed(TRACES, number, 1.0), 500))
        assert [at for at, _ in done] == sorted(at for at, _ in done)
        assert all(step.kind != "accept" for _, step in done)


def test_each_has_a_way_of_their_own_and_keeps_it() -> None:
    ways = [
        [(at, step.path, step.offset) for at, step in islice(typed(TRACES, number, 1.0), 50)] for number in range(24)
    ]
    again = [(at, step.path, step.offset) for at, step in islice(typed(TRACES, 7, 1.0), 50)]
    assert ways[7] == again
    assert len({str(way) for way in ways}) == 24


@define(eq=False)
class Client:
    """Answers, waits until it is cancelled, or fails; notes what was asked of it."""

    how: str
    done: list[str] = field(factory=list)

    def ahead(self, _step: Step, _cancel: CancelToken) -> None:
        self.done.append("ahead")

    def ask(self, _step: Step, cancel: CancelToken) -> bool:
        self.done.append("ask")
        if self.how == "fails":
            raise EngineUnavailable("It is gone.")
        if self.how == "hangs":
            assert cancel._event.wait(60), "nobody cancelled"
            return False
        return True

    def rest(self, _step: Step, _cancel: CancelToken) -> None:
        self.done.append("rest")


async def type_with(client: Client, debounce_s: float) -> Figures:
    figures = Figures()
    with ThreadPoolExecutor() as threads:
        person = Person(0, client, Pace(1.0, debounce_s), figures, threads)  # type: ignore[arg-type]
        begin = asyncio.get_running_loop().time() - next(typed([KEYS], 0, 1.0))[0]
        await asyncio.wait_for(person.type([KEYS], begin, begin + 1.5), 60)
    return figures


@pytest.mark.parametrize("how", ["answers", pytest.param("hangs", marks=pytest.mark.slow), "fails"])
async def test_what_is_asked_is_answered_or_late_or_failed(how: str) -> None:
    client = Client(how)
    figures = await type_with(client, 0.0)
    assert figures.asked == client.done.count("ask") == figures.keys > 0
    counted = {"answers": len(figures.latency_ms), "hangs": figures.late, "fails": figures.failed}
    assert counted.pop(how) == figures.asked
    assert not any(counted.values())


@pytest.mark.slow
async def test_a_key_within_the_debounce_puts_the_question_off() -> None:
    client = Client("answers")
    await type_with(client, 10.0)
    assert client.done.count("ahead") > 0
    assert "ask" not in client.done


def test_a_side_without_metrics_says_so() -> None:
    figures = Figures(keys=2, asked=1, latency_ms=[12.0])
    side = one_side(figures, 2.0, sent=[100, 150], counts=[None] * 3, requests=2, opened_s=0.1)
    assert side["prompt_tokens"] == {"sent": 50, "computed": None, "sent_per_key": 25.0, "computed_per_key": None}
    assert side["suggestions_per_s"] == 0.5
    shown = table({"model": "nano", "users": 1, "seconds": 2.0, "sides": {"ours": side}})
    assert "-" in list(shown.columns[1].cells)
