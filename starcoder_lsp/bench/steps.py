"""From a trace to what both sides are asked: the same texts and the same places, at the same moments.

A *step* is one of:

- `open`: a file is opened and its first place is looked at. What this costs is reported on its own, not as a
  keystroke's;
- `key`: a keystroke. Changes within a millisecond of each other are one keystroke (an editor that closes a bracket
  sends two);
- `accept`: the suggestion shown is taken;
- `jump`: the cursor moved without a change;
- `restart`: the editor ends and starts again, and nothing is asked for. Files are opened anew behind it.

After every step a suggestion is asked for at the cursor, as editors with ghost text and llama.vim do after every
cursor movement in insert mode: where the trace has a `request` within 50 ms of a change, at that request's position
and time, else where the change ended. A `request` at a place that was just asked asks nothing new.

What an `accept` inserts depends on the model, which the trace cannot know: the text that the next `change` is about
is the recorded one, without it. So the accepted text is in the file until the next change, which puts the recorded
text in its place.

A step is a *rest* if nothing changes for the next 300 ms of the trace: there the replay waits for the suggestion, and
measures how long it took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from starcoder_lsp.bench.traces import Accept, Change, Event, Open, Request, Restart, Trace
from starcoder_lsp.documents import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

REST_MS = 300.0
_WITH_THE_KEY_MS = 50.0
_SAME_KEY_MS = 1.0

Kind = Literal["open", "key", "accept", "jump", "restart"]


@frozen
class Step:
    """One thing that happens, and where a suggestion is asked for afterwards."""

    kind: Kind
    at_ms: float
    path: str
    language: str
    text: str
    """The whole file after this step, as recorded; an `accept` changes it by what was accepted."""
    offset: int
    """The cursor after this step, in characters of `text`."""
    rest: bool = False


def steps_of(trace: Trace, *, most_keys: int | None = None) -> list[Step]:
    """Return the steps of a trace, up to its `most_keys`-th keystroke."""
    walk = _Walk(trace)
    while walk.step():
        pass
    steps = walk.steps
    if most_keys is not None:
        keys = [index for index, step in enumerate(steps) if step.kind == "key"]
        if len(keys) > most_keys:
            steps = steps[: keys[most_keys]]
    return [evolve(step, rest=_is_rest(step, steps[index + 1 :])) for index, step in enumerate(steps)]


def between_restarts(steps: Sequence[Step]) -> list[list[Step]]:
    """Return the steps in parts, without the restarts between them."""
    parts: list[list[Step]] = [[]]
    for step in steps:
        if step.kind == "restart":
            parts.append([])
        else:
            parts[-1].append(step)
    return parts


def _is_rest(step: Step, later: list[Step]) -> bool:
    following = next(iter(later), None)
    return (
        following is None or following.kind in ("accept", "open", "restart") or following.at_ms - step.at_ms >= REST_MS
    )


class _Walk:
    """Goes through a trace's events, keeping the files' texts and the cursors in them."""

    def __init__(self, trace: Trace) -> None:
        self.steps: list[Step] = []
        self._events: list[Event] = list(trace.events)
        self._at = 0
        self._open: set[str] = set()
        self._texts: dict[str, str] = {}
        self._cursors: dict[str, int] = {}
        self._languages: dict[str, str] = {}
        self._path = ""
        self._now_ms = 0.0

    def step(self) -> bool:
        """Take the next event, or the group of events that belong together; False at the end."""
        if self._at >= len(self._events):
            return False
        event = self._events[self._at]
        self._at += 1
        if isinstance(event, Open):
            self._take_open(event)
        elif isinstance(event, Change):
            self._take_key(event)
        elif isinstance(event, Request):
            self._take_request(event)
        elif isinstance(event, Restart):
            self._now_ms = event.at_ms
            self._add("restart")
            self._open.clear()
        else:
            self._take_accept(event)
        return True

    def _take_open(self, event: Open) -> None:
        self._path = event.path
        if event.path in self._open:
            return  # shown again: what happens there next says where
        self._open.add(event.path)
        if event.path not in self._texts:
            self._texts[event.path], self._languages[event.path] = event.text, event.language
        self._cursors[event.path] = self._first_place(event.path)
        self._add("open")

    def _first_place(self, path: str) -> int:
        for event in self._events[self._at :]:
            if isinstance(event, (Change, Request)) and event.path == path:
                return self._offset(path, event.start if isinstance(event, Change) else event.position)
        return 0

    def _take_key(self, event: Change) -> None:
        self._now_ms = event.at_ms
        self._apply(event)
        while (after := self._peek()) is not None:
            if isinstance(after, Change) and after.path == self._path and after.at_ms - self._now_ms <= _SAME_KEY_MS:
                self._at += 1
                self._apply(after)
            elif (
                isinstance(after, Request)
                and after.path == self._path
                and after.at_ms - self._now_ms <= _WITH_THE_KEY_MS
            ):
                self._at += 1
                self._cursors[self._path] = self._offset(self._path, after.position)
                break
            else:
                break
        self._add("key")

    def _apply(self, event: Change) -> None:
        self._path = event.path
        text = self._texts[event.path]
        start = self._offset(event.path, event.start)
        end = max(start, self._offset(event.path, event.end))
        self._texts[event.path] = text[:start] + event.text + text[end:]
        self._cursors[event.path] = start + len(event.text)

    def _take_request(self, event: Request) -> None:
        offset = self._offset(event.path, event.position)
        if self.steps and (event.path, offset) == (self.steps[-1].path, self._cursors[event.path]):
            return  # it was asked for when the cursor came here
        self._now_ms = event.at_ms
        self._path = event.path
        self._cursors[event.path] = offset
        self._add("jump")

    def _take_accept(self, event: Accept) -> None:
        self._now_ms = event.at_ms
        self._add("accept")

    def _peek(self) -> Event | None:
        return self._events[self._at] if self._at < len(self._events) else None

    def _offset(self, path: str, position: tuple[int, int]) -> int:
        return Snapshot.of("", 0, "", self._texts[path]).offset(*position, "utf-16")

    def _add(self, kind: Kind) -> None:
        path = self._path
        self.steps.append(Step(kind, self._now_ms, path, self._languages[path], self._texts[path], self._cursors[path]))
