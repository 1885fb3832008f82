"""Which kept state shares most with a prompt.

Packed ids in order: the one that shares the longest beginning with a prompt stands next to where the prompt would. So
a look takes some microseconds, whatever their number.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from starcoder_lsp.engine.base import common_prefix
from starcoder_lsp.engine.states.sealed import ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Index:
    """The packed ids of the states that there are. For one thread at a time."""

    def __init__(self) -> None:
        """Begin empty."""
        self._sorted: list[bytes] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sorted)

    def __iter__(self) -> Iterator[bytes]:
        """Go through a copy."""
        return iter(tuple(self._sorted))

    def set(self, known: Iterable[bytes]) -> None:
        """Take these in place of all."""
        self._sorted = sorted(set(known))

    def add(self, ids: bytes) -> None:
        """Take one more."""
        if ids not in self:
            insort(self._sorted, ids)

    def remove(self, ids: bytes) -> None:
        """Forget one, if it is there."""
        if ids in self:
            del self._sorted[bisect_left(self._sorted, ids)]

    def __contains__(self, ids: object) -> bool:
        """Whether exactly these are there."""
        if not isinstance(ids, bytes):
            return False
        at = bisect_left(self._sorted, ids)
        return at < len(self._sorted) and self._sorted[at] == ids

    def longest(self, ids: bytes) -> tuple[bytes, int]:
        """Return the state that shares most with `ids`, and how many ids that is; (b"", 0) where none shares any."""
        at = bisect_left(self._sorted, ids)
        best, most = b"", 0
        for one in self._sorted[max(0, at - 1) : at + 1]:
            shared = common_prefix(one, ids) // ID_BYTES
            if shared > most:
                best, most = one, shared
        return best, most
