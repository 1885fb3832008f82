"""Watching folders for changes: the only home of watchdog.

Where the system tells of whole trees (macOS, Windows), one watch a root is enough. On Linux each folder costs a watch
of the kernel's, so those that are left out (node_modules, .git) are not watched: a tree without such a folder has one
recursive watch, a folder that has one among its children is watched by itself. Where the kernel's limit is hit,
changes are looked for every so often instead, and one line in the log says so.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileClosedNoWriteEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.ignore import is_rule_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from watchdog.observers.api import BaseObserver, ObservedWatch

__all__ = ["Watch", "cover"]

log = logging.getLogger(__name__)

_QUIET_S: Final = 0.1
_LONGEST_S: Final = 0.5
"""Changes are told of once it has been quiet so long, or the first of them is so old."""
_STORM: Final = 2_000
"""Paths at once: more are a branch switch. Then the whole root is looked at, as the kernel may have dropped some."""
_MOST_WATCHES: Final = 48
"""Each has a thread."""
_POLL_S: Final = 20.0
_LINUX: Final = sys.platform.startswith("linux")
_WANTED: Final[list[type[FileSystemEvent]]] = [
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileClosedEvent if _LINUX else FileModifiedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]
logging.getLogger("watchdog").setLevel(logging.CRITICAL)
"""It logs as an error that a watch was ended while it had something to tell."""
_LIMIT: Final = Path("/proc/sys/fs/inotify/max_user_watches")


class Watch:
    """Tells of changes below folders. Thread-safe.

    `changed` gets whole paths of what was made, changed, moved or deleted; `lost` a root of which all should be
    looked at again. Both are called on a thread of this class's.
    """

    def __init__(
        self, changed: Callable[[list[str]], None], lost: Callable[[Path], None], *, poll_s: float = _POLL_S
    ) -> None:
        """Watch nothing yet."""
        self._changed = changed
        self._lost = lost
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, list[ObservedWatch]] = {}
        self._barred: dict[Path, frozenset[str]] = {}
        self._polled: set[Path] = set()
        self._told = False
        self._pending: dict[str, None] = {}
        self._dead: set[str] = set()
        self._first = self._last = 0.0
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def polled(self) -> frozenset[Path]:
        """The roots that are looked at every so often, since they cannot be watched."""
        with self._lock:
            return frozenset(self._polled)

    def follow(self, root: Path, folders: Sequence[str], barred: Collection[str]) -> bool:
        """Watch a root's folders, relative to it, without those that are barred. Called again: as they are now.

        Return whether some are watched from now on: what changed in them before was not told of.
        """
        wanted = cover(folders, barred) if _LINUX else [("", True)]
        if _LINUX and len(folders) > _limit():
            self._poll(root, f"it has {len(folders):,} folders, and the system allows {_limit():,} watches")
            return False
        with self._lock:
            if self._closed:
                return False
            self._start()
            self._barred[root] = frozenset(barred)
            old = {(watch.path, watch.is_recursive): watch for watch in self._watches.get(root, ())}
        new = {(str(root / folder) if folder else str(root), deep) for folder, deep in wanted}
        try:
            self._schedule(root, sorted(new.difference(old)))
        except OSError as error:
            self.leave(root)
            self._poll(root, error.strerror or str(error))
            return False
        self._unschedule(root, [watch for key, watch in old.items() if key not in new])
        if _LINUX and (have := _kernel_watches()) is not None and have < len(folders):
            self._poll(root, f"the system gave {have:,} watches for {len(folders):,} folders")
        return not new.issubset(old)

    def extend(self, root: Path, folders: Iterable[str]) -> list[str]:
        """Watch new folders of a root, with all below them, and return those that were not watched before."""
        if not _LINUX:
            return []
        with self._lock:
            if self._closed or root not in self._watches:
                return []
            deep = [watch.path for watch in self._watches[root] if watch.is_recursive]
            known = {watch.path for watch in self._watches[root]}
        new: list[str] = []
        for folder in sorted(folders):
            whole = str(root / folder)
            if whole not in known and not any(whole.startswith(f"{one}{os.sep}") for one in deep):
                new.append(folder)
                deep.append(whole)
        try:
            self._schedule(root, [(str(root / folder), True) for folder in new])
        except OSError as error:
            self._poll(root, error.strerror or str(error))
        return new

    def wastes(self, root: Path, barred: Iterable[str]) -> bool:
        """Return whether folders that are left out are watched, since they are new: `follow` would end that."""
        with self._lock:
            known = self._barred.get(root, frozenset())
        return _LINUX and any(one not in known and not _is_small(one) for one in barred)

    def leave(self, root: Path) -> None:
        """Watch a root no longer."""
        with self._lock:
            watches = list(self._watches.get(root, []))
            self._polled.discard(root)
            self._barred.pop(root, None)
        self._unschedule(root, watches)
        with self._lock:
            self._watches.pop(root, None)

    def close(self) -> None:
        """Stop. Idempotent."""
        with self._lock:
            self._closed = True
            observer, self._observer = self._observer, None
            thread = self._thread
            self._watches.clear()
            self._polled.clear()
        self._wake.set()
        if observer is not None:
            observer.stop()
            observer.join(timeout=5)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _start(self) -> None:
        """Begin the threads; with the lock held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._tell, name="starcoder-repository-watch", daemon=True)
            self._thread.start()

    def _schedule(self, root: Path, wanted: Iterable[tuple[str, bool]]) -> None:
        with self._lock:
            if self._closed:
                return
            if self._observer is None:
                observer = Observer()
                observer.daemon = True
                observer.start()
                self._observer = observer
            observer = self._observer
            watches = self._watches.setdefault(root, [])
        handler = _Handler(self._note)
        for path, deep in wanted:
            try:
                watches.append(observer.schedule(handler, path, recursive=deep, event_filter=_WANTED))
            except FileNotFoundError:  # noqa: PERF203 - each for itself
                continue  # gone meanwhile

    def _forget(self, root: Path, folders: set[str]) -> None:
        """Forget the watches of folders that went, and of those in them: they may come back, and be others."""
        with self._lock:
            dead = [
                watch
                for watch in self._watches.get(root, ())
                if any(watch.path == one or watch.path.startswith(f"{one}{os.sep}") for one in folders)
            ]
        if dead:
            self._unschedule(root, dead)

    def _unschedule(self, root: Path, watches: Iterable[ObservedWatch]) -> None:
        with self._lock:
            observer, kept = self._observer, self._watches.get(root, [])
            kept[:] = [one for one in kept if one not in watches]
        for watch in watches:
            if observer is not None:
                try:
                    observer.unschedule(watch)
                except (KeyError, OSError) as error:
                    log.debug("A watch was gone already: %s", error)

    def _poll(self, root: Path, why: str) -> None:
        with self._lock:
            self._start()
            self._polled.add(root)
            told, self._told = self._told, True
        self._wake.set()
        if not told:
            remedy = " To raise it: sysctl fs.inotify.max_user_watches=524288." if _LINUX else ""
            log.warning("Changes in %s are looked for every %g s, not watched: %s.%s", root, self._poll_s, why, remedy)

    def _note(self, paths: Collection[str], dead: str) -> None:
        """Note what changed, and a folder that went, with whose watch the system has done away."""
        if not paths and not dead:
            return
        now = time.monotonic()
        with self._lock:
            if dead:
                self._dead.add(dead)
            if not self._pending:
                self._first = now
            self._last = now
            self._pending.update(dict.fromkeys(paths))
        self._wake.set()

    def _tell(self) -> None:
        """Pass on what was noted, once it is quiet."""
        next_poll = time.monotonic() + self._poll_s
        while True:
            with self._lock:
                if self._closed:
                    return
                now = time.monotonic()
                due = min(self._last + _QUIET_S, self._first + _LONGEST_S) if self._pending else None
                ready = list(self._pending) if due is not None and now >= due else []
                dead: set[str] = set()
                if ready:
                    self._pending.clear()
                    dead, self._dead = self._dead, dead
                roots = list(self._watches)
                polled = list(self._polled) if now >= next_poll else []
                sleep = due - now if due is not None and not ready else None
                if self._polled:
                    sleep = min(sleep if sleep is not None else self._poll_s, max(0.0, next_poll - now))
                self._wake.clear()
            if polled:
                next_poll = now + self._poll_s
            for root in roots if dead else ():
                self._forget(root, dead)
            self._call(ready, [*polled, *(_roots_of(ready, roots) if len(ready) > _STORM else ())])
            if not ready and not polled:
                self._wake.wait(sleep)

    def _call(self, paths: list[str], lost: Iterable[Path]) -> None:
        try:
            if paths:
                self._changed(paths)
            for root in lost:
                self._lost(root)
        except Exception:
            log.exception("Changes in the workspace could not be followed")


