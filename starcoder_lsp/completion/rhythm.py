"""How long to wait after a keystroke before generating: by the user's rhythm and the model's speed."""

from __future__ import annotations

from attrs import define

_PAUSE_MS = 1_000.0
_WEIGHT = 0.25
_SLACK = 1.25
_NOTHING_MS = 10.0
"""An answer that takes less than this is cheaper than waiting."""


@define
class Rhythm:
    """Learns the time between keystrokes (pauses left out) as an exponential moving average, in ms."""

    interval_ms: float = 160.0
    _last_ms: float | None = None

    def key(self, now_ms: float) -> None:
        """Note a keystroke."""
        if self._last_ms is not None:
            gap = now_ms - self._last_ms
            if 0 < gap < _PAUSE_MS:
                self.interval_ms += _WEIGHT * (gap - self.interval_ms)
        self._last_ms = now_ms

    def wait_ms(self, now_ms: float, answer_ms: float, *, least: float, most: float, first_ms: float = 0.0) -> float:
        """Return how long to wait from now, in ms, between 0 and `most`.

        As long as an answer would take: then at most as much work is done in vain as time was spent waiting. But not
        longer than until the next key would have come; where work may be done ahead, less `first_ms`, so that by then
        the first piece is there. The time since the last key counts as waited. An answer that is there in next to no
        time is not waited for.
        """
        if answer_ms < _NOTHING_MS:
            answer_ms = 0.0
        wanted = max(least, min(most, answer_ms, self.interval_ms * _SLACK - first_ms))
        waited = now_ms - self._last_ms if self._last_ms is not None else wanted
        return max(0.0, min(most, wanted - waited))
