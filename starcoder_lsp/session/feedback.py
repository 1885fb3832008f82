"""What became of suggestions: shown, accepted, partly accepted, rejected."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from starcoder_lsp.completion.cache import Suggestion

_REMEMBERED = 256


@frozen
class Offered:
    """A suggestion that an editor was given. Not its document's text: 256 of those would be memory for nothing."""

    uri: str
    offset: int
    insert: str
    making: str
    """Of which it is a piece, the whole, or the rest."""


@define
class Feedback:
    """Counts what the editor reports, and remembers the last suggestions by the id that the editor knows."""

    counts: dict[str, int] = field(factory=lambda: dict.fromkeys(("show", "accept", "acceptPartial", "reject"), 0))
    characters: int = 0
    """Accepted, whole or in parts."""
    _offered: OrderedDict[str, Offered] = field(factory=OrderedDict)
    _taken: dict[str, int] = field(factory=dict)
    """Accepted characters of those of which parts were accepted."""

    def is_new(self, making: str) -> bool:
        """Whether nothing of a making was given to the editor yet."""
        return all(one.making != making for one in reversed(self._offered.values()))

    def offered(self, identity: str, uri: str, made: Suggestion) -> None:
        """Remember a suggestion that was given to the editor under this id."""
        self._offered[identity] = Offered(uri, made.offset, made.insert, made.identity)
        while len(self._offered) > _REMEMBERED:
            self._taken.pop(self._offered.popitem(last=False)[0], None)

    def hear(self, event: str, identity: str, length: int = 0) -> Offered | None:
        """Count an event; return the suggestion if it is still remembered.

        `length`: for a part, the accepted characters counted from the suggestion's start.
        """
        self.counts[event] += 1
        known = self._offered.get(identity)
        if known is None:
            return None
        if event in ("accept", "acceptPartial"):
            taken = len(known.insert) if event == "accept" else min(length, len(known.insert))
            before = self._taken.get(identity, 0)
            self.characters += max(0, taken - before)
            self._taken[identity] = max(before, taken)
        if event in ("accept", "reject"):
            del self._offered[identity]
            self._taken.pop(identity, None)
        return known
