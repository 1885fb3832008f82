"""Progress on stderr, for whatever takes longer than two seconds."""

from __future__ import annotations

import sys
import time

from attrs import define, field

_PATIENCE_S = 2.0
_EVERY_S = 0.5
_EVERY_LOG_S = 15.0


@define
class Progress:
    """Steps of a known number: a line that is written over on a terminal, now and then a line elsewhere."""

    title: str
    total: int
    done: int = 0
    _started: float = field(factory=time.monotonic)
    _written: float = 0.0

    def step(self, count: int = 1) -> None:
        """Some steps are done."""
        self.done += count
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self._started < _PATIENCE_S or now - self._written < (_EVERY_S if terminal else _EVERY_LOG_S):
            return
        self._written = now
        left = (now - self._started) / max(1, self.done) * (self.total - self.done)
        line = f"{self.title}: {self.done} of {self.total}, about {left:.0f} s left"
        sys.stderr.write(f"\r\x1b[K{line}" if terminal else f"{line}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._written and sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
