"""What may be asked here, and how: asked by the session and by prefill alike."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import define, field

from starcoder_lsp.completer import Ask
from starcoder_lsp.machine import Machine
from starcoder_lsp.repository.ignore import Ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from starcoder_lsp.completion.cache import Suggestion
    from starcoder_lsp.completion.prompt import Place
    from starcoder_lsp.config import Settings
    from starcoder_lsp.session.document import Document
    from starcoder_lsp.session.keeper import ModelKeeper

log = logging.getLogger(__name__)

_ALTERNATIVES = 2
"""Besides the likeliest suggestion, for who asks by hand."""


@define(eq=False)
class Policy:
    """Decides from the settings, what is paused, the model's state and the machine's."""

    settings: Settings
    keeper: ModelKeeper
    paused_uris: set[str] = field(factory=set)
    closed: bool = False
    _machine: Machine = field(factory=Machine)

    def wants(self, document: Document, *, manual: bool) -> bool:
        """Whether suggestions are wanted in a document; `manual`: a person asks for one."""
        board = self.keeper.board
        if self.closed or board.paused or document.snapshot.uri in self.paused_uris or board.status.state == "error":
            return False
        return manual or self.settings.allows(document.snapshot.language)

    @staticmethod
    def is_secret(document: Document, place: Place) -> bool:
        """Whether a prompt for this place would hold a secret: by its file's name, or by the looks of its line."""
        return document.secret or document.hider.at(place).secret

    def conditions(self) -> Hashable:
        """Return all but text, place and neighbours that a suggestion depends on."""
        settings = self.settings
        chosen = (settings.layout, settings.multiline, settings.max_tokens, settings.confidence)
        return (self.keeper.loads, *chosen)

    def ask(self, document: Document, place: Place, *, by_hand: bool = False) -> Ask:
        """Return what to ask for a place of a document; `by_hand`: a person waits for it. The gate is the model's."""
        settings = self.settings
        return Ask(
            document.key,
            place,
            multiline=settings.multiline,
            max_tokens=settings.max_tokens,
            layout=settings.layout,
            language=document.snapshot.language,
            neighbours=document.neighbours,
            context_share=settings.context_budget if document.root is not None else 0.0,
            alternatives=_ALTERNATIVES if by_hand else 0,
            progressive=settings.prefill_while_typing != "never",
            hidden=document.hider.at(place).place,
            replaceable=settings.refresh,
        )

    def ask_ahead(self, document: Document, *, busy_too: bool = False) -> Ask | None:
        """Return what a suggestion at the user's place would be asked; None where nothing may be done ahead.

        `busy_too`: also while other programs take all cores.
        """
        if document.closed or document.cursor < 0 or not self.wants(document, manual=False):
            return None
        if not self.may_work_ahead(busy_too=busy_too):
            return None
        place = document.place(document.cursor)
        return None if self.is_secret(document, place) else self.ask(document, place)

    def may_work_ahead(self, *, busy_too: bool = False) -> bool:
        """Whether the engine may work before anything is asked for. `busy_too`: see `ask_ahead`."""
        choice, completer = self.settings.prefill_while_typing, self.keeper.completer
        if completer is None or choice == "never":
            return False
        return choice == "always" or self._machine.has_room(busy_too=busy_too, engine=completer.about.process)

    def may_keep(self, document: Document) -> Callable[[], bool]:
        """Return what tells, on any thread, whether what is evaluated for a document may be kept on disk.

        Not for a text that is in no file, nor for a file that git or the user's own rules leave out: reading those
        rules takes some ms.
        """
        file, root, exclude = document.real, document.root, self.settings.context_exclude
        if not self.settings.cache_disk or document.secret or file is None:
            return lambda: False
        folder = root or file.parent

        def may() -> bool:
            try:
                return not Ignore(folder, exclude).why(file.relative_to(folder).as_posix())
            except (OSError, ValueError) as error:
                log.info("Nothing is kept of a file whose rules cannot be read: %s", error)
                return False

        return may

    def outdated(self, document: Document, made: Suggestion) -> bool:
        """Whether a better suggestion could be made now at the very place of this one.

        It was made from a few lines or with other neighbours, and since then the window was filled; or it never is.
        """
        poor = made.quick or made.context_key != document.neighbours.key
        return poor and (document.fills > made.fills or self.settings.prefill_while_typing == "never")
