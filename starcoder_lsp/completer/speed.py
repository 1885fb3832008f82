"""How fast the engine is on this machine, measured by what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from starcoder_lsp.engine.base import CancelToken, Engine, Evaluation

if TYPE_CHECKING:
    from collections.abc import Sequence

_WEIGHT = 0.3
_SAMPLE = 8
"""Evaluations of fewer tokens say little about speed."""
_TELLING_MS = 200.0
"""Nor do shorter ones say much: other programs and the cost of a call are most of what they measure."""
_LONG_MS = 50.0
_LONGER = 31
"""How many times a text of a few dozen tokens makes a prompt that takes a while to read."""


@define
class Speed:
    """Measured speeds in tokens a second, as exponential moving averages. The first values come from the load."""

    prefill: float = 200.0
    decode: float = 20.0

    def saw(self, evaluation: Evaluation, generated: int = 0, decode_ms: float = 0.0) -> None:
        """Take a measurement."""
        if evaluation.evaluated >= _SAMPLE and evaluation.ms > 0:
            weight = _WEIGHT * min(1.0, evaluation.ms / _TELLING_MS)
            self.prefill += weight * (evaluation.evaluated / evaluation.ms * 1e3 - self.prefill)
        if generated > 1 and decode_ms > 0:
            self.decode += _WEIGHT * ((generated - 1) / decode_ms * 1e3 - self.decode)


def measure(engine: Engine, ids: Sequence[int]) -> Speed:
    """Return the speeds of a freshly loaded engine, from one short prompt (it also warms the caches of the machine).

    `ids` is any text of a few dozen tokens. Where those take next to no time, they say little, and ever longer pieces
    of a prompt are read until one takes a twentieth of a second. None is cancelled: the engine is at rest afterwards.
    """
    slot = engine.info.slots - 1
    outcome = engine.generate(ids, slot=slot, max_tokens=4, on_token=lambda _token: False, cancel=CancelToken())
    speed = Speed()
    read, size = outcome.prefill, len(ids)
    longer = [*ids[::-1], *(list(ids) * _LONGER)][: engine.info.context_window // 2]
    while 0 < read.ms < _LONG_MS and size < len(longer):
        size *= 2
        piece = engine.prefill(longer[:size], slot=slot, cancel=CancelToken())
        if piece.evaluated < len(ids):
            break
        read = piece
    if read.ms > 0:
        speed.prefill = read.evaluated / read.ms * 1e3
    if outcome.generated > 1 and outcome.decode_ms > 0:
        speed.decode = (outcome.generated - 1) / outcome.decode_ms * 1e3
    return speed