class _Handler(FileSystemEventHandler):
    def __init__(self, note: Callable[[Collection[str], str], None]) -> None:
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, (DirModifiedEvent, FileOpenedEvent, FileClosedNoWriteEvent)):
            return
        paths = [os.fsdecode(one) for one in (event.src_path, event.dest_path) if one]
        may_be_folder = event.is_directory or (not _LINUX and isinstance(event, FileDeletedEvent))
        mattering = [one for one in paths if _matters(one.replace(os.sep, "/"), may_be_folder=may_be_folder)]
        self._note(mattering, paths[0] if isinstance(event, (DirDeletedEvent, DirMovedEvent)) and paths else "")


def _matters(path: str, *, may_be_folder: bool) -> bool:
    if is_rule_file(path):
        return True
    return "/.git/" not in path and (may_be_folder or bool(language_of(path)))


def cover(folders: Sequence[str], barred: Iterable[str]) -> list[tuple[str, bool]]:
    """Return the folders to watch, and whether with all below them, so that nothing that is barred is watched.

    Paths are relative to a root, which is the empty one. Where that takes too many watches, the root and all below it.
    """
    has_barred = {""}
    for one in barred:
        if _is_small(one):
            continue
        parent = one.rpartition("/")[0]
        while parent not in has_barred:
            has_barred.add(parent)
            parent = parent.rpartition("/")[0]
    watches = [(folder, False) for folder in folders if folder in has_barred]
    watches += [
        (folder, True) for folder in folders if folder not in has_barred and folder.rpartition("/")[0] in has_barred
    ]
    return watches if len(watches) <= _MOST_WATCHES else [("", True)]


def _is_small(folder: str) -> bool:
    """Return whether a folder that is barred is small, and everywhere: not worth a watch for each of its neighbours."""
    return folder.endswith("__pycache__")


def _roots_of(paths: Iterable[str], roots: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        for root in roots:
            if path.startswith(f"{root}{os.sep}"):
                found[root] = None
        if len(found) == len(roots):
            break
    return list(found)


def _limit() -> int:
    try:
        return int(_LIMIT.read_text(encoding="ascii")) * 9 // 10
    except (OSError, ValueError):
        return sys.maxsize


def _kernel_watches() -> int | None:
    """Return how many folders this process watches as the kernel counts; None where it does not say.

    watchdog does not tell when it could not watch a folder below another.
    """
    count = None
    try:
        for link in Path("/proc/self/fd").iterdir():
            try:
                if "inotify" in os.readlink(link):  # noqa: PTH115 - no path but a name such as anon_inode:inotify
                    lines = Path("/proc/self/fdinfo", link.name).read_text(encoding="ascii").split("\n")
                    count = (count or 0) + sum(line.startswith("inotify ") for line in lines)
            except OSError:  # noqa: PERF203 - each for itself
                continue
    except OSError:
        return None
    return count
