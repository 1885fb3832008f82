"""Where a suggestion ends because the model is not sure any more.

Tokens are taken one by one. The joint probability of what they wrote, the product of their probabilities from the
cursor on, can only fall: once it is under the threshold, it stays there. So the cut is known while the text is still
being written, and what stands in front of it is final. A mean over the tokens, which servers commonly use, forgives one
bad token among many good ones.
"""

from __future__ import annotations

import math

from attrs import define, field, frozen


@frozen
class Gate:
    """What is let through: `least` is the least joint probability, 0 to 1, of what is shown; 0 shows everything."""

    least: float = 0.0
    something: bool = False
    """Asked for by hand: however unsure the model is, its text is shown up to the first complete point."""

    @property
    def later(self) -> float:
        """The same for each line behind the first, which begins anew: people take lines one by one."""
        return math.sqrt(self.least)

    @property
    def open(self) -> bool:
        """Whether it shows everything."""
        return self.least <= 0.0


OPEN = Gate()


@define
class Passage:
    """One text on its way through a gate."""

    gate: Gate = OPEN
    closed_at: int | None = field(default=None, init=False)
    """How many characters stand in front of the token that took the joint probability under the threshold."""
    _sums: list[tuple[int, float]] = field(factory=list, init=False)
    """(characters in front of a token, natural log of the joint probability of all up to and with it)"""
    _line: float = field(default=0.0, init=False)
    """Natural log of the joint probability of the line that is being written."""
    _least: float = field(init=False)
    """Its least."""

    def __attrs_post_init__(self) -> None:
        """Begin with the first line."""
        self._least = self.gate.least

    def take(self, before: int, text: str, logprob: float) -> bool:
        """Take a token that stands behind `before` characters of `text` and ends it; True once the gate is closed.

        `logprob`: its natural-log probability.
        """
        self._sums.append((before, (self._sums[-1][1] if self._sums else 0.0) + logprob))
        line_end = text.find("\n", max(0, before))
        if line_end >= 0 and text[:line_end].strip():
            self._line, self._least = 0.0, self.gate.later
        self._line += logprob
        if self.closed_at is None and not self.gate.open and self._line < math.log(self._least):
            self.closed_at = max(0, before)
        return self.closed_at is not None

    def end_at(self, length: int) -> None:
        """Show `length` characters, whatever was decided."""
        self.closed_at = length

    def joint(self, length: int) -> float:
        """Return the joint probability of the tokens that wrote the first `length` characters; 1 for none."""
        total = 0.0
        for before, joint in self._sums:
            if before >= length:
                break
            total = joint
        return math.exp(total)
