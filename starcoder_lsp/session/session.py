"""A session with an editor: documents come in, suggestions go out. One asyncio thread; the engine has its own.

Every call of `suggest` ends exactly once: with an offer, with None (nothing to show), with `Superseded`, or with the
cancellation of its task, after which what was being made for it is dropped unless somebody asks again at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from starcoder_lsp.config import Settings
from starcoder_lsp.documents import Edit, Snapshot, changed_until
from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Superseded
from starcoder_lsp.repository.secrets import prepare
from starcoder_lsp.session.document import Document, Offer, Selected
from starcoder_lsp.session.explain import explained
from starcoder_lsp.session.keeper import Cause, ModelKeeper
from starcoder_lsp.session.maker import Maker
from starcoder_lsp.session.making import State
from starcoder_lsp.session.offers import Offers
from starcoder_lsp.session.policy import Policy
from starcoder_lsp.session.prefill import Prefiller
from starcoder_lsp.session.status import StatusBoard, counted_by
from starcoder_lsp.session.surroundings import Surroundings
from starcoder_lsp.session.turn import Turn
from starcoder_lsp.usage.watch import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from starcoder_lsp.completer import Completer
    from starcoder_lsp.completion.cache import Suggestion
    from starcoder_lsp.completion.context import Neighbours
    from starcoder_lsp.completion.prompt import Place
    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.repository.service import Repository
    from starcoder_lsp.session.keeper import Loader
    from starcoder_lsp.session.making import Making
    from starcoder_lsp.session.status import Listener, Status
    from starcoder_lsp.usage.life import Part
    from starcoder_lsp.usage.offering import Sink

log = logging.getLogger(__name__)

_EARLY_S = 0.25
"""A client that can be told of more gets the first piece this long after its request."""
LATE_S = 1.5
"""Others wait this long for the whole; a completion list waits no longer for anything."""
_TYPICAL_TOKENS = 12
_FIRST_TOKENS = 3
"""Of those, until the first piece: the prompt's end is evaluated once more, and the next word must begin."""


def _load(settings: Settings, report: Callable[[str, int | None], None], cancel: CancelToken) -> Completer:
    # numpy and gguf are imported on the worker's thread: `initialize` is answered meanwhile
    from starcoder_lsp.chaining import load_completer  # noqa: PLC0415

    return load_completer(settings, report, cancel)


