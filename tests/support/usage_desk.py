"""An editor's side of the counts: a document, suggestions in it, and a clock that the test turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from starcoder_lsp.documents import Edit, changed_until
from starcoder_lsp.usage.follow import kept
from starcoder_lsp.usage.offering import Offering
from starcoder_lsp.usage.watch import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.usage.record import Key, Measure, Record

URI = "file:///secret/place.py"


@define(eq=False)
class Notes:
    """A sink that keeps everything in memory."""

    records: dict[Key, Record] = field(factory=dict)
    measured: list[tuple[Measure, int, int]] = field(factory=list)
    closed: bool = False

    def put(self, record: Record) -> None:
        self.records[record.key] = record

    def measure(self, _key: Key, when: Measure, accepted: str, now: str) -> None:
        self.measured.append((when, len(accepted), kept(accepted, now)))

    def close(self) -> None:
        self.closed = True


@define(eq=False)
class Desk:
    """One document. `║` in a text is the cursor."""

    text: str = ""
    cursor: int = 0
    notes: Notes = field(factory=Notes)
    waiting: list[tuple[float, Callable[[], None]]] = field(factory=list)
    time: float = 0.0
    usage: Usage = field(init=False)
    _answers: int = 0

    def __attrs_post_init__(self) -> None:
        self.usage = Usage(
            self.notes, lambda uri: self.text if uri == URI else None, self._later, lambda: 1_800_000_000
        )

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append((self.time + seconds, call))

    def write(self, marked: str) -> None:
        """Begin with this text, unheard."""
        before, _, after = marked.partition("║")
        self.text, self.cursor = before + after, len(before)

    def offer(self, insert: str, *, making: str = "m1", skip: int = 0, selected: str = "", **more: Any) -> str:
        """Answer at the cursor with what is left of a suggestion of which `skip` characters stand already."""
        self._answers += 1
        identity = f"s{self._answers}"
        start = self.cursor
        facts = {"language": "python", "model": "nano", "latency_ms": 12.5, **more}
        self.usage.offered(
            Offering(
                identity=identity, making=making, uri=URI, text=insert, skip=skip,
                insert=selected + insert[skip:], start=start, **facts,
            )
        )  # fmt: skip
        return identity

    def edit(self, start: int, end: int, text: str) -> None:
        """Replace a part of the document."""
        self.edits(Edit(start, end, text))

    def edits(self, *edits: Edit) -> None:
        """Make several edits, each of the text that the one before it left, and tell of them as one change."""
        old = self.text
        for edit in edits:
            self.text = edit.apply(self.text)
            self.cursor = edit.start + len(edit.text)
        self.usage.changed(URI, old, self.text, edits, changed_until(old, self.text))

    def type(self, text: str) -> None:
        """Type characters one by one at the cursor."""
        for letter in text:
            self.edit(self.cursor, self.cursor, letter)

    def put(self, text: str) -> None:
        """Put a text in at the cursor, as accepting does."""
        self.edit(self.cursor, self.cursor, text)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        due = [one for one in self.waiting if one[0] <= self.time]
        self.waiting = [one for one in self.waiting if one[0] > self.time]
        for _, call in sorted(due, key=lambda one: one[0]):
            call()

    @property
    def record(self) -> Record:
        """The counts of the one suggestion."""
        (record,) = self.notes.records.values()
        return record
