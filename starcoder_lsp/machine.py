"""Whether the machine has room for work that nobody waits for yet."""

from __future__ import annotations

import os
import time

import psutil
from attrs import define, field

_BUSY_SHARE = 0.85
_SAMPLE_S = 0.5
_LOW_BATTERY = 20


@define
class Machine:
    """Looks at what the other programs take of the processors, and at the battery, at most twice a second.

    `busy_share` is a share of all cores, 0 to 1: processor time that is neither idle nor this process's own.
    """

    busy_share: float = 0.0
    _cores: int = field(factory=lambda: os.cpu_count() or 1)
    _process: psutil.Process = field(factory=psutil.Process)
    _at: float = 0.0
    _idle: float = 0.0
    _own: float = 0.0
    _low_battery: bool = False

    def has_room(self) -> bool:
        """Return whether the cores are not all taken by others, and the battery is not low."""
        self._sample()
        return self.busy_share < _BUSY_SHARE and not self._low_battery

    def _sample(self) -> None:
        now = time.monotonic()
        span = now - self._at
        if span < _SAMPLE_S:
            return
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        own_times = self._process.cpu_times()
        own = own_times.user + own_times.system
        if self._at > 0:
            total = span * self._cores
            self.busy_share = max(0.0, min(1.0, (total - (idle - self._idle) - (own - self._own)) / total))
        self._at, self._idle, self._own = now, idle, own
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
        self._low_battery = battery is not None and not battery.power_plugged and battery.percent < _LOW_BATTERY
