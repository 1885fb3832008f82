"""Suggestions already made: shown again while the user types through them, and when a backspace brings them back."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.cursor import Cursor, closers
from starcoder_lsp.completion.refine import refine

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
    """May be empty (the model had nothing to say here)."""
    complete: bool = True
    """False while the model is still writing."""
    logprob: float = 0.0
    """Mean log-probability of its tokens, natural log."""
    doubtful: bool = False
    """Shown only to a person who asks for a suggestion, not by itself."""
    identity: str = ""
    """Of the work that made it: the same for its first piece and the whole."""

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


@frozen
class Hit:
    """What is left of a suggestion at a new place."""

    made: Made
    rest: str


class SuggestionCache:
    """Remembers the last `size` suggestions of one document, fewer of a long one: each keeps the text alive.

    The whole text in front of the cursor and behind it must be what it was (but for what was typed of the suggestion):
    the key covers at least what the prompt covered.
    """

    def __init__(self, size: int = 32, max_chars: int = 16_000_000) -> None:
        """Make an empty cache."""
        self._size = size
        self._max_chars = max_chars
        self._made: OrderedDict[tuple[Hashable, int, int], Made] = OrderedDict()

    def put(self, made: Made) -> None:
        """Remember a suggestion; it replaces one made for the same place."""
        key = (made.conditions, made.offset, len(made.text))
        self._made.pop(key, None)
        self._made[key] = made
        while len(self._made) > max(1, min(self._size, self._max_chars // max(1, len(made.text)))):
            self._made.popitem(last=False)

    def drop_incomplete(self) -> None:
        """Forget what the model did not finish: nobody will finish it now."""
        for key in [key for key, made in self._made.items() if not made.complete]:
            del self._made[key]

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()

    def find(self, conditions: Hashable, text: str, offset: int, *, doubtful: bool = False) -> Hit | None:
        """Return the suggestion that still holds at `offset` of `text`, or None.

        It holds where the text behind the cursor is the same (but for brackets and quotes that the editor closed) and
        the text in front is what it was then, followed by the beginning of the suggestion (nothing of it: the user
        came back to the place). Unless `doubtful` ones are wanted, they are as if the model had had nothing to say.
        """
        for made in reversed(self._made.values()):
            if made.conditions != conditions:
                continue
            rest = made.rest(text, offset)
            nothing = not made.insert or (made.doubtful and not doubtful)
            if nothing and rest is not None and offset == made.offset:
                return Hit(made, "")  # it holds where it was made
            if rest and not nothing:  # typed to its end, it is time for a new one
                return Hit(made, rest)
        return None
