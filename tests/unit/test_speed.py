"""How the speeds of an engine are measured: by whole pieces, so that nothing is under way afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.completer.speed import measure
from starcoder_lsp.engine.base import CancelToken, EngineInfo, Evaluation, Generation, common_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

IDS = list(range(30))
WINDOW = 4096


class _Clockwork:
    """Evaluates a prompt's new ids at a fixed speed, in tokens a second; a cancel would leave it at work."""

    def __init__(self, speed: float) -> None:
        self.info = EngineInfo("clockwork", WINDOW, 2, "", process=0)
        self.prefills: list[list[int]] = []
        self._held: list[int] = []
        self._speed = speed

    def _evaluate(self, ids: Sequence[int], cancel: CancelToken) -> Evaluation:
        assert type(cancel) is CancelToken, "one that nothing cancels"
        cached = common_prefix(ids, self._held)
        self._held = list(ids)
        new = len(ids) - cached
        return Evaluation(cached=cached, evaluated=new, ms=new / self._speed * 1e3, completed=True)

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        del slot
        self.prefills.append(list(ids))
        return self._evaluate(ids, cancel)

    def generate(self, ids: Sequence[int], *, cancel: CancelToken, **_more: object) -> Generation:
        return Generation(self._evaluate(ids, cancel), 4, 3 / 20 * 1e3, "length")


@pytest.mark.parametrize("speed", [50, 500, 5_000, 50_000, 5_000_000])
def test_the_speeds_are_those_of_the_engine(speed: float) -> None:
    engine: Any = _Clockwork(speed)
    measured = measure(engine, IDS)
    assert measured.prefill == pytest.approx(speed)
    assert measured.decode == pytest.approx(20)


def test_a_slow_engine_reads_one_prompt_and_a_fast_one_ever_longer_ones() -> None:
    slow: Any = _Clockwork(50)
    measure(slow, IDS)
    assert slow.prefills == []
    fast: Any = _Clockwork(2_000)
    measure(fast, IDS)
    assert [len(ids) for ids in fast.prefills] == [60, 120, 240]  # 120 new ones take 60 ms
    endless: Any = _Clockwork(5_000_000)
    measure(endless, IDS)
    assert [len(ids) for ids in endless.prefills] == [60, 120, 240, 480, 32 * len(IDS)]


def test_what_the_engine_had_already_says_nothing() -> None:
    engine: Any = _Clockwork(5_000_000)
    measure(engine, IDS)
    engine._held = [*IDS[::-1], *IDS * 31]  # as a server that caches prompts since the last start
    assert measure(engine, IDS).prefill == pytest.approx(5_000_000)
