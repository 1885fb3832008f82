"""Ends a generation of text where a model's control token, or half a character, comes through as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BROKEN: Final = "\ufffd"
"""What servers write for bytes that are no character: what follows is damaged."""


class ControlFilter:
    """Lets text pass up to the first of some spellings. What may be the beginning of one is held back."""

    def __init__(self, spellings: Iterable[str]) -> None:
        """Filter these, and U+FFFD."""
        self._spellings = (*spellings, _BROKEN)
        self._held = ""
        self.ended = False
        """Whether a spelling was found: nothing passes any more."""

    def feed(self, text: str) -> str:
        """Return what may pass of the text so far and was not returned yet."""
        if self.ended:
            return ""
        whole = self._held + text
        at = min((found for one in self._spellings if (found := whole.find(one)) >= 0), default=-1)
        if at >= 0:
            self.ended, self._held = True, ""
            return whole[:at]
        hold = max(
            (size for one in self._spellings for size in range(1, len(one)) if whole.endswith(one[:size])), default=0
        )
        self._held = whole[len(whole) - hold :]
        return whole[: len(whole) - hold]

    def rest(self) -> str:
        """Return what was held back, when the generation is over: it was no control token."""
        held, self._held = self._held, ""
        return held
