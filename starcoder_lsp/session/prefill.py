"""Prefill while typing: what the next suggestion will need is evaluated before it is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import evolve

from starcoder_lsp.completer import Warmed
from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Cancelled, EngineClosed

if TYPE_CHECKING:
    from concurrent.futures import Future

    from starcoder_lsp.completer import Completer
    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.session.document import Document
    from starcoder_lsp.session.keeper import ModelKeeper
    from starcoder_lsp.session.policy import Policy

_PAUSE_S = 0.35
"""A pause this long after the last key begins to fill the full window."""
_REST_S = 1.0
"""One this long, where the full window is evaluated, ends with keeping it on disk."""
_BUSY_S = 3.0
"""While other programs take all cores, it waits so long at most: what is read once makes each suggestion better."""


class Prefiller:
    """Submits warm and background work for documents. All methods belong to the event loop's thread."""

    def __init__(self, keeper: ModelKeeper, policy: Policy) -> None:
        """`policy` says what may be evaluated ahead, and for what."""
        self._keeper = keeper
        self._policy = policy
        self._filling: Document | None = None
        self._loop = asyncio.get_running_loop()

    def warm(self, document: Document) -> None:
        """Evaluate what was typed, at once, so that the pause that comes finds it done."""
        ask = self._policy.ask_ahead(document)
        if ask is None:
            return
        job = self._keeper.worker.submit(Lane.WARM, document.key, lambda completer, cancel: completer.warm(ask, cancel))
        job.future.add_done_callback(lambda done: self._keeper.call(self._warmed, document, done))

    def _warmed(self, document: Document, future: Future[object]) -> None:
        warmed = self._result(document, future)
        if warmed is not None:
            (self.fill_soon if warmed.needs_fill else self.keep_soon)(document)

    def fill_soon(self, document: Document) -> None:
        """Fill the full window after a pause, and keep it; a further keystroke moves the pause."""
        self._fill_after(document, _PAUSE_S)

    def keep_soon(self, document: Document) -> None:
        """Keep the full window, which is evaluated, after a longer pause."""
        if self._policy.settings.cache_disk:
            self._fill_after(document, _REST_S)

    def _fill_after(self, document: Document, pause: float) -> None:
        self.forget(document)
        if not document.closed:
            document.fill_wanted = document.fill_wanted or self._loop.time()
            document.filling = self._loop.call_later(pause, self._fill, document)

    def _fill(self, document: Document) -> None:
        document.filling = None
        left = document.fill_wanted + _BUSY_S - self._loop.time()
        ask = self._policy.ask_ahead(document, busy_too=left <= 0)
        if ask is None and left > 0:
            document.filling = self._loop.call_later(left, self._fill, document)
            return
        document.fill_wanted = 0.0
        if ask is None:
            return
        self._filling = document
        may_keep = self._policy.may_keep(document)

        def fill(completer: Completer, cancel: CancelToken) -> Warmed:
            return completer.fill(evolve(ask, keep=may_keep()), cancel)

        job = self._keeper.worker.submit(Lane.BACKGROUND, "fill", fill)
        job.future.add_done_callback(lambda done: self._keeper.call(self._filled, document, done))

    def _filled(self, document: Document, future: Future[object]) -> None:
        filled = self._result(document, future)
        if filled is not None and filled.evaluation.completed:
            document.fills += 1
            if filled.needs_fill:
                self.fill_soon(document)

    def _result(self, document: Document, future: Future[object]) -> Warmed | None:
        try:
            result = future.result()
        except (Cancelled, EngineClosed):
            return None
        except Exception as error:  # noqa: BLE001 - logged with its traceback
            self._keeper.failed(error)
            return None
        assert isinstance(result, Warmed)  # noqa: S101 - what `warm` and `fill` return
        document.window = result.window
        return result

    @staticmethod
    def forget(document: Document) -> None:
        """Do not fill a document's window after all."""
        if document.filling is not None:
            document.filling.cancel()
            document.filling = None

    def stop(self, document: Document) -> None:
        """Do not fill a document's window, and do not go on if it is being filled."""
        self.forget(document)
        if self._filling is document:
            self._filling = None
            self._keeper.worker.cancel_all("fill")
