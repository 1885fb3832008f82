"""What a server or a command asks about a workspace: `Repository`.

Its contract:

- **Who may call, and what it costs.** Every method may be called from any thread, the event loop included. None waits
  for a scan, for a file or for another process, but `close` (some seconds at most) and `wait` (for commands and tests
  only). `opened`, `changed`, `closed`, `saved` and `watched_files` put a note into a queue. `select` ranks what is
  known by now (some milliseconds) and reads at most some dozens of files: call it in a worker thread, at rests.
- **Paths** are whole and of this machine (never URIs). What is in none of the roots may be passed all the same: it is
  followed by nobody, and `select` answers with an empty `Selection`. A file belongs to the deepest root that it is in,
  and is only ever a neighbour of that root's files.
- **An open document beats the disk** from `opened` until `closed`. A `select` after `changed` has returned sees the
  new text; names that are new in it are known half a second after the last change, or at once after `saved`.
- **Never in a `Selection`**: a line of a file that is ignored, secret by its name (secret_files.py), binary,
  generated or of another root, also while it is open; a line that looks like a secret (secrets.py); what identifies
  people and machines (personal.py).
- **`settings`** are those of `set_settings`; with `enabled` False nothing is scanned, watched or kept, and every
  `select` is empty.
- **`progress`** gets a `Status` a few times a second while a root is scanned, at its end, and whenever a change is
  known, on this class's thread.
- Nothing is raised for what files, editors or other processes do. What goes wrong is logged, without any file's text,
  and costs the context, never the suggestion.
"""

from __future__ import annotations

import logging
import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from starcoder_lsp.repository.cache import default_folder
from starcoder_lsp.repository.children import Children
from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.follow import Follower
from starcoder_lsp.repository.jobs import Jobs
from starcoder_lsp.repository.memory import give_back
from starcoder_lsp.repository.opened import Opened
from starcoder_lsp.repository.query import Query, Selection, Spot
from starcoder_lsp.repository.root import Root
from starcoder_lsp.repository.settings import ContextSettings
from starcoder_lsp.repository.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Progress = Callable[["Status"], None]

__all__ = ["ContextSettings", "Repository", "Selection", "Status"]

log = logging.getLogger(__name__)

_VIEWED: Final = 20
"""Lines above and below the cursor that count as looked at."""


