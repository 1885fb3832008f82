"""Suggestions already made: shown again while the user types through them, and when a backspace brings them back."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from starcoder_lsp.completion.cursor import Cursor, closers
from starcoder_lsp.completion.refine import refine

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator


@frozen
class Suggestion:
    """A suggestion as it was made: for this text, at this offset, under these conditions."""

    conditions: Hashable
    """All else that it depends on: model and settings. (Neighbours: `context_key`.)"""
    text: str
    offset: int
    insert: str
    """May be empty (the model had nothing to say here)."""
    others: tuple[str, ...] = ()
    """What may be inserted instead."""
    withheld: bool = False
    """Empty because the model was not sure enough."""
    by_hand: bool = False
    """Asked for by hand: with a bolder gate, and others."""
    identity: str = ""
    """Of the work that made it: the same for its first piece and the whole."""
    quick: bool = False
    """Made from a few lines: the full window was not ready."""
    context_key: str = ""
    """Of the neighbours that were in the prompt."""
    fills: int = 0
    """How often the document's window had been filled when it was asked for."""
    model: str = ""
    """Who made it, where there are several."""

    @property
    def variants(self) -> Iterator[Suggestion]:
        """It, and each of the others as a suggestion of its own."""
        yield self
        for other in self.others:
            yield evolve(self, insert=other, others=tuple(one for one in self.others if one != other))

    def rest(self, text: str, offset: int) -> str | None:
        """Return what is left of it where `text` is what it was with a part of it typed in, up to `offset`; else None.

        Behind the cursor may stand what an editor closes by itself (`foo(▌)`): then the rest goes without that.
        """
        typed = offset - self.offset
        closed = len(text) - len(self.text) - typed
        if not (  # cheap tests first
            0 <= typed <= len(self.insert)
            and 0 <= closed <= typed
            and text.startswith(self.insert[:typed], self.offset)
            and text.endswith(self.text[self.offset :])
            and text.startswith(self.text[: self.offset])
        ):
            return None
        rest = self.insert[typed:]
        if not closed:
            return rest
        if text[offset : offset + closed] != closers(self.insert[:typed]):
            return None
        return refine(rest, Cursor.at(text, offset)) or None


class SuggestionCache:
    """Remembers the last `size` finished suggestions of one document, fewer of a long one: each keeps the text alive.

    The whole text in front of the cursor and behind it must be what it was (but for what was typed of the suggestion):
    the key covers at least what the prompt covered.
    """

    def __init__(self, size: int = 32, max_chars: int = 16_000_000) -> None:
        """Make an empty cache."""
        self._size = size
        self._max_chars = max_chars
        self._made: OrderedDict[tuple[Hashable, int, int], Suggestion] = OrderedDict()

    def put(self, made: Suggestion) -> None:
        """Remember a suggestion; it replaces one made for the same place."""
        key = (made.conditions, made.offset, len(made.text))
        self._made.pop(key, None)
        self._made[key] = made
        while len(self._made) > max(1, min(self._size, self._max_chars // max(1, len(made.text)))):
            self._made.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()

    def find(
        self,
        conditions: Hashable,
        text: str,
        offset: int,
        *,
        by_hand: bool = False,
        outdated: Callable[[Suggestion], bool] = lambda _made: False,
    ) -> tuple[Suggestion, str] | None:
        """Return the suggestion that still holds at `offset` of `text`, and what is left of it there; or None.

        It holds where the text behind the cursor is the same (but for brackets and quotes that the editor closed) and
        the text in front is what it was then, followed by the beginning of the suggestion (nothing of it: the user
        came back to the place). With `by_hand`, only one that was asked for by hand does. `outdated` ones hold only
        while they are typed through: the user sees them, and a better one would flicker.
        """
        for made in reversed(self._made.values()):
            if made.conditions != conditions or (by_hand and not made.by_hand):
                continue
            if offset == made.offset and outdated(made):
                continue
            for variant in made.variants:
                rest = variant.rest(text, offset)
                if rest or (rest is not None and offset == made.offset):  # typed to its end, it is time for a new one
                    return variant, rest
        return None
