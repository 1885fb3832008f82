"""From the counts of suggestions to figures: of all, and by language, model and day. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from statistics import median
from time import localtime, strftime
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starcoder_lsp.usage.record import Measure
    from starcoder_lsp.usage.store import Kept

__all__ = ["Figures", "Summary", "day_of", "in_short", "since_days", "summarise"]

_MEASURES: tuple[Measure, ...] = ("30s", "5min", "save")
_IN_SHORT: dict[Measure, str] = {"5min": "5 minutes later", "save": "at the next save", "30s": "30 seconds later"}


@frozen
class Figures:
    """What became of some suggestions. Shares are from 0 to 1, and None of nothing.

    Attributes:
        offered: answers to the editor, the pieces of one suggestion counted once.
        shown: those that the editor said were visible.
        accepted: those of which at least a part was accepted.
        whole: how often (what was left of) one was accepted at once.
        words: how often a word was.
        lines: how often a line was.
        typed_through: those that were typed by hand to their end instead.
        dismissed: those that were dismissed.
        characters: accepted ones.
        typed: characters that a suggestion had and were typed by hand.
        first_ms: median time to the first piece, of those that were not ready before they were asked for.
        standing: the share of the accepted characters that still stood after 30 s, after 5 min, and at the next save.
        measured: of how many accepted characters that is known.
    """

    offered: int
    shown: int
    accepted: int
    whole: int
    words: int
    lines: int
    typed_through: int
    dismissed: int
    characters: int
    typed: int
    first_ms: float | None
    standing: dict[Measure, float | None]
    measured: dict[Measure, int]

    @property
    def accepted_share(self) -> float | None:
        """Of the shown ones."""
        return self.accepted / self.shown if self.shown else None

    def as_json(self) -> dict[str, object]:
        """Return the figures under the names of `usage --json`."""
        return {
            "offered": self.offered,
            "shown": self.shown,
            "accepted": self.accepted,
            "accepted_share": None if self.accepted_share is None else round(self.accepted_share, 4),
            "accepted_whole": self.whole,
            "accepted_words": self.words,
            "accepted_lines": self.lines,
            "typed_through": self.typed_through,
            "dismissed": self.dismissed,
            "accepted_characters": self.characters,
            "typed_characters": self.typed,
            "first_piece_ms": self.first_ms,
            "still_standing": {when: share and round(share, 4) for when, share in self.standing.items()},
            "measured_characters": self.measured,
        }


@define
class _Tally:
    kept: list[Kept] = field(factory=list)

    @property
    def figures(self) -> Figures:
        records = [one.record for one in self.kept]
        times = [one.first_ms for one in records if one.first_ms is not None]
        measured = {when: sum(one.measured[when] for one in self.kept) for when in _MEASURES}
        standing = {when: sum(one.standing[when] for one in self.kept) for when in _MEASURES}
        return Figures(
            offered=len(records),
            shown=sum(one.shown for one in records),
            accepted=sum(one.accepted > 0 for one in records),
            whole=sum(one.whole for one in records),
            words=sum(one.words for one in records),
            lines=sum(one.lines for one in records),
            typed_through=sum(one.typed_through for one in records),
            dismissed=sum(one.dismissed for one in records),
            characters=sum(one.accepted for one in records),
            typed=sum(one.typed for one in records),
            first_ms=round(median(times), 1) if times else None,
            standing={when: standing[when] / measured[when] if measured[when] else None for when in _MEASURES},
            measured=measured,
        )


@frozen
class Summary:
    """Figures of all suggestions, and of parts of them by name: the largest part first, days in their order."""

    total: Figures
    by_language: dict[str, Figures]
    by_model: dict[str, Figures]
    by_day: dict[str, Figures]

    def as_json(self) -> dict[str, object]:
        """Return all of it under the names of `usage --json`."""
        parts = {"by_language": self.by_language, "by_model": self.by_model, "by_day": self.by_day}
        tables = {name: {key: one.as_json() for key, one in part.items()} for name, part in parts.items()}
        return {"total": self.total.as_json(), **tables}


def summarise(kept: Iterable[Kept]) -> Summary:
    """Add counts up."""
    everything = _Tally(list(kept))

    def by(name: Callable[[Kept], str]) -> dict[str, Figures]:
        tallies: dict[str, _Tally] = {}
        for one in everything.kept:
            tallies.setdefault(name(one), _Tally()).kept.append(one)
        return {key: tally.figures for key, tally in tallies.items()}

    def largest(part: dict[str, Figures]) -> dict[str, Figures]:
        return dict(sorted(part.items(), key=lambda one: (-one[1].offered, one[0])))

    days = by(lambda one: day_of(one.record.at))
    return Summary(
        everything.figures,
        largest(by(lambda one: one.record.language)),
        largest(by(lambda one: one.record.model)),
        dict(sorted(days.items())),
    )


def day_of(seconds: int) -> str:
    """Return the local date of a time."""
    return strftime("%Y-%m-%d", localtime(seconds))


def since_days(days: int, now: float) -> int:
    """Return when the first of so many local days began, that of `now` being the last: seconds since 1970."""
    first = date(*localtime(now)[:3]) - timedelta(days=days - 1)
    return int(datetime.combine(first, time_of_day.min).timestamp())  # without a zone: local, in that day's offset


def in_short(figures: Figures, days: int) -> str:
    """Return the figures in a sentence or two, for a status line or a menu."""
    span = "Today" if days == 1 else f"Last {days} days"
    if not figures.offered:
        return f"{span}: no suggestions yet."
    share = figures.accepted_share
    sentence = f"{span}: {figures.shown:,} suggestions shown, {figures.accepted:,} accepted"
    sentence += f" ({share:.0%})" if share is not None else ""
    sentence += f", {figures.characters:,} characters."
    for when, named in _IN_SHORT.items():
        stood = figures.standing[when]
        if stood is not None:
            return f"{sentence} {stood:.0%} of them still stood {named}."
    return sentence
