"""One open document of a session: its newest snapshot, what is remembered about it, made and offered for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from starcoder_lsp.completion.cache import SuggestionCache
from starcoder_lsp.completion.context import Neighbours
from starcoder_lsp.completion.cursor import normalised
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.completion.rhythm import Rhythm
from starcoder_lsp.repository.hiding import Hider
from starcoder_lsp.repository.secret_files import why_secret
from starcoder_lsp.session.turn import Turn

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from starcoder_lsp.completer import Answer
    from starcoder_lsp.documents import Snapshot
    from starcoder_lsp.session.choices import Chosen
    from starcoder_lsp.session.making import Making


@frozen
class Selected:
    """What a completion list has selected: `text` would replace what stands from `start` to `end` (offsets)."""

    start: int
    end: int
    text: str


@frozen
class Offer:
    """A suggestion for an editor: `insert` in place of what stands from `start` to `end` of `snapshot` (offsets).

    Its lines end with a newline. Each answer has an `id` of its own, also one that continues what is shown.
    """

    id: str
    insert: str
    snapshot: Snapshot
    start: int
    end: int
    model: str
    others: tuple[Offer, ...] = ()
    """What may be shown instead, each with an `id` of its own."""


@define(eq=False)
class Document:
    """A document while it is open."""

    snapshot: Snapshot
    path: str
    """Relative to its workspace folder, with slashes."""
    client: str = ""
    file: str = ""
    """Its whole path; empty where it is no file."""
    real: Path | None = None
    """The same without symbolic links."""
    root: Path | None = None
    """The folder whose files are its neighbours; None where it has none."""
    rhythm: Rhythm = field(factory=Rhythm)
    memory: SuggestionCache = field(factory=SuggestionCache)
    making: Making | None = None
    turn: Turn = field(factory=Turn)
    """The newest request's."""
    closed: bool = False
    neighbours: Neighbours = field(factory=Neighbours)
    """What other files say to it, as chosen at the last rest."""
    chosen: Chosen | None = None
    """The choice that `neighbours` came from."""
    window: tuple[int, int] | None = None
    """Which characters stood in the newest prompt, (start, end)."""
    answer: Answer | None = None
    """The newest answer."""
    fills: int = 0
    """How often its full window was evaluated to the end in the background."""
    cursor: int = -1
    """Where the user probably is, an offset; -1 while unknown."""
    ahead: bool = False
    """A suggestion was accepted: make the next one without being asked."""
    fill_wanted: float = 0.0
    """Since when its full window should be filled (the event loop's seconds); 0: it need not be."""
    filling: asyncio.TimerHandle | None = None
    """Waits for a pause, to fill the full window."""
    hider: Hider = field(factory=Hider)
    secret: bool = field(init=False)
    """Whether it is a file that is secret by its name: nothing of it is ever in a prompt."""
    _normal: tuple[Snapshot | None, str] = (None, "")
    """A snapshot, and its text with normalised line ends."""

    def __attrs_post_init__(self) -> None:
        """Look at the name, once."""
        self.secret = bool(why_secret(self.file or self.path))

    @property
    def key(self) -> tuple[str, str]:
        """Names the document among those of all clients: work, anchors and slots are keyed by it."""
        return (self.client, self.snapshot.uri)

    def place(self, offset: int, selected: Selected | None = None) -> Place:
        """Return a place in the text with normalised line ends; behind what is selected, as if it were accepted."""
        snapshot = self.snapshot
        if selected is not None:
            before = normalised(snapshot.text[: selected.start]) + normalised(selected.text)
            return Place(before + normalised(snapshot.text[selected.end :]), len(before), self.path)
        if "\r" not in snapshot.text:
            return Place(snapshot.text, offset, self.path)
        if self._normal[0] is not snapshot:
            self._normal = (snapshot, normalised(snapshot.text))
        return Place(self._normal[1], offset - snapshot.text.count("\r\n", 0, offset), self.path)
