"""The life of one offered suggestion, as the document and the editor's reports tell it. Pure.

A document's change says how much of the suggestion stands; a report says that a part of it was accepted. Either may
come first. Each character is counted once: as accepted if a report covers the change that brought it, else as typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import define, field

from starcoder_lsp.usage.record import Record

if TYPE_CHECKING:
    from starcoder_lsp.usage.record import Key

__all__ = ["Life", "Part"]

Part = Literal["whole", "word", "line"]

_TYPED, _ACCEPTED = 1, 2
_AT_ONCE = 8
"""So many characters that complete a suggestion in one change were accepted, whether or not the editor says so: some
editors never do, and nobody types them within one change."""


@define(eq=False)
class Life:
    """See the module. Positions are characters of the suggestion's text, with newlines."""

    key: Key
    at: int
    language: str
    model: str
    first_ms: float | None
    text: str = field(repr=False)
    stands: int = 0
    """How much of it stands in the document, from its start."""
    shown: bool = False
    whole: bool = False
    words: int = 0
    lines: int = 0
    dismissed: bool = False
    _labels: bytearray = field(factory=bytearray, repr=False)
    _steps: list[tuple[int, int]] = field(factory=list, repr=False)
    """What each change brought, as (start, end)."""
    _awaited: int = 0
    """A report said that it stands up to here, and the document does not show it yet."""
    _guessed: tuple[int, int] | None = None
    """What counts as accepted without a report."""

    def goes_with(self, text: str) -> bool:
        """Whether a text may be this one, as far as either is written."""
        return text.startswith(self.text) or self.text.startswith(text)

    def grows(self, text: str) -> None:
        """Take what has been written since."""
        if len(text) > len(self.text) and self.goes_with(text):
            self.text = text

    def reach(self, stands: int) -> tuple[int, int] | None:
        """Take from a change how much of it stands now. Return what was accepted by that change, as (start, end)."""
        before, self.stands = self.stands, stands
        if stands <= before:
            return None
        self._steps.append((before, stands))
        if before < self._awaited <= stands:
            until, self._awaited = self._awaited, 0
            self._label(before, stands, _TYPED)
            return before, until
        if stands == len(self.text) and stands - before >= _AT_ONCE:
            self._guessed = (before, stands)
            self.whole = self.shown = True
            self._label(before, stands, _ACCEPTED)
            return self._guessed
        self._label(before, stands, _TYPED)
        return None

    def accept(self, until: int, part: Part) -> tuple[int, int] | None:
        """Hear that it was accepted up to `until`. Return the accepted part if it stands already, as (start, end)."""
        until = min(until, len(self.text))
        step = next(((start, end) for start, end in reversed(self._steps) if start < until <= end), None)
        start = step[0] if step else min(self.stands, until)
        known = step is not None and step == self._guessed
        if known:
            self._guessed, self.whole = None, False
        elif self._labels[:until].count(_ACCEPTED, start) == until - start:
            return None
        self.shown = True
        self.whole |= part == "whole"
        self.words += part == "word"
        self.lines += part == "line"
        self._label(start, until, _ACCEPTED, over=step is not None)
        if step is None:
            self._awaited = until
        return None if known or step is None else (start, until)

    def show(self) -> None:
        """Hear that it is visible."""
        self.shown = True

    def dismiss(self) -> None:
        """Hear that the user dismissed it."""
        self.dismissed = True

    @property
    def record(self) -> Record:
        """What is to be kept of it."""
        accepted, typed = self._labels.count(_ACCEPTED), self._labels.count(_TYPED)
        return Record(
            key=self.key,
            at=self.at,
            language=self.language,
            model=self.model,
            first_ms=self.first_ms,
            offered=len(self.text),
            shown=self.shown,
            whole=self.whole,
            words=self.words,
            lines=self.lines,
            accepted=accepted,
            typed=typed,
            typed_through=typed == len(self.text),
            dismissed=self.dismissed,
        )

    def _label(self, start: int, end: int, label: int, *, over: bool = False) -> None:
        if len(self._labels) < end:
            self._labels.extend(bytes(end - len(self._labels)))
        for index in range(start, end):
            if over or not self._labels[index]:
                self._labels[index] = label
