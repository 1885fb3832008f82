"""What the slots hold, whose it is, and which is taken: the same rule in the process and in each window. Pure.

A slot that another window used last is taken only for a prompt of which it holds most: two windows would else cut off,
in turn, what the other one's next key needs. A prompt that finds little of itself anywhere goes to the slot that
nobody used for the longest time. The last slot is for quick prompts (`completer.planner`), and stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from starcoder_lsp.engine.base import common_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

LITTLE: Final = 16
"""A slot that shares fewer tokens with the prompt than this holds something else (`completion.choose`)."""
MOST: Final = 0.5
"""Of a prompt."""


@define
class Slot:
    """What a slot holds, and whether the window that asks used it last."""

    ids: Sequence[int] = ()
    mine: bool = True

    def worth(self, ids: Sequence[int]) -> int:
        """Return how many of `ids` the window that asks may reuse here."""
        common = common_prefix(ids, self.ids)
        return common if self.mine or common >= MOST * len(ids) else 0


@define(eq=False)
class Slots:
    """The process's view: all slots, their users, and the order of use."""

    holds: list[Sequence[int]]
    users: list[int]
    """Number of the window that used each last; 0 for none."""
    stalest: list[int]
    """The one used longest ago first."""

    @classmethod
    def empty(cls, count: int) -> Slots:
        """Return as many that hold nothing."""
        return cls([[] for _ in range(count)], [0] * count, list(range(count)))

    def seen_by(self, window: int, slot: int) -> Slot:
        """Return a slot as a window sees it."""
        return Slot(self.holds[slot], self.users[slot] in (0, window))

    def place(self, ids: Sequence[int], wanted: int, window: int) -> int:
        """Return the slot for a prompt of a window that planned for `wanted`.

        What it planned by may be outdated: another window may have asked meanwhile.
        """
        last = len(self.holds) - 1
        if wanted == last or self.seen_by(window, wanted).worth(ids) >= min(LITTLE, len(ids)):
            return wanted
        full = [slot for slot in self.stalest if slot != last]
        return next((slot for slot in full if common_prefix(ids, self.holds[slot]) >= MOST * len(ids)), full[0])

    def used(self, slot: int, window: int, holds: Sequence[int]) -> None:
        """Note what a slot holds now, and by whom."""
        self.holds[slot] = holds
        self.users[slot] = window
        self.stalest.remove(slot)
        self.stalest.append(slot)

    def left(self, window: int) -> None:
        """Note that a window has gone: what it warmed is anybody's."""
        self.users = [0 if user == window else user for user in self.users]
