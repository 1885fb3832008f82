"""What other files say to a document: chosen at rests, on a thread of its own, and handed on to be evaluated.

A rest is a pause on another line than that of the last choice, a switch to another document, a far jump, or news of
the repository. Choosing costs some 20 ms of another thread; evaluating what was chosen costs much more, in the
background. So what still serves is kept: at the same place, another choice must bring enough that is new.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, frozen

from starcoder_lsp.completion.context import Neighbour, Neighbours
from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.repository.query import Selection
from starcoder_lsp.repository.settings import ContextSettings
from starcoder_lsp.session.choices import Chosen, remember, remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from starcoder_lsp.config import Settings
    from starcoder_lsp.repository.service import Repository
    from starcoder_lsp.repository.service import Status as Scan
    from starcoder_lsp.session.document import Document
    from starcoder_lsp.session.keeper import ModelKeeper
    from starcoder_lsp.session.policy import Policy

log = logging.getLogger(__name__)

_REST_S: Final = 0.4
_NEWS_S: Final = 0.2
"""News of the repository come in bursts: a save, a formatter, a branch switch."""
_JUMP: Final = 2_000
"""Characters from the place of the last choice that make a cursor's move a jump."""


class Cause(enum.IntEnum):
    """Why neighbours are chosen anew; the greater counts where there are two."""

    PAUSE = 0
    BACK = 1
    """In the document again, where one was."""
    NEWS = 2
    MOVED = 3


_STILL_SERVES: Final = {Cause.PAUSE: 0.7, Cause.BACK: 0.7, Cause.NEWS: 0.95}
"""The share of what a new choice is worth that must be among what was chosen before, for that to stay; after a move,
nothing stays. What an earlier process chose for the place stays as after a pause."""


