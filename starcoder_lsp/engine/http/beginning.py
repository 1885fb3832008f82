"""How a generation begins with a text that it must begin with, where the server cannot see to that.

The model writes freely while it keeps to the text. Where it does not, it is made to go on with the likeliest token that
does. While a word is typed, the prompt in front of it stays the same, and so do the likeliest tokens behind it: they
are remembered, so that the server need not be asked for them, and a key costs it one evaluation and not three.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from starcoder_lsp.engine.likely import keeps_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.engine.base import OnToken, Token
    from starcoder_lsp.engine.http.run import Known

_PLACES: Final = 64


class Beginnings:
    """Finds the tokens that keep to a text: those that begin with it, and those that it begins with."""

    def __init__(self, pieces: Sequence[bytes], end_ids: frozenset[int]) -> None:
        """Sort the vocabulary's pieces, once: some 20 ms for 50,000."""
        usable = [(piece, token) for token, piece in enumerate(pieces) if piece and token not in end_ids]
        self._sorted = sorted(usable)

    def fitting(self, text: bytes) -> list[int]:
        """Return the tokens that may be written where `text` must be."""
        found = []
        for length in range(1, len(text)):
            found += self._within(text[:length], exactly=True)
        return found + self._within(text, exactly=False)

    def _within(self, text: bytes, *, exactly: bool) -> list[int]:
        at, found = bisect_left(self._sorted, (text, -1)), []
        while at < len(self._sorted) and self._sorted[at][0].startswith(text):
            piece, token = self._sorted[at]
            if exactly and piece != text:
                break
            found.append(token)
            at += 1
        return found


class Places:
    """Remembers the likeliest tokens behind prompts, as the server told them."""

    def __init__(self, end_ids: frozenset[int]) -> None:
        """`end_ids` end a generation, so nothing begins with one."""
        self._end_ids = end_ids
        self._known: OrderedDict[tuple[int, ...], list[Known]] = OrderedDict()

    def note(self, prompt: Sequence[int], likeliest: Sequence[Known]) -> None:
        """Remember what may follow a prompt."""
        usable = [one for one in likeliest if one[1] and one[0] not in self._end_ids]
        self._known[tuple(prompt)] = sorted(usable, key=lambda one: -one[2])
        self._known.move_to_end(tuple(prompt))
        while len(self._known) > _PLACES:
            self._known.popitem(last=False)

    def behind(self, prompt: Sequence[int]) -> list[Known] | None:
        """Return what may follow a prompt, the likeliest first; None where that is not known."""
        return self._known.get(tuple(prompt))

    def forget(self) -> None:
        """The server may be another one by now."""
        self._known.clear()


class Guard:
    """Lets tokens pass that keep to a text, until that is written; ends the generation at one that does not."""

    def __init__(self, rest: bytes, on_token: OnToken) -> None:
        """`rest`: the text; what is written of it is taken off."""
        self.rest = rest
        self.taken: list[int] = []
        """Tokens that passed."""
        self.strayed = False
        self.ended = False
        """Whoever takes the tokens wants no more."""
        self._on_token = on_token

    def take(self, token: Token) -> bool:
        """Take one token; True ends the generation."""
        if self.rest:
            if not keeps_to(self.rest, token.piece):
                self.strayed = True
                return True
            self.rest = self.rest[len(token.piece) :]
        self.taken.append(token.id)
        self.ended = self._on_token(token)
        return self.ended
