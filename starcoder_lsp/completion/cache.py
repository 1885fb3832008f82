"""Suggestions already made: shown again while the user types through them, and when a backspace brings them back."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Hashable


@frozen
class Made:
    """A suggestion as it was made: for this text, at this offset, under these conditions."""

    conditions: Hashable
    """All else that the prompt depended on: model, settings, context."""
    text: str
    offset: int
    insert: str
    """What was shown; may be empty (the model had nothing to say here)."""
    complete: bool = True
    """False while the model is still writing."""
    logprob: float = 0.0
    """Mean log-probability of its tokens, natural log."""


@frozen
class Hit:
    """What is left of a suggestion at a new place."""

    made: Made
    rest: str


class SuggestionCache:
    """Remembers the last `size` suggestions of one document.

    The whole text in front of the cursor and behind it must be what it was (but for what was typed of the suggestion):
    the key covers at least what the prompt covered.
    """

    def __init__(self, size: int = 32) -> None:
        """Make an empty cache."""
        self._size = size
        self._made: OrderedDict[tuple[Hashable, int, int], Made] = OrderedDict()

    def put(self, made: Made) -> None:
        """Remember a suggestion; it replaces one made for the same place."""
        key = (made.conditions, made.offset, len(made.text))
        self._made.pop(key, None)
        self._made[key] = made
        while len(self._made) > self._size:
            self._made.popitem(last=False)

    def drop_incomplete(self) -> None:
        """Forget what the model did not finish: nobody will finish it now."""
        for key in [key for key, made in self._made.items() if not made.complete]:
            del self._made[key]

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()

    def find(self, conditions: Hashable, text: str, offset: int) -> Hit | None:
        """Return the suggestion that still holds at `offset` of `text`, or None.

        It holds where the text behind the cursor is the same and the text in front is what it was then, followed by
        the beginning of the suggestion (nothing of it: the user came back to the place).
        """
        behind = len(text) - offset
        for made in reversed(self._made.values()):
            typed = offset - made.offset
            if (
                made.conditions != conditions
                or not 0 <= typed <= len(made.insert)
                or len(made.text) - made.offset != behind
                or not text.startswith(made.insert[:typed], made.offset)
            ):
                continue
            if text[: made.offset] == made.text[: made.offset] and text[offset:] == made.text[made.offset :]:
                if typed == len(made.insert) and typed > 0:
                    continue  # typed to its end: time for a new one
                return Hit(made, made.insert[typed:])
        return None
