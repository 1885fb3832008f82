"""Connects a session to the counts: hears what was offered, reported, edited and saved, and has it written down.

All methods belong to the event loop's thread and do a few comparisons at most; SQLite and edit distances are the
writer's. While counting is off, nothing is remembered.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define

from starcoder_lsp.usage.follow import Followed, fine
from starcoder_lsp.usage.life import Life
from starcoder_lsp.usage.record import plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.documents import Edit
    from starcoder_lsp.usage.life import Part
    from starcoder_lsp.usage.offering import Offering, Sink
    from starcoder_lsp.usage.record import Key, Measure

__all__ = ["Usage"]

_REMEMBERED = 256
_MOST_FOLLOWED = 64
"""Accepted texts of one document; of more, the oldest are not measured any further."""
_AFTER: tuple[tuple[Measure, float], ...] = (("30s", 30.0), ("5min", 300.0))
_CLOSERS = frozenset(")]}\"'`>")


@define(eq=False)
class _Offer:
    """One answer that may still be acted on. `start` moves with the text in front of it."""

    life: Life
    uri: str
    insert: str
    start: int
    base: int
    """Where `insert` begins in the suggestion; negative by what a completion list has selected."""


@define(eq=False)
class _Accepted:
    """An accepted text that is followed."""

    key: Key
    text: Followed
    saved: bool = False


class Usage:
    """See the module.

    `later` calls a function after some seconds (an event loop's `call_later`), `now` gives seconds since 1970,
    `text_of` an open document's text by its uri.
    """

    def __init__(
        self,
        sink: Sink | None,
        text_of: Callable[[str], str | None],
        later: Callable[[float, Callable[[], None]], object],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Count into `sink`; without one, not at all."""
        self._sink = sink
        self._text_of = text_of
        self._later = later
        self._now = now
        self._session = secrets.randbits(62)
        self._number = 0
        self._lives: OrderedDict[str, Life] = OrderedDict()
        self._offers: OrderedDict[str, _Offer] = OrderedDict()
        self._current: dict[str, _Offer] = {}
        self._followed: dict[str, list[_Accepted]] = {}
        self._enabled = sink is not None

    def enable(self, *, on: bool) -> None:
        """Count from now on, or not; then what was in memory is forgotten."""
        self._enabled = on and self._sink is not None
        if not self._enabled:
            for memory in (self._lives, self._offers, self._current, self._followed):
                memory.clear()

    def close(self) -> None:
        """Finish what is begun. Idempotent."""
        if self._sink is not None:
            self._sink.close()

    # ---- what the session does ---------------------------------------------------------------------------------

    def offered(self, offering: Offering) -> None:
        """Hear that an editor was answered."""
        if not self._enabled:
            return
        name = offering.making
        life = self._lives.get(name)
        if offering.alternative or (life is not None and not life.goes_with(offering.text)):
            name = f"{name} {offering.text}"  # another text of the same work
            life = self._lives.get(name)
        if life is None:
            self._number += 1
            life = Life(
                (self._session, self._number),
                int(self._now()),
                plain_name(offering.language),
                plain_name(offering.model),
                offering.latency_ms,
                offering.text,
            )
            self._lives[name] = life
        life.grows(offering.text)
        life.stands = offering.skip
        selected = len(offering.insert) - (len(offering.text) - offering.skip)
        offer = _Offer(life, offering.uri, offering.insert, offering.start, offering.skip - selected)
        self._offers[offering.identity] = offer
        for memory in (self._lives, self._offers):
            while len(memory) > _REMEMBERED:
                memory.popitem(last=False)
        if not offering.alternative:
            self._current[offering.uri] = offer
            self._put(life)

    def shown(self, identity: str) -> None:
        """Hear that a suggestion is visible."""
        offer = self._offers.get(identity)
        if offer is not None:
            offer.life.show()
            self._put(offer.life)

    def dismissed(self, identity: str) -> None:
        """Hear that the user dismissed a suggestion."""
        offer = self._offers.get(identity)
        if offer is not None:
            offer.life.dismiss()
            self._forget_current(offer)
            self._put(offer.life)

    def accepted(self, identity: str, part: Part | None = "whole", units: int | None = None) -> None:
        """Hear that a suggestion was accepted: so many UTF-16 code units of what the editor would put in; None: all.

        Where `part` is None, it was a line if a line ends there, else a word.
        """
        offer = self._offers.get(identity)
        if offer is None:
            return
        taken = len(offer.insert) if units is None else _characters(offer.insert, units)
        ends_line = "\n" in (offer.insert[taken - 1 : taken], offer.insert[taken : taken + 1])
        life, until = offer.life, max(0, offer.base + taken)
        # Of an alternative, nobody watched how it came into the document.
        unseen = life.reach(until) if self._current.get(offer.uri) is not offer and self._stands(offer, taken) else None
        piece = life.accept(until, part or ("line" if ends_line or taken == len(offer.insert) else "word")) or unseen
        if piece is not None:
            self._follow(offer, *piece)
        self._put(life)

    # ---- what happens to documents -----------------------------------------------------------------------------

    def changed(self, uri: str, old: str, new: str, edits: Sequence[Edit], until: int) -> None:
        """Hear that a document's text changed by `edits`, each about the text that the one before it left.

        `until`: where in the new text the user probably is; -1 where nothing changed.
        """
        offer, followed = self._current.get(uri), self._followed.get(uri, [])
        if offer is None and not followed:
            return
        text = old
        for edit in edits:
            self._shift(followed, text, edit)
            if offer is not None and edit.end <= offer.start and edit.start < offer.start:
                offer.start += len(edit.text) - (edit.end - edit.start)
            if len(edits) > 1:
                text = edit.apply(text)
        if offer is not None and until >= 0:
            self._typed(offer, new, until)

    def saved(self, uri: str) -> None:
        """Hear that a document was saved."""
        text = self._text_of(uri)
        for one in self._followed.get(uri, ()):
            if text is not None and not one.saved:
                one.saved = True
                self._measure(one, "save", text)

    def closed(self, uri: str) -> None:
        """Hear that a document was closed: what was accepted in it cannot be followed any further."""
        self._current.pop(uri, None)
        self._followed.pop(uri, None)

    @staticmethod
    def _shift(followed: list[_Accepted], text: str, edit: Edit) -> None:
        """Take an edit of `text`; what is lost sight of in a large one is not followed any further."""
        pieces = fine(text, edit) if any(one.text.touches(edit) for one in followed) else [edit]
        if pieces is None:
            followed[:] = [one for one in followed if not one.text.touches(edit)]
        for piece in [edit] if pieces is None else pieces:
            for one in followed:
                one.text.shift(piece)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _typed(self, offer: _Offer, new: str, end: int) -> None:
        """See how far the text that ends at the user's place says what the suggestion says."""
        present = new[offer.start : end].replace("\r\n", "\n") if end >= offer.start else None
        if present is None or len(present) > len(offer.insert) + len(_CLOSERS):
            self._forget_current(offer)
            return
        insert = offer.insert
        same = next(
            (index for index, letter in enumerate(present) if insert[index : index + 1] != letter), len(present)
        )
        if not _CLOSERS.issuperset(present[same:]):  # else the editor closed a bracket or quote by itself
            self._forget_current(offer)
            return
        life = offer.life
        before = life.record
        piece = life.reach(max(0, offer.base + same))
        if piece is not None:
            self._follow(offer, *piece)
        if life.record != before:
            self._put(life)

    def _forget_current(self, offer: _Offer) -> None:
        if self._current.get(offer.uri) is offer:
            del self._current[offer.uri]

    def _stands(self, offer: _Offer, count: int) -> bool:
        """Whether the first characters of what was offered stand where it would begin."""
        document = self._text_of(offer.uri) or ""
        end = _behind(document, offer.start, count)
        return document[offer.start : end].replace("\r\n", "\n") == offer.insert[:count]

    def _follow(self, offer: _Offer, start: int, end: int) -> None:
        """Follow an accepted part of a suggestion, which stands in the document now."""
        document = self._text_of(offer.uri)
        start = max(start, offer.base)
        if document is None or end <= start:
            return
        first = _behind(document, offer.start, start - offer.base)
        last = _behind(document, first, end - start)
        accepted = offer.insert[start - offer.base : end - offer.base]
        if document[first:last].replace("\r\n", "\n") != accepted:
            return
        one = _Accepted(offer.life.key, Followed(accepted, first, last))
        followed = self._followed.setdefault(offer.uri, [])
        followed.append(one)
        del followed[:-_MOST_FOLLOWED]
        for when, seconds in _AFTER:
            self._later(seconds, lambda when=when: self._look(offer.uri, one, when))  # type: ignore[misc]

    def _look(self, uri: str, one: _Accepted, when: Measure) -> None:
        followed, text = self._followed.get(uri, []), self._text_of(uri)
        if one in followed and text is not None:
            self._measure(one, when, text)
            if when == _AFTER[-1][0] and one.saved:
                followed.remove(one)

    def _measure(self, one: _Accepted, when: Measure, text: str) -> None:
        now = text[one.text.start : one.text.end].replace("\r\n", "\n")
        if self._sink is not None:
            self._sink.measure(one.key, when, one.text.accepted, now)

    def _put(self, life: Life) -> None:
        if self._sink is not None:
            self._sink.put(life.record)


def _behind(text: str, start: int, count: int) -> int:
    r"""Return the offset behind `count` characters from `start` on, where \r\n counts as one."""
    if "\r" not in text[start : start + count + 1]:
        return start + count
    for _ in range(count):
        start += 2 if text.startswith("\r\n", start) else 1
    return start


def _characters(text: str, units: int) -> int:
    """Return how many characters of `text` the first UTF-16 code units of it are."""
    if text.isascii():
        return min(units, len(text))
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore"))
