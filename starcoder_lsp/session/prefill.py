"""Prefill while typing: what the next suggestion will need is evaluated before it is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starcoder_lsp.engine.worker import Lane
from starcoder_lsp.errors import Cancelled, EngineClosed
from starcoder_lsp.machine import Machine
from starcoder_lsp.suggest import Warmed

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starcoder_lsp.config import Switch
    from starcoder_lsp.session.document import Document
    from starcoder_lsp.session.keeper import ModelKeeper
    from starcoder_lsp.suggest import Ask

_PAUSE_S = 0.35
"""A pause this long after the last key begins to fill the full window."""


class Prefiller:
    """Submits warm and background work for documents. All methods belong to the event loop's thread."""

    def __init__(
        self,
        keeper: ModelKeeper,
        ask: Callable[[Document], Ask | None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """`ask` says what a suggestion at a document's cursor would be asked; None where none is wanted."""
        self._keeper = keeper
        self._ask = ask
        self._failed = failed
        self._machine = Machine()
        self._filling: Document | None = None
        self._loop = asyncio.get_running_loop()

    def may(self, choice: Switch) -> bool:
        """Return whether power and load allow work that nobody waits for yet."""
        return self._keeper.runtime is not None and (
            choice == "always" or (choice == "auto" and self._machine.has_room())
        )

    def warm(self, document: Document) -> None:
        """Evaluate what was typed, at once, so that the pause that comes finds it done."""
        ask = self._ask(document)
        if ask is None:
            return
        job = self._keeper.worker.submit(
            Lane.WARM, document.snapshot.uri, lambda runtime, cancel: runtime.warm(ask, cancel)
        )
        job.future.add_done_callback(lambda done: self._keeper.call(self._warmed, document, done))

    def _warmed(self, document: Document, future: Future[object]) -> None:
        try:
            warmed = future.result()
        except (Cancelled, EngineClosed):
            return
        except Exception as error:  # noqa: BLE001 - logged with its traceback
            self._failed(error)
            return
        if isinstance(warmed, Warmed) and warmed.needs_fill:
            self.fill_soon(document)

    def fill_soon(self, document: Document) -> None:
        """Fill the full window after a pause; a further keystroke moves the pause."""
        self.forget(document)
        document.filling = self._loop.call_later(_PAUSE_S, self._fill, document)

    def _fill(self, document: Document) -> None:
        document.filling = None
        ask = self._ask(document)
        if ask is None:
            return
        self._filling = document
        job = self._keeper.worker.submit(Lane.BACKGROUND, "fill", lambda runtime, cancel: runtime.fill(ask, cancel))
        job.future.add_done_callback(lambda done: self._keeper.call(self._filled, done))

    def _filled(self, future: Future[object]) -> None:
        error = future.exception()
        if error is not None and not isinstance(error, (Cancelled, EngineClosed)):
            self._failed(error)

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
