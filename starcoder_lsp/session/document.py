"""One open document of a session: its newest snapshot, what is remembered about it, made and offered for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from starcoder_lsp.completion.cache import SuggestionCache
from starcoder_lsp.completion.cursor import normalised
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.completion.rhythm import Rhythm

if TYPE_CHECKING:
    from starcoder_lsp.completion.cache import Made
    from starcoder_lsp.documents import Snapshot
    from starcoder_lsp.engine.worker import Job
    from starcoder_lsp.suggest import Runtime


@frozen
class Selected:
    """What a completion list has selected: `text` would replace what stands from `start` to `end` (offsets)."""

    start: int
    end: int
    text: str


@frozen
class Offer:
    """A suggestion for an editor: `insert` in place of what stands from `start` to `end` of `snapshot` (offsets).

    Its lines end with a newline. Each answer has an `id` of its own, also one that continues what is shown.
    """

    id: str
    insert: str
    snapshot: Snapshot
    start: int
    end: int
    model: str


@define(eq=False)
class Making:
    """A suggestion being made: for which place, by which job, and what is there so far."""

    identity: str
    place: Place
    conditions: object
    job: Job[Runtime] | None = None
    """None only between making this and submitting its job."""
    piece: asyncio.Event = field(factory=asyncio.Event)
    """Set when there is a piece more, and when the job has ended."""
    ended: asyncio.Event = field(factory=asyncio.Event)
    """Set when the job has ended and its result was taken."""
    so_far: Made | None = None
    """The newest piece."""
    shown: str = ""
    """What was answered early, if anything was."""
    error: BaseException | None = None
    """Why there is no result."""

    def serves(self, place: Place, conditions: object) -> bool:
        """Whether a request for `place` may share it: it is for this place, or was typed through up to there so far."""
        if self.conditions != conditions:
            return False
        if self.place == place:
            return True
        return self.so_far is not None and self.so_far.rest(place.text, place.offset) is not None


@define(eq=False)
class Document:
    """A document while it is open."""

    snapshot: Snapshot
    path: str
    """Relative to its workspace folder, with slashes."""
    rhythm: Rhythm = field(factory=Rhythm)
    cache: SuggestionCache = field(factory=SuggestionCache)
    making: Making | None = None
    ticket: int = 0
    """Grows with each request: a request whose ticket is old was superseded."""
    cursor: int = -1
    """Where the user probably is, an offset; -1 while unknown."""
    ahead: bool = False
    """A suggestion was accepted: make the next one without being asked."""
    filling: asyncio.TimerHandle | None = None
    """Waits for a pause, to fill the full window."""
    _normal: tuple[Snapshot | None, str] = (None, "")
    """A snapshot, and its text with normalised line ends."""

    def place(self, offset: int, selected: Selected | None = None) -> Place:
        """Return a place in the text with normalised line ends; behind what is selected, as if it were accepted."""
        snapshot = self.snapshot
        if selected is not None:
            before = normalised(snapshot.text[: selected.start]) + normalised(selected.text)
            return Place(before + normalised(snapshot.text[selected.end :]), len(before), self.path)
        if "\r" not in snapshot.text:
            return Place(snapshot.text, offset, self.path)
        if self._normal[0] is not snapshot:
            self._normal = (snapshot, normalised(snapshot.text))
        return Place(self._normal[1], offset - snapshot.text.count("\r\n", 0, offset), self.path)
