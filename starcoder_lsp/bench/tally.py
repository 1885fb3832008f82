"""What a replay costs: prompt tokens by keystroke, waits, and tokens that nobody used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.bench.steps import Step


@frozen
class Shown:
    """A suggestion on the screen: `text` at `offset` of a file whose text was `file`."""

    text: str
    path: str
    offset: int
    file: str = field(repr=False)


@define
class Used:
    """Finds out how much of what was shown was typed or accepted, in characters of it."""

    texts: list[str] = field(factory=list)
    """The parts that were used."""
    shown: Shown | None = None
    _length: int = 0

    def show(self, shown: Shown | None) -> None:
        """Something else is on the screen now. The rest of the same suggestion counts as the same."""
        old = self.shown
        if old is not None and shown is not None and shown.path == old.path:
            typed = shown.offset - old.offset
            if 0 <= typed <= self._length and old.text[typed:] == shown.text:
                return
        self.hide()
        self.shown = shown

    def hide(self) -> None:
        """Nothing is shown any more: note what was used."""
        if self.shown is not None and self._length:
            self.texts.append(self.shown.text[: self._length])
        self.shown, self._length = None, 0

    def moved(self, path: str, text: str, offset: int) -> None:
        """The file and the cursor are so now: note how far the suggestion was typed, or that it is gone."""
        shown = self.shown
        if shown is None:
            return
        typed = offset - shown.offset
        holds = (
            path == shown.path
            and 0 <= typed <= len(shown.text)
            and text[: shown.offset] == shown.file[: shown.offset]
            and text[shown.offset : offset] == shown.text[:typed]
        )
        if holds:
            self._length = max(self._length, typed)
        else:
            self.hide()

    def current(self, path: str, offset: int) -> str:
        """Return what is left to accept at a place; empty where nothing is shown there."""
        shown = self.shown
        if shown is None or shown.path != path or offset < shown.offset:
            return ""
        return shown.text[offset - shown.offset :]


@define
class Tally:
    """The costs of one side, over all traces."""

    by_key: list[int] = field(factory=list)
    """Prompt tokens evaluated from a keystroke to the next one."""
    opening: list[int] = field(factory=list)
    """Prompt tokens evaluated for each file opened, before its first keystroke."""
    opening_ms: list[float] = field(factory=list)
    """From opening a file to the first answer in it."""
    waits_ms: list[float] = field(factory=list)
    """From the last keystroke (or jump) to the answer, at each rest; "nothing to suggest" is an answer."""
    without: int = 0
    """Rests and openings at which nothing was suggested."""
    generated: int = 0
    used_texts: list[str] = field(factory=list)
    prompts: list[Prompted] = field(factory=list)
    """Prompts at rests: how much of the file they hold."""
    _bucket: str = "opening"

    def begin(self, step: Step) -> None:
        """A step begins: what is evaluated from now on is its cost (a jump's is its keystroke's)."""
        if step.kind == "open":
            self.opening.append(0)
            self._bucket = "opening"
        elif step.kind in ("key", "accept"):
            self.by_key.append(0)
            self._bucket = "key"

    def evaluated(self, tokens: int) -> None:
        """Count prompt tokens for the step that began last."""
        bucket = self.opening if self._bucket == "opening" else self.by_key
        bucket[-1] += tokens

    def waited(self, step: Step, wait_ms: float, *, suggested: bool) -> None:
        """Note how long the answer took at an opening or a rest."""
        (self.opening_ms if step.kind == "open" else self.waits_ms).append(wait_ms)
        self.without += not suggested

    def wasted(self, count: Callable[[str], int]) -> int:
        """Return the generated tokens that were neither typed nor accepted; `count` counts a text's tokens."""
        return max(0, self.generated - sum(count(text) for text in self.used_texts))


@frozen
class Prompted:
    """A prompt at a rest, in tokens: all of it, and of the file's text in front of the cursor and behind it."""

    tokens: int
    before: int
    after: int
