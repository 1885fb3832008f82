"""When a server is asked again that failed: it is left alone for as long as it asks, else for longer each time."""

from __future__ import annotations

from typing import Final

from attrs import define

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0


@define
class Health:
    """One server's. Times are in seconds of any clock that does not go back."""

    failures: int = 0
    """In a row."""
    _again_at: float = 0.0

    def wait(self, now: float) -> float:
        """Return for how many seconds it should still be left alone; 0: it may be asked."""
        return max(0.0, self._again_at - now)

    def failed(self, now: float, asked: float | None = None) -> None:
        """Note a failure; `asked`: for how long the server wants to be left alone."""
        self.failures += 1
        own = min(_LONGEST_S, _FIRST_S * 2.0 ** min(self.failures - 1, 10))
        self._again_at = max(self._again_at, now + (own if asked is None else asked))

    def well(self) -> None:
        """Note that it answered."""
        self.failures = 0
        self._again_at = 0.0
