"""Where a slot's cache can be cut: anywhere, but in recurrent models only at llama.cpp's checkpoints.

A recurrent layer has one state, that of the last token. llama.cpp's server keeps copies of it: as measured, one four
tokens in front of the end of each prompt that it evaluates, or where that evaluation began if it was shorter. What a
later prompt does not share from there on ends the copies behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starcoder_lsp.engine.base import common_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

_IN_FRONT_OF_END: Final = 4
_MOST: Final = 8
"""Of those remembered; the server keeps 32."""


class Checkpoints:
    """Of one slot. All positions are counts of ids from the start."""

    def __init__(self, *, cuts_anywhere: bool) -> None:
        """`cuts_anywhere`: there are none, and none are needed."""
        self._cuts_anywhere = cuts_anywhere
        self._positions: list[int] = []
        self._exact = True  # whether the state is that of the slot's last known id

    def reusable(self, ids: Sequence[int], cached: Sequence[int]) -> int:
        """Return how many of `ids` need not be evaluated where the slot holds `cached`.

        A generation evaluates the last of them in any case: what ends where the slot ends has to be cut too.
        """
        common = common_prefix(ids, cached)
        if self._cuts_anywhere or (self._exact and common == len(cached) < len(ids)):
            return common
        return max((position for position in self._positions if position <= min(common, len(ids) - 1)), default=0)

    def evaluated(self, start: int, length: int, *, whole: bool, generated: bool) -> None:
        """Note that a prompt of `length` ids was evaluated from `start` on.

        `whole`: it was not ended early. If it was, or something was `generated` behind it, the slot may hold more than
        is known.
        """
        self._exact = whole and not generated
        kept = [position for position in self._positions if position <= start]
        if whole:
            kept.append(max(start, length - _IN_FRONT_OF_END))
        self._positions = sorted(set(kept))[-_MOST:]

    def lost(self) -> None:
        """Note that the slot holds nothing any more."""
        self._positions = []
