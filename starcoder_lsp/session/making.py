"""The life of one suggestion while it is being made, as a table.

    state       PIECE      FINISH      FAIL      DROP
    WAITING     WRITING    FINISHED    FAILED    DROPPED
    WRITING     WRITING    FINISHED    FAILED    DROPPED
    FINISHED    -          -           -         -
    FAILED      -          -           -         -
    DROPPED     -          -           -         -

PIECE, FINISH and FAIL come from the job on the worker's thread, through `Maker`. DROP is the user's: the text
contradicts what is written, another place is asked for, the document is closed, or nobody came back within the grace
that follows a cancelled request. What comes after an end is ignored. Pieces are kept here; only what is finished
enters the document's memory.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable

    from starcoder_lsp.completer import Completer
    from starcoder_lsp.completion.cache import Suggestion
    from starcoder_lsp.completion.prompt import Place
    from starcoder_lsp.engine.worker import Job
    from starcoder_lsp.session.turn import Turn


class State(enum.Enum):
    """Where a making is."""

    WAITING = "waiting"
    """Nothing is written yet."""
    WRITING = "writing"
    """There is a piece."""
    FINISHED = "finished"
    FAILED = "failed"
    DROPPED = "dropped"


class Event(enum.Enum):
    """What happens to it."""

    PIECE = "piece"
    FINISH = "finish"
    FAIL = "fail"
    DROP = "drop"


_ALIVE = {
    Event.PIECE: State.WRITING,
    Event.FINISH: State.FINISHED,
    Event.FAIL: State.FAILED,
    Event.DROP: State.DROPPED,
}
TRANSITIONS: dict[State, dict[Event, State]] = {
    State.WAITING: _ALIVE,
    State.WRITING: _ALIVE,
    State.FINISHED: {},
    State.FAILED: {},
    State.DROPPED: {},
}


@define(eq=False)
class Making:
    """A suggestion being made for a place. All methods belong to the event loop's thread."""

    identity: str
    """The same for its pieces and the whole."""
    place: Place
    conditions: Hashable
    by_hand: bool = False
    job: Job[Completer] | None = None
    """None only between making this and submitting its job."""
    state: State = State.WAITING
    written: Suggestion | None = None
    """The newest piece, then the whole."""
    shown: str = ""
    """What was answered before its end: a client may show it still."""
    grace: asyncio.TimerHandle | None = None
    """Runs while nobody waits for it after a cancel."""
    watchers: set[Turn] = field(factory=set)

    def happen(self, event: Event, written: Suggestion | None = None) -> bool:
        """Change the state as the table says, and wake who waits; False if it has ended."""
        state = TRANSITIONS[self.state].get(event)
        if state is None:
            return False
        self.state = state
        self.written = written or self.written
        if self.ended:
            self.hold()
        for turn in self.watchers:
            turn.wake()
        return True

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to it."""
        return not TRANSITIONS[self.state]

    def hold(self) -> None:
        """Somebody waits for it (again), or nobody needs to: stop the grace."""
        if self.grace is not None:
            self.grace.cancel()
            self.grace = None

    def serves(self, place: Place, conditions: Hashable, *, by_hand: bool = False) -> bool:
        """Whether a request for `place` may share it: it is for this place, or was typed through up to there so far.

        One that is made by hand serves all; another serves none that is asked by hand.
        """
        if self.ended or self.conditions != conditions or (by_hand and not self.by_hand):
            return False
        if self.place == place:
            return True
        return self.written is not None and self.written.rest(place.text, place.offset) is not None

    def rest(self, place: Place) -> tuple[Suggestion, str] | None:
        """Return what is written so far and what of it is left at `place`; None if that is nothing to show."""
        if self.written is None:
            return None
        rest = self.written.rest(place.text, place.offset)
        return (self.written, rest) if rest else None