class Session:
    """See the module. `load_completer` and `clock` (seconds) are parameters for the sake of tests and benchmarks."""

    def __init__(
        self,
        listener: Listener,
        *,
        settings: Settings | None = None,
        load_completer: Loader | None = None,
        clock: Callable[[], float] = time.monotonic,
        client: str = "",
        counts: Sink | None = None,
        make_repository: Callable[..., Repository] | None = None,
    ) -> None:
        """Start without a model; `start` loads it. Must be made on the thread of a running event loop.

        `client` tells the documents of this session from those of others that share an engine. `counts` is told what
        became of suggestions.
        """
        self._listener = listener
        self._clock = clock
        self._client = client
        self._board = StatusBoard(listener)
        self._keeper = ModelKeeper(self._board, load_completer or _load, clock, self._model_loaded)
        self._policy = Policy(settings or Settings(), self._keeper)
        self._maker = Maker(self._keeper, self._policy, self._finished, self._refresh)
        self._prefiller = Prefiller(self._keeper, self._policy)
        self._surroundings = Surroundings(
            self.settings,
            self._keeper,
            self._policy,
            chosen=self._chosen,
            scanned=self._board.scanned,
            make_repository=make_repository,
        )
        self._documents: dict[str, Document] = {}
        self._in_use: Document | None = None
        self._usage = Usage(counts, self._text, asyncio.get_running_loop().call_later)
        self._usage.enable(on=self.settings.usage_enabled)
        self._offers = Offers(self._board, self._usage)
        self._requests = 0
        self._from_memory = 0

    # ---- model -------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What the session works by; `configure` changes it."""
        return self._policy.settings

    def start(self, settings: Settings | None = None) -> None:
        """Load the model that the settings name, in the background.

        Where another was chosen before `settings` were known, that stays, and is not loaded twice.
        """
        if settings is not None:
            self._usage.enable(on=settings.usage_enabled)
            chosen = self._keeper.loads > 0
            self._policy.settings = settings.with_engine_part(self.settings) if chosen else settings
            self._surroundings.configure(self.settings)
            if chosen:
                return
        asyncio.get_running_loop().run_in_executor(None, prepare)
        self._keeper.load(self.settings, Cause.START)

    def configure(self, settings: Settings) -> None:
        """Take new settings; the model is loaded again where they ask for another, or where there is none."""
        other = settings.engine_part() != self.settings.engine_part()
        self._policy.settings = settings
        self._usage.enable(on=settings.usage_enabled)
        self._surroundings.configure(settings)
        if other or self.status.state == "error":
            self._keeper.load(settings, Cause.CHOSEN)
        else:
            self._board.corrected()

    def fetching(self, end: Callable[[], object]) -> None:
        """Hear that a model is fetched, which will be chosen then: `end` is called once another is."""
        self._keeper.fetching(end)

    async def outcome(self) -> str | None:
        """Wait for the end of the newest load; return why it is not the model that was asked for, None where it is."""
        return await self._keeper.outcome()

    def go_back(self) -> None:
        """End a load that goes on, for the model that was there before."""
        self._keeper.go_back()

    def _model_loaded(self, loaded: Settings) -> None:
        # Where the model asked for could not be loaded, it can be asked for again: the settings say what is there.
        self._policy.settings = self.settings.with_engine_part(loaded)
        for document in self._documents.values():
            document.memory.clear()
        if self._in_use is not None:
            self._prefiller.warm(self._in_use)
        self._surroundings.loaded()

    # ---- documents ---------------------------------------------------------------------------------------------

    def open(self, snapshot: Snapshot, path: str, file: str = "") -> None:
        """Take a document that the editor opened. `file`: its whole path, where it is a file."""
        self.close_document(snapshot.uri)  # where a client opens twice, the newer text counts
        document = self._documents[snapshot.uri] = Document(snapshot, path, self._client, file)
        self._surroundings.opened(document)

    def change(self, uri: str, version: int, text: str, edits: Sequence[Edit] | None = None) -> None:
        """Take a new text of an open document, and begin to evaluate what the next suggestion will need.

        `edits`: what changed, in order, where that is known: each is about the text that the one before it left.
        """
        document = self._documents.get(uri)
        if document is None:
            log.warning("A change of %s, which is not open, was ignored.", uri)
            return
        old = document.snapshot
        document.snapshot = Snapshot.of(uri, version, old.language, text)
        document.rhythm.key(self._clock() * 1e3)
        until = changed_until(old.text, text, document.cursor)
        self._usage.changed(uri, old.text, text, [Edit(0, len(old.text), text)] if edits is None else edits, until)
        if until < 0:
            return
        document.cursor = until
        self._in_use = document
        self._maker.drop_unless_it_serves(document, document.place(until))
        if document.ahead:
            document.ahead = False
            self._maker.make_ahead(document)
        elif document.making is None:  # else the user types what is being written: it needs no prefill
            self._prefiller.warm(document)
        self._surroundings.changed(document)

    def close_document(self, uri: str) -> None:
        """Forget a document that the editor closed; its requests are superseded."""
        document = self._documents.pop(uri, None)
        if document is None:
            return
        if self._in_use is document:
            self._in_use = None
        document.turn.end()
        self._end_work(document)
        self._usage.closed(uri)
        document.closed = True
        self._surroundings.closed(document)
        self.pause(uri, on=False)
        key = document.key
        self._keeper.worker.submit(Lane.WARM, ("close", key), lambda completer, _cancel: completer.forget(key))

    def snapshot(self, uri: str) -> Snapshot | None:
        """Return the newest snapshot of an open document."""
        document = self._documents.get(uri)
        return document.snapshot if document else None

    def set_folders(self, folders: Iterable[Path], paths: Callable[[str], str]) -> None:
        """Read and follow these folders; `paths` says where in them a document (a URI) lies now."""
        for uri, document in self._documents.items():
            document.path = paths(uri)
        self._surroundings.set_folders(folders)

    def files_changed(self, files: Iterable[str]) -> None:
        """Hear that files (whole paths) were made, changed, saved or deleted."""
        self._surroundings.files_changed(files)

    def saved(self, uri: str) -> None:
        """Hear that the editor wrote a document's file."""
        self._usage.saved(uri)
        document = self._documents.get(uri)
        if document is not None and document.file:
            self._surroundings.saved(document.file)

    def _text(self, uri: str) -> str | None:
        document = self._documents.get(uri)
        return document.snapshot.text if document else None

    def context(self, uri: str | None = None) -> dict[str, object]:
        """Return what other files said to the newest suggestion of a document; without one, of that in use."""
        document = self._in_use if uri is None else self._documents.get(uri)
        return explained(document, self._surroundings.repository, self._surroundings.scan_ms)

    def _chosen(self, document: Document, neighbours: Neighbours) -> None:
        if neighbours.key != document.neighbours.key:
            document.neighbours = neighbours
            self._prefiller.fill_soon(document)

    def _end_work(self, document: Document) -> None:
        self._maker.drop(document)
        self._prefiller.stop(document)
        self._keeper.worker.cancel_all(document.key)

    # ---- suggestions -------------------------------------------------------------------------------------------

    async def suggest(
        self,
        uri: str,
        offset: int,
        *,
        manual: bool = False,
        selected: Selected | None = None,
        patience: float | None = None,
    ) -> Offer | None:
        """Return a suggestion at an offset of an open document's newest text; None where there is none to show.

        With `selected`, it continues what a completion list has selected there, and begins with it. With `patience`
        (seconds), what is not there then is answered with None, and goes on being made.

        Raises:
            Superseded: a newer request of the document took its place, or the document was closed.
        """
        arrived = self._clock()
        document = self._documents.get(uri)
        if document is None:
            return None
        if not self._policy.wants(document, manual=manual):
            self._board.showed_nothing("off")
            return None
        self._requests += 1
        document.turn.end()
        turn = document.turn = Turn()
        snapshot, place = document.snapshot, document.place(offset, selected)
        if self._policy.is_secret(document, place):
            self._board.showed_nothing("secret")
            return None
        here = selected or Selected(offset, offset, "")
        document.cursor, self._in_use = offset, document
        self._surroundings.used(document)
        found = self._remembered(document, place, by_hand=manual)
        if found is not None:
            self._from_memory += 1
            return self._offers.give(document, snapshot, place, here, found, None)
        self._maker.drop_unless_it_serves(document, place)
        try:
            found = await self._find_out(document, place, turn, arrived, manual=manual, patience=patience)
        except asyncio.CancelledError:
            if not turn.over:  # else a newer request may be waiting for the same work
                self._maker.release(document)
            raise
        if turn.over:
            raise Superseded("a newer request took its place")
        latency = round((self._clock() - arrived) * 1e3, 1)
        return self._offers.give(document, snapshot, place, here, found, latency)

    def _remembered(self, document: Document, place: Place, *, by_hand: bool) -> tuple[Suggestion, str] | None:
        return document.memory.find(
            self._policy.conditions(),
            place.text,
            place.offset,
            by_hand=by_hand,
            outdated=lambda made: self._policy.outdated(document, made),
        )

    async def _find_out(
        self, document: Document, place: Place, turn: Turn, arrived: float, *, manual: bool, patience: float | None
    ) -> tuple[Suggestion, str] | None:
        """Wait for a pause of the user's, then have a suggestion made, or join what is being made for this place."""
        if not manual:
            text = document.snapshot.text
            await self._pause(document, turn)
            if document.snapshot.text != text:
                raise Superseded("the text changed")
            if not self._policy.wants(document, manual=False):
                return None
            found = self._remembered(document, place, by_hand=False)
            if found is not None:  # it came to its end during the wait
                return found
        end = None if patience is None else arrived + patience
        while True:
            making = self._maker.join(document, place, by_hand=manual) or self._maker.make(
                document, place, Lane.INTERACTIVE, by_hand=manual
            )
            making.watchers.add(turn)
            try:
                found = await self._first_answer(making, place, turn, arrived, end=end)
            finally:
                making.watchers.discard(turn)
            typed_through = making.state is State.FINISHED and making.place != place
            if found is not None or turn.over or not typed_through:
                return found
            # The user typed all that it came to: it is time for a new one.

    async def _pause(self, document: Document, turn: Turn) -> None:
        speed = self._keeper.completer.speed if self._keeper.completer else None
        settings = self.settings
        answer_ms = _TYPICAL_TOKENS / speed.decode * 1e3 if speed else settings.debounce_min
        wait = document.rhythm.wait_ms(
            self._clock() * 1e3,
            answer_ms,
            least=settings.debounce_min,
            most=settings.debounce_max,
            first_ms=answer_ms * _FIRST_TOKENS / _TYPICAL_TOKENS if self._policy.may_work_ahead() else 0.0,
        )
        if wait > 0:
            await turn.wait(wait / 1e3)
        if turn.over:
            raise Superseded("a newer request took its place")

    async def _first_answer(
        self, making: Making, place: Place, turn: Turn, arrived: float, *, end: float | None
    ) -> tuple[Suggestion, str] | None:
        """Wait for the whole suggestion, or if that takes too long for a piece of it that goes on behind `place`."""
        early = arrived + (_EARLY_S if self.settings.refresh else LATE_S)
        while not turn.over:
            if making.state is State.DROPPED:
                raise Superseded("nobody waits for this any more")
            if making.state is State.FAILED:
                return making.rest(place) if making.shown else None
            now = self._clock()
            found = making.rest(place)
            if making.ended or (found is not None and now >= early):
                if found is None and making.written is not None and making.place == place:
                    return making.written, ""
                return found
            if end is not None and now >= end:
                return None
            times = [at - now for at in (early if now < early else None, end) if at is not None]
            await turn.wait(min(times) if times else None)
        raise Superseded("a newer request took its place")

    def _finished(self, document: Document, making: Making, whole: Suggestion) -> None:
        """Tell a client that can ask again if there is more than it was given; fill the full window, or keep it."""
        if making.shown and (whole.insert != making.shown or whole.others) and self.settings.refresh:
            self._listener.refreshed(document.snapshot.uri)
        poor = whole.quick or whole.context_key != document.neighbours.key
        (self._prefiller.fill_soon if poor else self._prefiller.keep_soon)(document)

    def _refresh(self, document: Document) -> None:
        """Tell a client that can ask again that another suggestion is there."""
        if self.settings.refresh:
            self._listener.refreshed(document.snapshot.uri)

    # ---- what the editor reports ---------------------------------------------------------------------------------

    def accepted(self, identity: str) -> None:
        """Hear that a suggestion was accepted whole; its text may already be in the document, or still come."""
        known = self._offers.accepted(identity)
        document = self._documents.get(known.uri) if known else None
        if document is None or known is None:
            return
        place = document.place(max(0, document.cursor))
        if place.text.startswith(known.insert, known.offset) and place.offset >= known.offset + len(known.insert):
            self._maker.make_ahead(document)
        else:
            document.ahead = True

    def accepted_part(self, identity: str, length: int, part: Part | None = None) -> None:
        """Hear that the first `length` UTF-16 code units of a suggestion are accepted. `part`: the newest of them."""
        self._offers.accepted_part(identity, length, part)

    def shown(self, identity: str) -> None:
        """Hear that a suggestion is visible."""
        self._offers.shown(identity)

    def rejected(self, identity: str) -> None:
        """Hear that the user dismissed a suggestion."""
        self._offers.rejected(identity)

    # ---- pausing, status, end ----------------------------------------------------------------------------------

    def pause(self, uri: str | None, *, on: bool) -> None:
        """Pause (or resume) everywhere, or in one open document."""
        if uri is None:
            self._board.pause(on=on)
        elif on and uri in self._documents:
            self._policy.paused_uris.add(uri)
        else:
            self._policy.paused_uris.discard(uri)
        self._board.paused_in(self._policy.paused_uris)
        if on:
            for one in self._documents.values():
                if uri is None or uri == one.snapshot.uri:
                    self._end_work(one)

    @property
    def status(self) -> Status:
        """What the session is doing."""
        return self._board.status

    @property
    def completer(self) -> Completer | None:
        """The loaded model, for its plain data."""
        return self._keeper.completer

    def stats(self) -> dict[str, object]:
        """Return the counters of `starcoder.stats` (docs/protocol.md)."""
        return {
            **counted_by(self._keeper.completer),
            "idle": self._keeper.worker.idle,
            "requests": self._requests,
            "fromMemory": self._from_memory,
            "events": dict(self._offers.feedback.counts),
            "acceptedCharacters": self._offers.feedback.characters,
        }

    def close(self) -> None:
        """End all work. Idempotent."""
        self._policy.closed = True
        for document in self._documents.values():
            document.turn.end()
            self._maker.drop(document)
            self._prefiller.forget(document)
        self._usage.close()
        self._surroundings.close()
        self._keeper.close()
