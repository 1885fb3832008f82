"""One suggestion that servers and the local model are asked for together: who begins when, and whose answer counts."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import define, field

from starcoder_lsp.engine.base import CancelToken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completer.base import Answer, Ask, Completer, Watch
    from starcoder_lsp.completer.link import Link, Try

HEAD_START_S: Final = 0.04
"""How much later than the local model alone a suggestion may be for the sake of servers, all together."""
_STALL_S: Final = 0.25
"""A server that has begun and writes nothing for so long has stalled."""


@define(eq=False)
class Race:
    """See the module. On the worker's thread, but for what links and cancels call."""

    ask: Ask
    news: threading.Condition = field(factory=threading.Condition)
    tries: list[tuple[Link, Try[Answer]]] = field(factory=list)
    _own: CancelToken = field(factory=CancelToken)
    """Of the local model's work."""
    _shown: bool = False
    """Whether pieces of the local model's were handed out."""

    def run(self, links: Sequence[Link], local: Completer, watch: Watch | None) -> Answer | None:
        """Return the local model's answer; None, or a cancelled one, where a server was quicker."""
        for link in links:
            one = link.suggest(self.ask, self.news)
            self.tries.append((link, one))
            if not link.late:
                self._wait(lambda: one.begun, HEAD_START_S / len(links))  # noqa: B023 - called at once
        if not self.ask.replaceable:
            self._follow()
        for _link, one in self.tries:
            one.future.add_done_callback(lambda _done: self._overtake())
        if self._own.cancelled:
            return None

        def hear(text: str) -> None:
            if watch is not None:
                self._shown = True
                watch(text)

        return local.suggest(self.ask, self._own, hear)

    def give_up(self) -> None:
        """Nobody waits any more."""
        self._own.cancel()
        for _link, one in self.tries:
            one.cancel.cancel()
        with self.news:
            self.news.notify_all()

    @property
    def winner(self) -> Try[Answer] | None:
        """The preferred server that has the whole; None where what the local model wrote was handed out and must stay.

        (A piece that was shown is continued, never taken back, unless the client can replace it.)
        """
        if self._shown and not self.ask.replaceable:
            return None
        return next((one for _link, one in self.tries if one.succeeded), None)

    def _overtake(self) -> None:
        if self.winner is not None:
            self._own.cancel()

    def _follow(self) -> None:
        """Wait for the first server that has begun, while it keeps writing."""
        begun = next((one for _link, one in self.tries if one.pieces), None)
        while begun is not None and not self._own.cancelled:
            before = begun.pieces
            self._wait(partial(begun.is_behind, before), _STALL_S)
            if begun.future.done() or begun.pieces == before:
                return

    def _wait(self, over: Callable[[], bool], seconds: float) -> None:
        with self.news:
            self.news.wait_for(lambda: over() or self._own.cancelled, seconds)
