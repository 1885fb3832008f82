"""How an index comes to know its root: scans, looks at what changed, open documents.

It works by questions to the reading processes (questions.py), and runs on the repository's own thread.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import define, field

from starcoder_lsp.repository.children import BUFFER, DEEPEN, SCAN
from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.ignore import is_rule_file
from starcoder_lsp.repository.memory import give_back
from starcoder_lsp.repository.questions import Questions
from starcoder_lsp.repository.scan import Looked, order

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from starcoder_lsp.repository.children import Children
    from starcoder_lsp.repository.facts import FileFacts
    from starcoder_lsp.repository.root import Root
    from starcoder_lsp.repository.scan import Entry, Walked
    from starcoder_lsp.repository.watch import Watch

__all__ = ["Follower"]

log = logging.getLogger(__name__)

_BATCH_FILES: Final = 200
_BATCH_BYTES: Final = 2_000_000
_IN_FLIGHT: Final = 4
"""Batches of a scan that are asked for at once: two processes, and one more for each to go on with."""
_PARSED_BYTES: Final = 30_000_000
"""More than so much to read is not parsed at first: that takes a second for each 3 MB, regular expressions a fifth."""
_DEEPENED: Final = 2_000
"""Files that are parsed after all, once the rest is done: those nearest to open ones first."""
_REST_S: Final = 0.4
_RESTLESS_S: Final = 5.0
"""An open document is looked into so long after its last change, and at the latest so long after the first one."""
_FEW: Final = 20
_LITTLE_BYTES: Final = 1_000_000
"""So many files, no longer together, somebody saved: they go in front of a scan. More are a branch switch."""
_LOOKED: Final = 1_000
"""Paths that are asked for at once."""
_CHANGED_BYTES: Final = 3_000_000
"""Of more in these, nothing is parsed at first."""
_WALK_S: Final = 1.0
_WALKS_S: Final = 15.0
"""A root that has new folders is walked after so long, and not again for so long."""
_PROGRESS_S: Final = 0.25


@define(eq=False)
class _Scan:
    """A scan of a root that goes on."""

    near: Sequence[str]
    walked: Walked | None = None
    again: bool = False
    batches: deque[tuple[list[Entry], bool]] = field(factory=deque)
    in_flight: int = 0
    wanted: int = 0
    told: float = 0.0
    again_for_watch: bool = False
    """What changed between the walk and the watch was seen by neither."""


@define
class _Rest:
    """An open document that changed: when first, and when last."""

    first: float
    last: float


class Follower:
    """Keeps the indices of roots true. `later` puts a job into the queue of the thread that all this runs on."""

    def __init__(
        self,
        children: Children,
        watch: Watch,
        lock: threading.RLock,
        later: Callable[[Callable[[], None], float], None],
        progress: Callable[[str], None],
        most: int,
    ) -> None:
        """`lock` guards the roots; `most`: files of a root.

        `progress` is told that the status changed; with the real path of an open document, where its facts did.
        """
        self.most = most
        self._questions = Questions(children, lock, later)
        self._watch = watch
        self._lock = lock
        self._later = later
        self._progress = progress
        self._scans: dict[Root, _Scan] = {}
        self._resting: dict[tuple[Root, str], _Rest] = {}
        self._waiting: set[Root] = set()
        self._walks: dict[Root, float] = {}
        """Roots that will be walked once more, and when they were."""

    def wanted(self, root: Root) -> int:
        """Return how many files the scan that goes on has found; those of the index where none does."""
        scan = self._scans.get(root)
        return scan.wanted if scan is not None and scan.wanted else len(root.index)

    # --- a scan: what the cache has, then what the walk found and it does not have ---

    def scan(self, root: Root, near: Sequence[str]) -> None:
        """Look at all of a root. While one goes on, it is done once more at its end."""
        running = self._scans.get(root)
        if running is not None:
            running.again = True
            return
        with self._lock:
            root.scanning = True
            root.reread_rules()
        scan = self._scans[root] = _Scan(near)
        self._questions.ask(SCAN, partial(self._walked, root, scan), "walk", root.place, near, most=self.most)
        root.read_cache(self._lock)
        self._told(scan, now=True)

    def leave(self, root: Root) -> None:
        """Follow a root no longer."""
        self._scans.pop(root, None)
        self._walks.pop(root, None)
        self._waiting.discard(root)
        self._watch.leave(root.path)

    def _walked(self, root: Root, scan: _Scan, walked: Walked | None) -> None:
        if self._scans.get(root) is not scan:
            return
        if walked is None:
            self._finish(root, scan)
            return
        scan.walked = walked
        scan.wanted = len(walked.entries)
        scan.again_for_watch = self._watch.follow(root.path, walked.folders, walked.barred)
        self._compare(root, scan)

    def _compare(self, root: Root, scan: _Scan) -> None:
        """Ask for what is not known yet, and forget what is gone."""
        assert scan.walked is not None  # noqa: S101 - it was walked
        with self._lock:
            root.counted = scan.walked.left_out
            missing = root.missing(scan.walked.entries)
            root.forget(path for path in missing if not root.is_open(path))
            stale = root.stale(scan.walked.entries)
        parse = sum(size for _path, size, _time in stale) <= _PARSED_BYTES
        scan.batches.extend((batch, parse) for batch in _batches(stale))
        self._go_on(root, scan)

    def _go_on(self, root: Root, scan: _Scan) -> None:
        while scan.batches and scan.in_flight < _IN_FLIGHT:
            batch, parse = scan.batches.popleft()
            scan.in_flight += 1
            taken = partial(self._scanned, root, scan)
            self._questions.facts(SCAN, root, batch, taken, parse=parse)
        if not scan.batches and not scan.in_flight:
            self._finish(root, scan)
        else:
            self._told(scan)

    def _scanned(self, root: Root, scan: _Scan) -> None:
        scan.in_flight -= 1
        if self._scans.get(root) is scan:
            self._go_on(root, scan)

    def _finish(self, root: Root, scan: _Scan) -> None:
        del self._scans[root]
        with self._lock:
            root.scanning = False
        self._told(scan, now=True)
        root.write_cache(self._lock)
        scan.walked = None
        give_back()
        if scan.again:
            self.scan(root, scan.near)
        elif scan.again_for_watch:
            self._walk_soon(root, scan.near, 0.0)
        self._deepen(root, scan.near)

    def check(self, root: Root, near: Sequence[str]) -> None:
        """Look for what no watch told of."""
        self._walk_soon(root, near, 0.0)

    def _walk_soon(self, root: Root, near: Sequence[str], delay: float) -> None:
        """Walk a root once more, for what no watch told of; not too often."""
        if root not in self._waiting:
            since = time.monotonic() - self._walks.get(root, -_WALKS_S)
            self._waiting.add(root)
            self._later(partial(self._walk, root, near), max(delay, _WALKS_S - since))

    def _walk(self, root: Root, near: Sequence[str]) -> None:
        if root in self._waiting:
            self._waiting.discard(root)
            self._walks[root] = time.monotonic()
            self._questions.ask(
                DEEPEN, partial(self._walked_again, root, near), "walk", root.place, near, most=self.most
            )

    def _walked_again(self, root: Root, near: Sequence[str], walked: Walked | None) -> None:
        if walked is None or root not in self._walks:
            return
        new = self._watch.follow(root.path, walked.folders, walked.barred)
        with self._lock:
            root.reread_rules()
            root.counted = walked.left_out
            gone, stale = root.missing(walked.entries), root.stale(walked.entries)
        if gone or stale:
            self._looked(root, near, Looked(stale, gone, [], []))
        else:
            root.write_cache(self._lock)
        del walked
        give_back()
        if new:
            self._walk_soon(root, near, _WALK_S)

    def _deepen(self, root: Root, near: Sequence[str]) -> None:
        """Parse what a first scan of much did not: the nearest files, one batch after the other."""
        with self._lock:
            entries = [(path, *root.known[path]) for path in root.shallow if path in root.known]
        if entries:
            batches = deque(_batches(order(entries, near)[:_DEEPENED], most=20))
            self._deepen_next(root, batches)

    def parse(self, root: Root, paths: Sequence[str]) -> None:
        """Parse files that a first scan of much did not, since they were of interest now."""
        with self._lock:
            fresh = root.shallow.difference(root.asked)
            entries = [(path, *root.known[path]) for path in paths if path in fresh and path in root.known]
            root.asked.update(path for path, _size, _time in entries)
        for batch in _batches(entries):
            self._questions.facts(SCAN, root, batch, self._told_all, parse=True)

    def _deepen_next(self, root: Root, batches: deque[list[Entry]]) -> None:
        if root in self._scans:
            return
        if not batches:
            root.write_cache(self._lock)
        else:
            then = partial(self._deepen_next, root, batches)
            self._questions.facts(DEEPEN, root, batches.popleft(), then, parse=True)

    # --- single files ---

    def look(self, root: Root, paths: Sequence[str], near: Sequence[str]) -> None:
        """Look at files and folders that may have changed."""
        if any(map(is_rule_file, paths)):
            with self._lock:
                root.reread_rules()
            self.scan(root, near)
            return
        priority = BUFFER if len(paths) <= _FEW else SCAN
        for start in range(0, len(paths), _LOOKED):
            some = paths[start : start + _LOOKED]
            self._questions.ask(priority, partial(self._looked, root, near), "look", root.place, some)

    def _looked(self, root: Root, near: Sequence[str], found: Looked | None) -> None:
        if found is None:
            return
        if new := self._watch.extend(root.path, found.folders):
            self.look(root, new, near)  # what changed before they were watched was not told of
        if self._watch.wastes(root.path, found.barred):
            self._walk_soon(root, near, _WALK_S)
        with self._lock:
            root.forget(path for path in found.gone if not root.is_open(path))
            stale = root.stale(found.entries)
            room = max(_FEW, self.most - len(root.known))  # what is new is wanted: the next walk leaves older ones out
            stale = [one for one in stale if one[0] in root.known or (room := room - 1) >= 0]
            for path, _size, _time in stale:
                root.index.touch(path)
        size = sum(size for _path, size, _time in stale)
        priority = BUFFER if len(stale) <= _FEW and size <= _LITTLE_BYTES else SCAN
        for batch in _batches(stale):
            self._questions.facts(priority, root, batch, self._told_all, parse=size <= _CHANGED_BYTES)

    def buffer(self, root: Root, path: str, text: Callable[[], str | None], *, now: bool = False) -> None:
        """See to the facts of an open document once it rests, or `now`.

        `text` returns what it says then; None once it is closed.
        """
        if not language_of(path):
            return
        time_now = time.monotonic()
        rest = self._resting.get((root, path))
        if now:
            self._resting.pop((root, path), None)
            self._read_buffer(root, path, text)
        elif rest is not None:
            rest.last = time_now
        else:
            self._resting[root, path] = _Rest(time_now, time_now)
            self._later(partial(self._rested, root, path, text), _REST_S)

    def _rested(self, root: Root, path: str, text: Callable[[], str | None]) -> None:
        rest = self._resting.get((root, path))
        if rest is None:
            return
        left = min(rest.last + _REST_S, rest.first + _RESTLESS_S) - time.monotonic()
        if left > 0:
            self._later(partial(self._rested, root, path, text), left)
        else:
            del self._resting[root, path]
            self._read_buffer(root, path, text)

    def _read_buffer(self, root: Root, path: str, text: Callable[[], str | None]) -> None:
        said = text()
        with self._lock:
            wanted = said is not None and not root.why_not_named(path)
        if wanted:
            self._questions.ask(BUFFER, partial(self._buffered, root, path, text), "text_facts", path, said)

    def _buffered(self, root: Root, path: str, text: Callable[[], str | None], facts: FileFacts | None) -> None:
        with self._lock:
            if facts is not None and text() is not None:
                root.put_open(path, facts)
        self._progress(root.whole(path))

    def _told(self, scan: _Scan, *, now: bool = False) -> None:
        if now or time.monotonic() - scan.told > _PROGRESS_S:
            scan.told = time.monotonic()
            self._told_all()

    def _told_all(self) -> None:
        self._progress("")


def _batches(entries: Iterable[Entry], most: int = _BATCH_FILES) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    held = 0
    for entry in entries:
        batch.append(entry)
        held += entry[1]
        if len(batch) >= most or held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