@frozen
class Status:
    """What is known of the workspace.

    Attributes:
        files: in the index, of all roots.
        symbols: definitions in them.
        scanning: whether a scan goes on.
        wanted: how many files the index will have at the end of the scan; `files` where none goes on.
        polled: roots that cannot be watched, and are looked at every so often instead.
        left_out: files and folders that no root's last scan took, counted by why ("it is …").
        buffer: the real path of an open document, where the news is that its names are known; else empty.
    """

    files: int = 0
    symbols: int = 0
    scanning: bool = False
    wanted: int = 0
    polled: tuple[str, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    buffer: str = ""


class Repository:
    """The folders of a workspace, and what their files know of each other. The module says what holds for all of it."""

    def __init__(
        self,
        settings: ContextSettings | None = None,
        *,
        cache_folder: Path | None = None,
        progress: Progress | None = None,
        cached: bool = True,
    ) -> None:
        """Follow nothing yet.

        `cache_folder`: where facts are kept between starts, the user's cache folder unless given; `cached` False: none.
        """
        self.settings = settings or ContextSettings()
        self._cache_folder = (cache_folder or default_folder()) if cached else None
        self._progress = progress
        self._lock = threading.RLock()
        self._settled = threading.Condition()
        self._wanted: tuple[Path, ...] = ()
        self._roots: dict[Path, Root] = {}
        self._opened = Opened()
        self._closed = False
        self._jobs = Jobs()
        self._children = Children()
        self._watch = Watch(self.watched_files, self._lost)
        self._follower = Follower(
            self._children, self._watch, self._lock, self._jobs.put, self._told, self.settings.max_files
        )

    # --- what the editor tells ---

    def set_roots(self, roots: Iterable[Path | str]) -> None:
        """Follow these folders from now on, and no others. What is no folder is left out."""
        self._wanted = tuple(map(Path, roots))
        self._jobs.put(self._set_roots)

    def set_settings(self, settings: ContextSettings) -> None:
        """Take other settings: what they leave out now is forgotten."""
        self.settings = settings
        self._jobs.put(self._set_roots)

    def opened(self, path: Path | str, text: str) -> None:
        """Take an open document's text: it beats the file on disk, until it is closed."""
        self._opened.put(str(path), text)
        self._jobs.put(partial(self._refresh, str(path)))

    def changed(self, path: Path | str, text: str) -> None:
        """Take the new text of an open document."""
        self.opened(path, text)

    def saved(self, path: Path | str) -> None:
        """The editor wrote a file: it is looked at now, not at the next rest."""
        if self._opened.is_open(str(path)):
            self._jobs.put(partial(self._refresh, str(path), now=True))
        else:
            self.watched_files([path])

    def closed(self, path: Path | str) -> None:
        """The file on disk counts again."""
        real = self._opened.drop(str(path))
        if real is not None:
            self._jobs.put(partial(self._look, [real], known=False))

    def watched_files(self, changes: Iterable[Path | str]) -> None:
        """Files or folders were made, changed, moved or deleted: by the word of the editor, or of the system."""
        self._jobs.put(partial(self._look, [str(path) for path in changes]))

    # --- what the server asks ---

    def select(
        self,
        path: Path | str,
        text: str,
        offset: int,
        window: tuple[int, int] | None,
        budget: int,
        count: Callable[[str], int],
    ) -> Selection:
        r"""Return what helps at a place, in at most `budget` tokens; nothing where the file belongs to no root.

        Args:
            path: of the file at the cursor.
            text: the whole file as the editor has it, with `\n` line ends.
            offset: the cursor, in characters of `text`.
            window: the part of `text` that the prompt holds anyway, as (start, end); None for all of it.
            budget: tokens for the snippets with their paths, all together.
            count: returns the tokens of a text; called some hundred times, on this thread.
        """
        real = self._opened.real(str(path))
        with self._lock:
            root = self._root_of(real) if self.settings.enabled and budget > 0 else None
            if root is None:
                return Selection()
            self._touch()
            inside = root.relative(real) or ""
            recent = tuple(self._recent(root))
            query = Query(inside, language_of(inside), text, offset, window, recent)
            try:
                selection = root.index.select(query, budget, count)
            except Exception:
                log.exception("Choosing the context failed; this prompt goes without")
                return Selection()
            considered = [*(one.path for one in selection.snippets), *(one.path for one in selection.left_out)]
            shallow = root.shallow.difference(root.asked).intersection(considered)
        if shallow:
            self._jobs.put(partial(self._follower.parse, root, sorted(shallow)))
        if selection.read_ms:
            give_back()
        line = text.count("\n", 0, offset) + 1
        self._opened.viewed(real, (max(1, line - _VIEWED), line + _VIEWED))
        return selection

    def outdated(self, path: Path | str, selection: Selection) -> bool:
        """Whether a file of a selection, made for the file at `path`, no longer has the lines taken from it."""
        with self._lock:
            root = self._root_of(self._opened.real(str(path)))
            if root is None:
                return bool(selection.snippets)
            self._touch()
            return any(not root.index.holds(one.path, one.text) for one in selection.snippets)

    def root_of(self, path: Path | str) -> Path | None:
        """Return the deepest root that a file is in; None for a file outside of all."""
        with self._lock:
            root = self._root_of(self._opened.real(str(path)))
            return None if root is None else root.path

    def why_not(self, path: Path | str) -> str:
        """Return why a file is in no prompt as a neighbour, as the end of "it is …"; empty for one that may be."""
        real = self._opened.real(str(path))
        with self._lock:
            root = self._root_of(real)
            return "outside of the workspace's folders" if root is None else root.why_not(root.relative(real) or "")

    @property
    def status(self) -> Status:
        """How far things are."""
        with self._lock:
            roots = list(self._roots.values())
            return Status(
                files=sum(len(root.index) for root in roots),
                symbols=sum(root.index.symbols for root in roots),
                scanning=self._scanning(),
                wanted=sum(self._follower.wanted(root) for root in roots),
                polled=tuple(sorted(map(str, self._watch.polled))),
                left_out=_sum(root.counted or {} for root in roots),
            )

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all that was told before is known and no scan goes on; False where that took longer."""
        passed = threading.Event()
        self._jobs.put(passed.set)
        if not passed.wait(timeout):
            return False
        with self._settled:
            return self._settled.wait_for(lambda: self._closed or not self.status.scanning, timeout)

    def close(self) -> None:
        """Stop everything. Idempotent; waits a few seconds at most."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._jobs.close()
        self._children.close()
        self._watch.close()
        for root in self._roots.values():
            root.write_cache(self._lock)
        with self._settled:
            self._settled.notify_all()

    # --- with the lock held ---

    def _root_of(self, real: str) -> Root | None:
        found = [root for root in self._roots.values() if root.relative(real) is not None]
        return max(found, key=lambda root: len(root.path.parts), default=None)

    def _scanning(self) -> bool:
        return any(root.scanning for root in self._roots.values())

    def _touch(self) -> None:
        """Forget what the indices remember of open documents that changed."""
        for real in self._opened.touched():
            root = self._root_of(real)
            if root is not None:
                root.index.touch(root.relative(real) or "")

    def _recent(self, root: Root) -> Iterable[Spot]:
        for real, (start, end) in self._opened.recent():
            inside = root.relative(real)
            if inside and self._root_of(real) is root:
                yield Spot(inside, start, end)

    # --- on the thread of the jobs ---

    def _set_roots(self) -> None:
        """Make the roots those that are wanted; one whose rules did not change is kept as it is."""
        settings = self.settings
        paths = [real for root in self._wanted if (real := _real_folder(root)) is not None]
        wanted = list(dict.fromkeys(paths)) if settings.enabled else []
        self._follower.most = settings.max_files
        made = [
            Root(
                path,
                exclude=settings.exclude,
                others=[one for one in wanted if path in one.parents],
                cache_folder=self._cache_folder,
                buffer=self._opened.text,
            )
            for path in wanted
        ]
        with self._lock:
            old = self._roots
            self._roots = {
                one.path: old[one.path] if one.path in old and old[one.path].place == one.place else one for one in made
            }
            gone = [root for path, root in old.items() if self._roots.get(path) is not root]
            fresh = [root for path, root in self._roots.items() if old.get(path) is not root]
        for root in gone:
            self._follower.leave(root)
        for root in fresh:
            self._follower.scan(root, self._near(root))
        for document in self._opened.reals():
            self._refresh(document)
        self._told()

    def _refresh(self, path: str, *, now: bool = False) -> None:
        """See to the facts of an open document."""
        real = self._opened.real(path)
        with self._lock:
            root = self._root_of(real)
        if root is not None:
            text = partial(self._opened.text, real)
            self._follower.buffer(root, root.relative(real) or "", text, now=now)

    def _lost(self, path: Path) -> None:
        self._jobs.put(partial(self._check, path))

    def _check(self, path: Path) -> None:
        with self._lock:
            root = self._roots.get(path)
        if root is not None:
            self._follower.check(root, self._near(root))

    def _look(self, paths: list[str], *, known: bool = True) -> None:
        """Look at what may have changed, root by root. `known` False: whatever was known of them counts no more."""
        by_root: dict[Path, list[str]] = {}
        reals = list(self._opened.reals_of(paths))
        with self._lock:
            for real in reals:
                root = self._root_of(real)
                inside = None if root is None else root.relative(real)
                if root is None or not inside or root.is_open(inside):
                    continue
                by_root.setdefault(root.path, []).append(inside)
                if not known:
                    root.known.pop(inside, None)
                    root.index.touch(inside)
            roots = dict(self._roots)
        for root_path, inside_paths in by_root.items():
            root = roots[root_path]
            self._follower.look(root, inside_paths, self._near(root))

    def _near(self, root: Root) -> list[str]:
        """Return the open documents of a root."""
        return [inside for real in self._opened.reals() if (inside := root.relative(real)) is not None]

    def _told(self, buffer: str = "") -> None:
        with self._settled:
            self._settled.notify_all()
        if self._progress is not None:
            self._progress(evolve(self.status, buffer=buffer))


def _real_folder(path: Path) -> Path | None:
    """Return a folder without symbolic links in its path; None for what is none."""
    try:
        real = Path(os.path.realpath(path))
        return real if real.is_dir() else None
    except (OSError, ValueError):
        return None


def _sum(counts: Iterable[dict[str, int]]) -> tuple[tuple[str, int], ...]:
    total: dict[str, int] = {}
    for one in counts:
        for why, number in one.items():
            total[why] = total.get(why, 0) + number
    return tuple(sorted(total.items(), key=lambda item: (-item[1], item[0])))
