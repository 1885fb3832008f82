"""The text around a cursor as a prompt may hold it: lines that look like secrets are emptied.

The cursor's own line is never changed, or a suggestion would not continue what stands there; whether it looks like a
secret is said, and nothing is suggested in it then. What stands before and behind that line stays the same while a
person types in it, so it is looked through once; only the lines next to it are, with it, at every keystroke, for what
spans several lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.repository.secrets import secret_lines, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Hider", "Sight"]

_REACH: Final = 200_000
"""Characters on each side that are looked through: more than any window holds."""
_NEAR: Final = 2_000
"""The same, at every keystroke: a key in a block of lines, a literal on the next line."""


@frozen
class Sight:
    """What may be seen at a place."""

    place: Place
    """In the text without secrets; the very same where there are none."""
    secret: bool
    """Whether the cursor's line looks like a secret, or is a part of one."""


@define(eq=False)
class Hider:
    """Remembers what it looked through last, for one document."""

    _before: _Seen = field(factory=lambda: _Seen(without_secrets))
    _behind: _Seen = field(factory=lambda: _Seen(without_secrets))
    _last: tuple[Place, Sight] | None = None

    def at(self, place: Place) -> Sight:
        """Look at a place. What is asked of the same place again, by prefill and request, costs nothing more."""
        if self._last is None or self._last[0] != place:
            self._last = (place, self._look(place))
        return self._last[1]

    def _look(self, place: Place) -> Sight:
        text, offset = place.text, place.offset
        start, end = _line(text, offset)
        first = _line(text, max(0, start - _REACH))[0] if start > _REACH else 0
        last = min(len(text), end + _REACH)
        before, behind = text[first:start], text[end:last]
        shown_before, shown_behind = self._before.of(before), self._behind.of(behind)
        above, secret, below = _near(text, offset)
        shown_before = _emptied(shown_before, above)
        shown_behind = _emptied(shown_behind, below)
        if shown_before is before and shown_behind is behind:
            return Sight(place, secret)
        whole = f"{text[:first]}{shown_before}{text[start:end]}{shown_behind}{text[last:]}"
        return Sight(Place(whole, offset + len(shown_before) - len(before), place.path), secret)


def _near(text: str, offset: int) -> tuple[list[int], bool, list[int]]:
    """Return which lines above and below the cursor's are secret, counted away from it (-1, 1), and whether it is."""
    start, end = _line(text, offset)
    first, last = _line(text, max(0, start - _NEAR))[0], _line(text, min(len(text), end + _NEAR))[1]
    here = text.count("\n", first, start)
    found = [line - here for line in secret_lines(text[first:last])]
    return [one for one in found if one < 0], 0 in found, [one for one in found if one > 0]


def _emptied(text: str, lines: list[int]) -> str:
    """Return a text with some lines emptied: those above the cursor count from its end (-1), those below from 0."""
    if not lines:
        return text
    parts = text.split("\n")
    for line in lines:
        # The text before ends with a newline, that behind begins with one: both have an empty part there.
        at = line - 1 if line < 0 else line
        if -len(parts) <= at < len(parts):
            parts[at] = ""
    joined = "\n".join(parts)
    return text if joined == text else joined


@define(eq=False)
class _Seen:
    hide: Callable[[str], str]
    text: str = ""
    shown: str = ""

    def of(self, text: str) -> str:
        """Return a text without its secrets; the same object where there are none."""
        if text != self.text:
            shown = self.hide(text)
            self.text, self.shown = text, shown
        return text if self.shown == self.text else self.shown


def _line(text: str, offset: int) -> tuple[int, int]:
    """Return where the line at an offset starts and ends, without its line end."""
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end
