"""Has suggestions made: starts their jobs, takes what they write, and ends those that nobody wants."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from attrs import evolve

from starcoder_lsp.completer import Answer
from starcoder_lsp.completion.cache import Suggestion
from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Cancelled, EngineClosed
from starcoder_lsp.session.making import Event, Making

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starcoder_lsp.completer import Completer
    from starcoder_lsp.completion.prompt import Place
    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.session.document import Document
    from starcoder_lsp.session.keeper import ModelKeeper
    from starcoder_lsp.session.policy import Policy

_GRACE_S = 0.3
"""A cancelled request says "I do not wait any more"; editors send it just before they ask again."""


class Maker:
    """One making a document at most. All methods belong to the event loop's thread."""

    def __init__(
        self,
        keeper: ModelKeeper,
        policy: Policy,
        finished: Callable[[Document, Making, Suggestion], None],
        improved: Callable[[Document], None],
    ) -> None:
        """`finished` hears of each suggestion that came to its end, `improved` that another took its place."""
        self._improved = improved
        self._keeper = keeper
        self._policy = policy
        self._finished = finished
        self._ids = itertools.count(1)
        self._loop = asyncio.get_running_loop()

    def join(self, document: Document, place: Place, *, by_hand: bool = False) -> Making | None:
        """Return what is being made for this place, if anything is; from now on a person waits for it."""
        making = document.making
        if making is None or making.job is None or not self._serves(making, place, by_hand=by_hand):
            return None
        making.hold()
        self._keeper.worker.promote(making.job, Lane.INTERACTIVE)
        return making

    def _serves(self, making: Making, place: Place, *, by_hand: bool) -> bool:
        return making.serves(place, self._policy.conditions(), by_hand=by_hand)

    def make(self, document: Document, place: Place, lane: Lane, *, by_hand: bool = False) -> Making:
        """Begin to make a suggestion; what was being made for the document is dropped."""
        self.drop(document)
        ask, board = self._policy.ask(document, place, by_hand=by_hand), self._keeper.board
        making = Making(f"m{next(self._ids)}", place, self._policy.conditions(), by_hand)
        fills, confidence = document.fills, self._policy.settings.confidence

        def run(completer: Completer, cancel: CancelToken) -> Answer:
            self._keeper.call(board.busy)
            return completer.suggest(
                evolve(ask, gate=completer.about.gate(confidence, by_hand=by_hand)),
                cancel,
                lambda text: self._keeper.call(self._piece, making, text),
            )

        document.making = making
        making.job = self._keeper.worker.submit(lane, document.key, run)
        making.job.future.add_done_callback(lambda done: self._keeper.call(self._ended, document, making, fills, done))
        return making

    def make_ahead(self, document: Document) -> None:
        """Make the suggestion at the user's place before it is asked for, unless it is being made."""
        if self._policy.ask_ahead(document) is None:
            return
        place = document.place(document.cursor)
        if document.making is None or not document.making.serves(place, self._policy.conditions()):
            self.make(document, place, Lane.WARM)

    def release(self, document: Document) -> None:
        """Nobody waits for what is being made: drop it unless somebody joins within the grace."""
        making = document.making
        if making is not None:
            making.hold()
            making.grace = self._loop.call_later(_GRACE_S, self._drop, document, making)

    def drop(self, document: Document) -> None:
        """Nobody wants what is being made for this document."""
        if document.making is not None:
            self._drop(document, document.making)

    def drop_unless_it_serves(self, document: Document, place: Place) -> None:
        """Drop what is being made unless the user types just what it says so far."""
        if document.making is not None and not document.making.serves(place, document.making.conditions):
            self._drop(document, document.making)

    def _drop(self, document: Document, making: Making) -> None:
        if document.making is making:
            document.making = None
        making.happen(Event.DROP)
        if making.job is not None:
            self._keeper.worker.cancel(making.job)

    def _piece(self, making: Making, text: str) -> None:
        if text.startswith(making.shown):  # what is shown is final
            making.happen(Event.PIECE, self._suggestion(making, text))

    @staticmethod
    def _suggestion(making: Making, text: str) -> Suggestion:
        place = making.place
        return Suggestion(
            making.conditions, place.text, place.offset, text, by_hand=making.by_hand, identity=making.identity
        )

    def _ended(self, document: Document, making: Making, fills: int, future: Future[object]) -> None:
        if document.making is making:
            document.making = None
        try:
            answer = future.result()
        except (Cancelled, EngineClosed) as error:
            making.happen(Event.FAIL if isinstance(error, EngineClosed) else Event.DROP)
        except Exception as error:  # noqa: BLE001 - logged with its traceback; the request gets an empty answer
            making.happen(Event.FAIL)
            if making.shown and making.written is not None:  # it is on the screen: what there is at this place
                document.memory.put(making.written)
            self._keeper.failed(error)
        else:
            assert isinstance(answer, Answer)  # noqa: S101 - jobs made by `make` return answers
            self._take(document, making, fills, answer)
        finally:
            if not self._keeper.worker.wants(Lane.INTERACTIVE):
                self._keeper.board.rest()

    def _take(self, document: Document, making: Making, fills: int, answer: Answer) -> None:
        document.answer = answer
        text = answer.text if answer.text.startswith(making.shown) else making.shown  # what is shown is final
        whole = evolve(
            self._suggestion(making, text),
            others=answer.others,
            withheld=answer.withheld and not text,
            quick=answer.quick,
            context_key=answer.context_key,
            fills=fills,
            model=answer.model,
        )
        if making.happen(Event.FINISH, whole):
            document.memory.put(whole)
            self._finished(document, making, whole)
            if answer.better is not None:
                answer.better.add_done_callback(
                    lambda done: self._keeper.call(self._improve, document, making, whole, done)
                )

    def _improve(self, document: Document, making: Making, shown: Suggestion, future: Future[Answer]) -> None:
        """Take what a larger model says in place of what was shown, unless some of that was typed or taken."""
        place = making.place
        gone = document.closed or document.making is not None or document.place(max(0, document.cursor)) != place
        if gone or making.conditions != self._policy.conditions() or future.cancelled() or future.exception():
            return
        answer = future.result()
        if answer.finish == "cancelled" or not answer.text or answer.text == shown.insert:
            return
        better = evolve(
            shown,
            insert=answer.text,
            others=answer.others,
            withheld=False,
            identity=f"m{next(self._ids)}",
            model=answer.model,
        )
        document.memory.put(better)
        self._improved(document)
