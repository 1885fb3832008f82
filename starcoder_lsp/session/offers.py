"""What editors are given, under which ids, and what they report of it: for the status, for the counters, for usage."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from starcoder_lsp.session.document import Offer
from starcoder_lsp.session.feedback import Feedback
from starcoder_lsp.usage.offering import Offering

if TYPE_CHECKING:
    from starcoder_lsp.completion.cache import Suggestion
    from starcoder_lsp.completion.prompt import Place
    from starcoder_lsp.documents import Snapshot
    from starcoder_lsp.session.document import Document, Selected
    from starcoder_lsp.session.feedback import Offered
    from starcoder_lsp.session.status import StatusBoard
    from starcoder_lsp.usage.life import Part
    from starcoder_lsp.usage.watch import Usage


class Offers:
    """All methods belong to the event loop's thread."""

    def __init__(self, board: StatusBoard, usage: Usage) -> None:
        """`board` shows what was shown; `usage` keeps what became of it."""
        self.feedback = Feedback()
        self._board = board
        self._usage = usage
        self._ids = itertools.count(1)

    def give(
        self,
        document: Document,
        snapshot: Snapshot,
        place: Place,
        here: Selected,
        found: tuple[Suggestion, str] | None,
        latency: float | None,
    ) -> Offer | None:
        """Return what the editor is given, and count it. `latency`: ms since it was asked for; None: remembered."""
        if found is None:
            return None
        made, rest = found
        if not rest:
            new = latency is not None
            self._board.showed_nothing("unsure" if made.withheld else "empty", new=new)
            return None
        making = document.making
        if making is not None and making.identity == made.identity:
            making.shown = made.insert
        self._board.showed(latency, new=self.feedback.is_new(made.identity))
        _itself, *others = made.variants
        holding = [(one, left) for one in others if (left := one.rest(place.text, place.offset))]
        return self._given(snapshot, here, (made, rest), latency, *holding)

    def _given(
        self,
        snapshot: Snapshot,
        here: Selected,
        found: tuple[Suggestion, str],
        latency: float | None,
        *others: tuple[Suggestion, str],
        alternative: bool = False,
    ) -> Offer:
        """Return an offer under an id of its own, as each of the others is."""
        made, rest = found
        identity, insert = f"s{next(self._ids)}", here.text + rest
        self.feedback.offered(identity, snapshot.uri, made)
        model = made.model or self._board.status.model or ""
        self._usage.offered(
            Offering(
                identity=identity,
                making=made.identity,
                uri=snapshot.uri,
                language=snapshot.language,
                model=model,
                text=made.insert,
                skip=len(made.insert) - len(rest),
                insert=insert,
                start=here.start,
                latency_ms=latency,
                alternative=alternative,
            )
        )
        more = tuple(self._given(snapshot, here, other, latency, alternative=True) for other in others)
        return Offer(identity, insert, snapshot, here.start, here.end, model, more)

    def accepted(self, identity: str) -> Offered | None:
        """Hear that one was accepted whole; return what it was, if that is still known."""
        self._usage.accepted(identity)
        return self.feedback.hear("accept", identity)

    def accepted_part(self, identity: str, length: int, part: Part | None) -> None:
        """Hear that its first `length` UTF-16 code units are accepted. `part`: the newest of them."""
        self._usage.accepted(identity, part, length)
        self.feedback.hear("acceptPartial", identity, length)

    def shown(self, identity: str) -> None:
        """Hear that one is visible."""
        self._usage.shown(identity)
        self.feedback.hear("show", identity)

    def rejected(self, identity: str) -> None:
        """Hear that the user dismissed one."""
        self._usage.dismissed(identity)
        self.feedback.hear("reject", identity)
