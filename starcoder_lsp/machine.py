"""Whether the machine has room for work that nobody waits for yet."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import psutil
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

_BUSY_SHARE = 0.85
_SAMPLE_S = 0.5
_LOW_BATTERY = 20


@define
class Machine:
    """Looks at what the other programs take of the processors, and at the battery, at most twice a second.

    `busy_share` is a share of all cores, 0 to 1: processor time that is neither idle nor our own.
    """

    busy_share: float = 0.0
    _cores: int = field(factory=lambda: os.cpu_count() or 1)
    _process: psutil.Process = field(factory=psutil.Process)
    _engine: int = 0
    _beside: psutil.Process | None = None
    """The process `_engine`, where it lives."""
    _at: float = 0.0
    _idle: float = 0.0
    _own: float = 0.0
    _low_battery: bool = False
    _unknown: set[str] = field(factory=set)
    """What this system could not tell, and is not asked again."""

    def has_room(self, *, busy_too: bool = False, engine: int = 0) -> bool:
        """Return whether the cores are not all taken by others (or `busy_too`), and the battery is not low.

        `engine`: number of the process that evaluates for this one, which is no other; 0 where there is none.
        """
        if engine != self._engine:
            self._count_with(engine)
        self._sample()
        return (busy_too or self.busy_share < _BUSY_SHARE) and not self._low_battery

    def _count_with(self, engine: int) -> None:
        self._engine, self._beside, self._at = engine, None, 0.0
        with suppress(psutil.Error):
            self._beside = psutil.Process(engine) if engine else None

    def _sample(self) -> None:
        now = time.monotonic()
        span = now - self._at
        if span < _SAMPLE_S:
            return
        self._at, since = now, self._at
        if (counters := self._ask("the processors' times", self._counters)) is not None:
            idle, own = counters
            if since > 0:
                total = span * self._cores
                self.busy_share = max(0.0, min(1.0, (total - (idle - self._idle) - (own - self._own)) / total))
            self._idle, self._own = idle, own
        self._low_battery = bool(self._ask("the battery", _battery_is_low))

    def _counters(self) -> tuple[float, float]:
        """Return the idle seconds of all cores, and our own."""
        times, own = psutil.cpu_times(), _seconds(self._process)
        if self._beside is not None:
            with suppress(psutil.NoSuchProcess):
                own += _seconds(self._beside)
        return times.idle + getattr(times, "iowait", 0.0), own

    def _ask(self, what: str, question: Callable[[], Answer]) -> Answer | None:
        """Return what psutil says; None where it raises, as it does where files of /proc or /sys are missing.

        Then nobody is kept from working by what is not known.
        """
        if what in self._unknown:
            return None
        try:
            return question()
        except Exception as error:
            self._unknown.add(what)
            log.info("This system does not tell %s; prefill goes on without.", what, exc_info=error)
            return None


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _battery_is_low() -> bool:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and not battery.power_plugged and battery.percent < _LOW_BATTERY
