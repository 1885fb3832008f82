"""The requests of the client that are owed a response: the one place where "exactly one response" is counted."""

from __future__ import annotations

from collections import Counter

from attrs import define, field

Identity = str | int
"""What JSON-RPC allows as the id of a request."""


@define
class Pending:
    """Which ids are owed how many responses: a client may use one again before the first was answered."""

    _owed: Counter[Identity] = field(factory=Counter)

    def arrived(self, identity: Identity) -> None:
        """A request arrived: it is owed one response."""
        self._owed[identity] += 1

    def settle(self, identity: Identity) -> bool:
        """A response is about to be sent. False: none is owed, and it must not be."""
        if self._owed[identity] <= 0:
            del self._owed[identity]
            return False
        self._owed[identity] -= 1
        if not self._owed[identity]:
            del self._owed[identity]
        return True

    def owed(self) -> list[Identity]:
        """Return the ids that are owed a response, each as often as it is owed one."""
        return list(self._owed.elements())