class Surroundings:
    """The repository of a session, and what it chooses. All methods belong to the event loop's thread."""

    def __init__(
        self,
        settings: Settings,
        keeper: ModelKeeper,
        policy: Policy,
        *,
        chosen: Callable[[Document, Neighbours], None],
        scanned: Callable[[Scan], None],
        make_repository: Callable[..., Repository] | None = None,
    ) -> None:
        """Nothing is read before there are folders. `chosen` hears of what serves better than what a document has."""
        self._settings = context_settings(settings)
        self._keeper = keeper
        self._policy = policy
        self._tell_chosen = chosen
        self._tell_scanned = scanned
        self._make_repository = make_repository or _repository
        self._repository: Repository | None = None
        self._making = False
        self.scan_ms = 0.0
        """What the newest scan of the folders took; 0 before the first ended."""
        self._scan_began = 0.0
        self._folders: tuple[Path, ...] = ()
        self._open: dict[str, Document] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._running = False
        self._wanted: _Wanted | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._news: asyncio.TimerHandle | None = None
        self._in_use: Document | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()

    # ---- the workspace -----------------------------------------------------------------------------------------

    @property
    def repository(self) -> Repository | None:
        """What is known of the folders; None where there are none, or neighbours are not wanted."""
        return self._repository if self._on else None

    def configure(self, settings: Settings) -> None:
        """Take new settings; the folders are read again where they are about them."""
        new = context_settings(settings)
        if new != self._settings:
            self._settings = new
            self._take_folders()

    def set_folders(self, folders: Iterable[Path]) -> None:
        """Follow these folders from now on, and no others."""
        self._folders = tuple(real_path(one) for one in folders)
        self._take_folders()

    def _take_folders(self) -> None:
        if self._repository is not None:
            self._repository.set_settings(self._settings)
            self._repository.set_roots(self._folders)
        elif self._folders and self._on and not self._making and not self._closed:
            self._making = True
            self._loop.run_in_executor(None, self._make, self._settings)
        self._find_roots()

    def _make(self, settings: ContextSettings) -> None:
        """Make the repository: its libraries take a second to import, so not on the event loop's thread."""
        try:
            new = self._make_repository(settings, progress=lambda scan: self._keeper.call(self._hear, scan))
        except Exception:
            log.exception("The folders cannot be read; suggestions are made without other files.")
        else:
            self._keeper.call(self._made, new)

    def _made(self, new: Repository) -> None:
        if self._closed:
            self._loop.run_in_executor(None, new.close)
            return
        self._repository = new
        self._take_folders()
        for document in self._open.values():
            new.opened(document.file, document.snapshot.text)

    @property
    def _on(self) -> bool:
        return self._settings.enabled and self._settings.budget > 0

    def _find_roots(self) -> None:
        for document in self._open.values():
            root = self._root_of(document)
            if root != document.root:
                document.root, document.chosen, document.neighbours = root, None, Neighbours()

    def _root_of(self, document: Document) -> Path | None:
        """Return the deepest folder that a document is in."""
        if self._repository is None or not self._on or document.real is None:
            return None
        return max(
            (one for one in self._folders if one in document.real.parents), key=lambda one: len(one.parts), default=None
        )

    def saved(self, path: str) -> None:
        """Hear that the editor wrote a file."""
        if self._repository is not None:
            self._repository.saved(path)

    def files_changed(self, paths: Iterable[str]) -> None:
        """Hear of files that were made, changed or deleted."""
        if self._repository is not None:
            self._repository.watched_files(paths)

    def _hear(self, scan: Scan) -> None:
        self._tell_scanned(scan)
        if scan.scanning:
            self._scan_began = self._scan_began or self._loop.time()
        elif self._scan_began:
            self.scan_ms, self._scan_began = (self._loop.time() - self._scan_began) * 1e3, 0.0
        own = self._in_use is not None and scan.buffer == str(self._in_use.real)
        if not scan.scanning and not own and self._news is None:
            self._news = self._loop.call_later(_NEWS_S, self._take_news)

    def _take_news(self) -> None:
        self._news = None
        if self._in_use is not None:
            self._rest(self._in_use, Cause.NEWS)

    # ---- documents ---------------------------------------------------------------------------------------------

    def opened(self, document: Document) -> None:
        """Take a document that was opened; one without a file has no neighbours."""
        if document.file:
            self._open[document.file] = document
            document.real = real_path(document.file)
            if self._repository is not None:
                self._repository.opened(document.file, document.snapshot.text)
                document.root = self._root_of(document)

    def closed(self, document: Document) -> None:
        """Forget a document."""
        if self._in_use is document:
            self._in_use = None
        if self._open.pop(document.file, None) is not None and self._repository is not None:
            self._repository.closed(document.file)

    def changed(self, document: Document) -> None:
        """Hear that the user typed in a document."""
        if self._repository is not None and document.file:
            self._repository.changed(document.file, document.snapshot.text)
        self.used(document)

    def used(self, document: Document) -> None:
        """Hear that the user is at the cursor of a document: choose at once where that is somewhere else."""
        before, self._in_use = self._in_use, document
        if document.root is None:
            return
        chosen = document.chosen
        if chosen is None or abs(document.cursor - chosen.offset) > _JUMP:
            self._rest(document, Cause.MOVED)
        elif before is not document:
            self._rest(document, Cause.BACK)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_REST_S, self._pause, document)

    def _pause(self, document: Document) -> None:
        self._timer = None
        line = _line(document)
        if document.chosen is None or document.chosen.line != line:
            self._rest(document, Cause.PAUSE)

    def loaded(self) -> None:
        """Hear that there is a model: what fits is known now."""
        if self._in_use is not None:
            self._rest(self._in_use, Cause.MOVED)

    # ---- choosing ----------------------------------------------------------------------------------------------

    def _rest(self, document: Document, cause: Cause) -> None:
        if self._closed or document.root is None:
            return
        waiting = self._wanted
        if waiting is not None and waiting.document is document:
            cause = max(cause, waiting.cause)
        self._wanted = _Wanted(document, cause)
        self._choose_next()

    def _choose_next(self) -> None:
        wanted, repository, completer = self._wanted, self._repository, self._keeper.completer
        if self._running or wanted is None or repository is None or completer is None:
            return
        self._wanted = None
        document = wanted.document
        if document.closed or document.cursor < 0:
            return
        if wanted.cause is Cause.PAUSE and document.chosen is not None and document.chosen.line == _line(document):
            return  # chosen while the pause's choice waited
        place = document.place(document.cursor)
        budget = completer.context_budget(self._policy.ask(document, place))
        if budget <= 0:
            return
        file, window, chosen = document.file, document.window, document.chosen
        kept = self._kept(document)

        def choose() -> _Choice:
            old = chosen
            if old is None and (folder := kept()) is not None:
                old = remembered(folder, file)
            found = repository.select(file, place.text, place.offset, window, budget, completer.count)
            return _Choice(found, old, outdated=old is not None and repository.outdated(file, old.selection))

        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="starcoder-neighbours")
        self._running = True
        here = Chosen(Selection(), document.cursor, _line(document), budget)
        future = self._pool.submit(choose)
        future.add_done_callback(lambda done: self._keeper.call(self._took, wanted, here, done))

    def _took(self, wanted: _Wanted, here: Chosen, future: Future[_Choice]) -> None:
        """Take a choice, made for `here`, or what stood before where that still serves."""
        self._running = False
        document = wanted.document
        try:
            choice = future.result()
        except Exception:
            log.exception("Choosing among the repository's files failed; suggestions are made without them.")
        else:
            if not document.closed and document.root is not None:
                before = document.chosen
                document.chosen = evolve(here, selection=self._better(choice, here, wanted.cause, first=before is None))
                self._tell_chosen(document, neighbours_of(document.chosen.selection, document.root.name))
                if before is None or before.selection != document.chosen.selection:
                    self._remember(document, document.chosen)
        self._choose_next()

    @staticmethod
    def _better(choice: _Choice, here: Chosen, cause: Cause, *, first: bool) -> Selection:
        """Return what was chosen now, or before, where that is worth nearly as much."""
        old = choice.old
        if old is None or choice.outdated:
            return choice.found
        enough = _STILL_SERVES.get(cause)
        if first and old.budget == here.budget and abs(old.offset - here.offset) <= _JUMP:
            enough = 0.0 if old.line == here.line else _STILL_SERVES[Cause.PAUSE]
        return old.selection if enough is not None and covered(choice.found, old.selection) >= enough else choice.found

    def _remember(self, document: Document, chosen: Chosen) -> None:
        """Keep a choice on disk, in the background, where what it was made for may be kept."""
        file, kept = document.file, self._kept(document)

        def keep() -> None:
            if (folder := kept()) is not None:
                remember(folder, file, chosen)

        if self._pool is not None and not self._closed:
            self._pool.submit(keep)

    def _kept(self, document: Document) -> Callable[[], StatesFolder | None]:
        """Return what tells, on any thread, where a document's choices are kept; None where they may not be."""
        settings = self._policy.settings
        folder, may_keep = StatesFolder.of(settings.cache_disk, settings.cache_folder), self._policy.may_keep(document)
        return lambda: folder if folder is not None and may_keep() else None

    def close(self) -> None:
        """Stop following the folders. Idempotent; waits a few seconds at most."""
        self._closed = True
        for timer in (self._timer, self._news):
            if timer is not None:
                timer.cancel()
        if self._repository is not None:
            self._repository.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


