"""A session with an editor: documents come in, suggestions go out. One asyncio thread; the engine has its own.

Every call of `suggest` ends exactly once: with an offer, with None (nothing to show), with `Superseded`, or with the
cancellation of its task, which reaches the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from starcoder_lsp.completion.cache import Hit, Made
from starcoder_lsp.completion.cursor import Cursor
from starcoder_lsp.config import Settings
from starcoder_lsp.documents import Snapshot, changed_until
from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Cancelled, EngineClosed, Superseded
from starcoder_lsp.loading import load
from starcoder_lsp.session.document import Document, Making, Offer, Selected
from starcoder_lsp.session.feedback import Feedback
from starcoder_lsp.session.keeper import ModelKeeper
from starcoder_lsp.session.prefill import Prefiller
from starcoder_lsp.session.status import counted_by
from starcoder_lsp.suggest import Answer, Ask, Partial, Runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starcoder_lsp.completion.prompt import Place
    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.session.status import Listener, Status

log = logging.getLogger(__name__)

_EARLY_MS = 250.0
"""A client that can be told of more gets the first piece this long after its request."""
_LATE_MS = 1_500.0
"""Others wait this long for the whole."""
_TYPICAL_TOKENS = 12


class Session:
    """See the module. `load_runtime` and `clock` (seconds) are parameters for the sake of tests and benchmarks."""

    def __init__(
        self,
        listener: Listener,
        *,
        settings: Settings | None = None,
        load_runtime: Callable[[Settings, Callable[[str, int | None], None]], Runtime] = load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without a model; `start` loads it. Must be made on the thread of a running event loop."""
        self.settings = settings or Settings()
        self._listener = listener
        self._clock = clock
        self._keeper = ModelKeeper(listener, load_runtime, clock, self._model_loaded)
        self._prefiller = Prefiller(self._keeper, self._ask_ahead, self._failed)
        self._documents: dict[str, Document] = {}
        self._ids = itertools.count(1)
        self._feedback = Feedback()
        self._paused_uris: set[str] = set()
        self._closed = False
        self._requests = 0
        self._from_memory = 0

    # ---- model -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load the model that the settings name, in the background; called again, load it anew."""
        self._keeper.load(self.settings)

    def _model_loaded(self, loaded: Settings) -> None:
        # Where the model asked for could not be loaded, it can be asked for again: the settings say what is there.
        self.settings = self.settings.with_engine_part(loaded)
        for document in self._documents.values():
            document.cache.clear()
            self._prefiller.warm(document)

    def configure(self, settings: Settings) -> None:
        """Take new settings; the model is loaded again only where they ask for another."""
        reload = settings.engine_part() != self.settings.engine_part()
        self.settings = settings
        if reload:
            self.start()

    # ---- documents ---------------------------------------------------------------------------------------------

    def open(self, snapshot: Snapshot, path: str) -> None:
        """Take a document that the editor opened."""
        self.close_document(snapshot.uri)  # where a client opens twice, the newer text counts
        self._documents[snapshot.uri] = Document(snapshot, path)

    def change(self, uri: str, version: int, text: str) -> None:
        """Take a new text of an open document, and begin to evaluate what the next suggestion will need."""
        document = self._documents.get(uri)
        if document is None:
            log.warning("A change of %s, which is not open, was ignored.", uri)
            return
        old = document.snapshot
        document.snapshot = Snapshot.of(uri, version, old.language, text)
        document.rhythm.key(self._clock() * 1e3)
        until = changed_until(old.text, text, document.cursor)
        if until < 0:
            return
        document.cursor = until
        self._drop_if_outdated(document)
        if document.ahead:
            document.ahead = False
            self._make_ahead(document)
        elif document.making is None:  # else the user types what is being written: it needs no prefill
            self._prefiller.warm(document)

    def close_document(self, uri: str) -> None:
        """Forget a document that the editor closed; its requests are superseded."""
        document = self._documents.pop(uri, None)
        if document is None:
            return
        document.ticket += 1
        self._prefiller.stop(document)
        self._keeper.worker.cancel_all(uri)
        self._paused_uris.discard(uri)
        self._keeper.set_status(paused_uris=tuple(sorted(self._paused_uris)))
        self._keeper.worker.submit(Lane.WARM, ("close", uri), lambda runtime, _cancel: runtime.forget(uri))

    def snapshot(self, uri: str) -> Snapshot | None:
        """Return the newest snapshot of an open document."""
        document = self._documents.get(uri)
        return document.snapshot if document else None

    # ---- suggestions -------------------------------------------------------------------------------------------

    async def suggest(
        self, uri: str, offset: int, *, manual: bool = False, selected: Selected | None = None
    ) -> Offer | None:
        """Return a suggestion at an offset of an open document's newest text; None where there is none to show.

        With `selected`, it continues what a completion list has selected there, and begins with it.

        Raises:
            Superseded: a newer request of the document took its place, or the document was closed.
        """
        arrived = self._clock()
        document = self._documents.get(uri)
        if document is None or not self._wanted(document, manual=manual):
            return None
        self._requests += 1
        document.ticket += 1
        ticket = document.ticket
        snapshot, place = document.snapshot, document.place(offset, selected)
        here = selected or Selected(offset, offset, "")
        document.cursor = offset
        conditions = self._conditions()
        hit = document.cache.find(conditions, place.text, place.offset, doubtful=manual)
        if hit is not None:
            self._from_memory += 1
            return self._offer(document, snapshot, here, hit)
        if document.making is not None and not document.making.serves(place, conditions):
            self._drop(document)
        try:
            hit = await self._find_out(document, place, ticket, arrived, manual=manual)
        except asyncio.CancelledError:
            if document.ticket == ticket:  # a newer request may be waiting for the same work
                self._drop(document)
            raise
        if document.ticket != ticket:
            raise Superseded("a newer request took its place")
        if hit is None or not hit.rest:
            return None
        self._keeper.set_status(latency_ms=round((self._clock() - arrived) * 1e3, 1))
        return self._offer(document, snapshot, here, hit)

    def _wanted(self, document: Document, *, manual: bool) -> bool:
        if self._closed or self._keeper.paused or document.snapshot.uri in self._paused_uris:
            return False
        return self._keeper.status.state != "error" and (manual or self.settings.allows(document.snapshot.language))

    def _conditions(self) -> object:
        settings = self.settings
        chosen = (settings.layout, settings.multiline, settings.max_tokens, settings.min_confidence)
        return (self._keeper.loads, *chosen)

    async def _find_out(
        self, document: Document, place: Place, ticket: int, arrived: float, *, manual: bool
    ) -> Hit | None:
        """Wait for a pause of the user's, then make a suggestion, or join what is being made for this place."""
        if not manual:
            text = document.snapshot.text
            await self._wait(document, ticket)
            if document.snapshot.text != text:
                raise Superseded("the text changed")
            if not self._wanted(document, manual=False):
                return None
            hit = document.cache.find(self._conditions(), place.text, place.offset)
            if hit is not None and hit.made.complete:  # it came to its end during the wait
                return hit
        while True:
            making = self._join(document, place) or self._make(document, place, Lane.INTERACTIVE)
            hit = await self._first_answer(document, making, place, arrived, manual=manual)
            if hit is not None or making.place == place or document.ticket != ticket:
                return hit
            # The user typed all that it came to: it is time for a new one.

    def _join(self, document: Document, place: Place) -> Making | None:
        """Return what is being made for this place, if anything is; from now on a person waits for it."""
        making = document.making
        if making is None or making.job is None or not making.serves(place, self._conditions()):
            return None
        self._keeper.worker.promote(making.job, Lane.INTERACTIVE)
        return making

    async def _wait(self, document: Document, ticket: int) -> None:
        speed = self._keeper.runtime.speed if self._keeper.runtime else None
        answer_ms = _TYPICAL_TOKENS / speed.decode * 1e3 if speed else self.settings.debounce_min
        wait = document.rhythm.wait_ms(
            self._clock() * 1e3, answer_ms, least=self.settings.debounce_min, most=self.settings.debounce_max
        )
        if wait > 0:
            await asyncio.sleep(wait / 1e3)
        if document.ticket != ticket:
            raise Superseded("a newer request took its place")

    def _make(self, document: Document, place: Place, lane: Lane) -> Making:
        """Begin to make a suggestion; a running one of this document is superseded."""
        self._drop(document)
        ask = self._ask(document, place)
        making = Making(f"m{next(self._ids)}", place, self._conditions())

        def run(runtime: Runtime, cancel: CancelToken) -> Answer:
            self._keeper.call(self._set_busy)
            return runtime.suggest(ask, cancel, partial(self._keeper.call, self._progress, document, making))

        document.making = making
        making.job = self._keeper.worker.submit(lane, document.snapshot.uri, run)
        making.job.future.add_done_callback(lambda done: self._keeper.call(self._made, document, making, done))
        return making

    def _drop(self, document: Document) -> None:
        """Nobody wants what is being made for this document."""
        making, document.making = document.making, None  # so that no later request joins what is ending
        if making is not None and making.job is not None:
            self._keeper.worker.cancel(making.job)

    def _drop_if_outdated(self, document: Document) -> None:
        """After a change: end what is being made, unless the user types just what it says so far."""
        making = document.making
        if making is not None and not making.serves(document.place(document.cursor), making.conditions):
            self._drop(document)

    def _ask(self, document: Document, place: Place) -> Ask:
        settings = self.settings
        cursor = Cursor.at(place.text, place.offset)
        multiline = cursor.wants_block if settings.multiline == "auto" else settings.multiline == "always"
        return Ask(
            document.snapshot.uri,
            place,
            cursor,
            multiline=multiline,
            max_tokens=settings.max_tokens,
            layout=settings.layout,
            progressive=settings.prefill_while_typing != "never",
        )

    def _progress(self, document: Document, making: Making, piece: Partial) -> None:
        if document.making is not making or making.ended.is_set():
            return
        if piece.mean_logprob < self._threshold():
            return
        making.so_far = self._as_made(making, piece.text, piece.mean_logprob, complete=False)
        document.cache.put(making.so_far)
        making.piece.set()

    def _made(self, document: Document, making: Making, future: Future[object]) -> None:
        """Take the end of a making: remember what came of it, and tell the client if it grew after an early answer."""
        current = document.making is making
        if current:
            document.making = None
        try:
            self._take(document, making, future, current=current)
        finally:
            making.ended.set()
            making.piece.set()
            if not self._keeper.worker.wants(Lane.INTERACTIVE) and self._keeper.status.state == "busy":
                self._keeper.set_status(state=self._keeper.resting)

    def _take(self, document: Document, making: Making, future: Future[object], *, current: bool) -> None:
        try:
            answer = future.result()
        except (Cancelled, EngineClosed) as error:
            making.error = error
            document.cache.drop_incomplete()
        except Exception as error:  # noqa: BLE001 - logged with its traceback; the request gets an empty answer
            making.error = error
            document.cache.drop_incomplete()
            self._failed(error)
        else:
            assert isinstance(answer, Answer)  # noqa: S101 - jobs made by _make return answers
            made = self._as_made(making, answer.text, answer.mean_logprob, complete=True)
            document.cache.put(made)
            text = "" if made.doubtful else made.insert
            if making.shown and text != making.shown and text.startswith(making.shown) and self.settings.refresh:
                self._listener.refreshed(document.snapshot.uri)
            if answer.quick and current:
                self._prefiller.fill_soon(document)

    async def _first_answer(
        self, document: Document, making: Making, place: Place, arrived: float, *, manual: bool
    ) -> Hit | None:
        """Wait for the whole suggestion, or if that takes too long for a piece of it that goes on behind `place`."""
        patience = (_EARLY_MS if self.settings.refresh else _LATE_MS) / 1e3 - (self._clock() - arrived)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(making.ended.wait(), max(0.0, patience))
        find = partial(document.cache.find, making.conditions, place.text, place.offset, doubtful=manual)
        while not making.ended.is_set() and find() is None:
            making.piece.clear()
            await making.piece.wait()
        if isinstance(making.error, Cancelled):
            raise Superseded("nobody waits for this any more") from making.error
        return find() if making.error is None else None

    def _as_made(self, making: Making, text: str, logprob: float, *, complete: bool) -> Made:
        place = making.place
        parts = (making.conditions, place.text, place.offset, text)
        doubtful = logprob < self._threshold()
        return Made(*parts, complete=complete, logprob=logprob, doubtful=doubtful, identity=making.identity)

    def _threshold(self) -> float:
        if self.settings.min_confidence is not None:
            return self.settings.min_confidence
        return self._keeper.runtime.min_confidence if self._keeper.runtime else -100.0

    def _offer(self, document: Document, snapshot: Snapshot, here: Selected, hit: Hit) -> Offer | None:
        if not hit.rest:
            return None
        if document.making is not None and document.making.identity == hit.made.identity:
            document.making.shown = hit.made.insert
        identity = f"s{next(self._ids)}"
        self._feedback.offered(identity, snapshot.uri, hit.made)
        model = self._keeper.status.model or self.settings.model
        return Offer(identity, here.text + hit.rest, snapshot, here.start, here.end, model)

    def _ask_ahead(self, document: Document) -> Ask | None:
        """Return what a suggestion at the user's place would be asked; None where nothing may be done ahead."""
        if document.cursor < 0 or self._documents.get(document.snapshot.uri) is not document:
            return None
        if not self._wanted(document, manual=False) or not self._prefiller.may(self.settings.prefill_while_typing):
            return None
        return self._ask(document, document.place(document.cursor))

    def _make_ahead(self, document: Document) -> None:
        """After an accepted suggestion, make the next one before it is asked for."""
        if self._ask_ahead(document) is None:
            return
        place = document.place(document.cursor)
        if document.making is None or not document.making.serves(place, self._conditions()):
            self._make(document, place, Lane.WARM)

    # ---- what the editor reports ---------------------------------------------------------------------------------

    def accepted(self, identity: str) -> None:
        """Hear that a suggestion was accepted whole; its text may already be in the document, or still come."""
        known = self._feedback.hear("accept", identity)
        document = self._documents.get(known[0]) if known else None
        if document is None or known is None:
            return
        _uri, made = known
        place = document.place(max(0, document.cursor))
        if place.text.startswith(made.insert, made.offset) and place.offset >= made.offset + len(made.insert):
            self._make_ahead(document)
        else:
            document.ahead = True

    def reported(self, event: str, identity: str) -> None:
        """Hear that a suggestion was shown, partly accepted or rejected."""
        self._feedback.hear(event, identity)

    # ---- pausing, status, end ----------------------------------------------------------------------------------

    def pause(self, uri: str | None, *, on: bool) -> None:
        """Pause (or resume) everywhere, or in one document."""
        if uri is None:
            self._keeper.paused = on
        elif on:
            self._paused_uris.add(uri)
        else:
            self._paused_uris.discard(uri)
        if on:
            for one in self._documents.values():
                if uri is None or uri == one.snapshot.uri:
                    self._prefiller.stop(one)
                    self._keeper.worker.cancel_all(one.snapshot.uri)
        state = self._keeper.status.state
        if state in ("ready", "paused") or (state == "busy" and self._keeper.paused):
            state = self._keeper.resting
        self._keeper.set_status(state=state, paused_uris=tuple(sorted(self._paused_uris)))

    @property
    def status(self) -> Status:
        """What the session is doing."""
        return self._keeper.status

    @property
    def runtime(self) -> Runtime | None:
        """The loaded model, for its plain data."""
        return self._keeper.runtime

    def stats(self) -> dict[str, object]:
        """Return the counters of `starcoder.stats` (docs/protocol.md)."""
        return {
            **counted_by(self._keeper.runtime),
            "idle": self._keeper.worker.idle,
            "requests": self._requests,
            "fromMemory": self._from_memory,
            "events": dict(self._feedback.counts),
        }

    def close(self) -> None:
        """End all work. Idempotent."""
        self._closed = True
        for document in self._documents.values():
            document.ticket += 1
            self._prefiller.forget(document)
        self._keeper.close()

    def _failed(self, error: BaseException) -> None:
        self._keeper.failed(error, self.settings)

    def _set_busy(self) -> None:
        if self._keeper.status.state == "ready":
            self._keeper.set_status(state="busy")
