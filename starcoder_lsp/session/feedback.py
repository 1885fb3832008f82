"""What became of suggestions: shown, accepted, partly accepted, rejected."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from starcoder_lsp.completion.cache import Made

_REMEMBERED = 256


@define
class Feedback:
    """Counts what the editor reports, and remembers the last suggestions by the id that the editor knows."""

    counts: dict[str, int] = field(factory=lambda: dict.fromkeys(("show", "accept", "acceptPartial", "reject"), 0))
    _offered: OrderedDict[str, tuple[str, Made]] = field(factory=OrderedDict)

    def offered(self, identity: str, uri: str, made: Made) -> None:
        """Remember a suggestion that was given to the editor under this id."""
        self._offered[identity] = (uri, made)
        while len(self._offered) > _REMEMBERED:
            self._offered.popitem(last=False)

    def hear(self, event: str, identity: str) -> tuple[str, Made] | None:
        """Count an event; return the suggestion's document and text, if it is still remembered."""
        self.counts[event] += 1
        return self._offered.pop(identity, None) if event in ("accept", "reject") else self._offered.get(identity)