@frozen
class _Choice:
    """What is chosen now, and what was before: by this process, or by an earlier one."""

    found: Selection
    old: Chosen | None
    outdated: bool
    """Whether files no longer have the lines of the old one."""


@define(eq=False)
class _Wanted:
    document: Document
    cause: Cause


def _repository(settings: ContextSettings, progress: Callable[[Scan], None]) -> Repository:
    from starcoder_lsp.repository.service import Repository  # noqa: PLC0415 - numpy, tree-sitter and watchdog

    return Repository(settings, progress=progress)


def real_path(path: Path | str) -> Path:
    """Return a path without symbolic links; the path itself where it cannot be."""
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(path)


def context_settings(settings: Settings) -> ContextSettings:
    """Return the part of the settings that is about neighbours."""
    return ContextSettings(
        enabled=settings.context_enabled,
        budget=settings.context_budget,
        exclude=settings.context_exclude,
        max_files=settings.context_max_files,
    )


def neighbours_of(selection: Selection, repository: str) -> Neighbours:
    """Return a selection as a prompt takes it; equal ones have equal keys."""
    files = tuple(Neighbour(one.path, one.text) for one in selection.snippets)
    if not files:
        return Neighbours()
    whole = "\0".join([repository, *(part for one in files for part in (one.path, one.text))])
    key = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Neighbours(key, repository, files)


def covered(new: Selection, old: Selection) -> float:
    """Return which share of what `new` is worth stands in `old`: each file's worth counts by its lines there."""
    worth = sum(one.score for one in new.snippets)
    if worth <= 0:
        return 1.0
    lines = {one.path: set(one.text.splitlines()) for one in old.snippets}
    kept = 0.0
    for one in new.snippets:
        own = one.text.splitlines()
        kept += one.score * sum(line in lines.get(one.path, ()) for line in own) / max(1, len(own))
    return kept / worth


def _line(document: Document) -> int:
    return document.snapshot.text.count("\n", 0, document.cursor)
