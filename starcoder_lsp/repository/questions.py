"""Questions to the reading processes, and what becomes of the answers.

Answers are taken on the repository's own thread. What is put into an index is put in slices of a few milliseconds, so
that neither the lock nor Python's own is held for long.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from starcoder_lsp.repository.children import ChildFailed, Children, ChildrenClosed

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from starcoder_lsp.repository.child import Row
    from starcoder_lsp.repository.root import Root
    from starcoder_lsp.repository.scan import Entry

__all__ = ["Questions"]

log = logging.getLogger(__name__)

_SLICE_S: Final = 0.003
_PAUSE_S: Final = 0.001


@frozen
class Questions:
    """Asks `children`. `lock` guards the roots; `later` puts a job into the queue of the repository's thread."""

    _children: Children
    _lock: threading.RLock
    _later: Callable[[Callable[[], None], float], None]

    def facts(
        self,
        priority: int,
        root: Root,
        batch: list[Entry],
        then: Callable[[], None],
        *,
        parse: bool,
    ) -> None:
        """Ask for the facts of files, put them into the index, and go on."""
        future = self._children.ask(priority, "facts", root.place, batch, parse=parse)

        def done(answered: Future[list[Row]]) -> None:
            self._later(partial(self._take, priority, root, batch, answered, then, parse=parse), 0.0)

        future.add_done_callback(done)

    def _take(
        self,
        priority: int,
        root: Root,
        batch: list[Entry],
        answered: Future[list[Row]],
        then: Callable[[], None],
        *,
        parse: bool,
    ) -> None:
        if answered.cancelled():
            return
        error = answered.exception()
        if isinstance(error, ChildrenClosed):
            return
        if error is None:
            self.put(root, answered.result())
            then()
        elif len(batch) > 1:  # one of them is more than a parser can take: which?
            log.debug("Reading files failed, and goes on one by one: %s", error)
            halves = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
            self.facts(
                priority,
                root,
                halves[0],
                lambda: self.facts(priority, root, halves[1], then, parse=parse),
                parse=parse,
            )
        elif parse:
            self.facts(priority, root, batch, then, parse=False)
        else:
            log.warning("A file could not be read and is left out: %s", error)
            with self._lock:
                root.put((*batch[0], False, None, "more than its reader can take"))
            then()

    def put(self, root: Root, found: Iterable[Row]) -> None:
        """Put facts into the index, a slice at a time."""
        waiting = iter(found)
        one = next(waiting, None)
        while one is not None:
            with self._lock:
                until = time.monotonic() + _SLICE_S
                while one is not None and time.monotonic() < until:
                    root.put(one)
                    one = next(waiting, None)
            if one is not None:
                time.sleep(_PAUSE_S)

    def ask(
        self, priority: int, then: Callable[[Any], None] | None, name: str, /, *arguments: object, **named: object
    ) -> None:
        """Ask the reading processes, and go on with the answer: None where they could not."""

        def done(answered: Future[Any]) -> None:
            if not answered.cancelled():
                self._later(partial(_answer, answered, then), 0.0)

        self._children.ask(priority, name, *arguments, **named).add_done_callback(done)


def _answer(answered: Future[Any], then: Callable[[Any], None] | None) -> None:
    error = answered.exception()
    if error is not None and not isinstance(error, ChildFailed):
        raise error
    if isinstance(error, ChildrenClosed):
        return
    if error is not None:
        log.warning("Looking at the workspace failed: %s", error)
    if then is not None:
        then(None if error is not None else answered.result())
