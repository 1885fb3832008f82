"""One ask of a window, run on the engine's thread, again after each yield, answered once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve

from starcoder_lsp.engine.base import UNBEGUN, CancelToken, Generation, both
from starcoder_lsp.engine.shared.messages import Ask, Done, Failed, Other, Sign, Wrote
from starcoder_lsp.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from starcoder_lsp.engine.base import Engine, Token
    from starcoder_lsp.engine.shared.slots import Slots
    from starcoder_lsp.engine.shared.window import Window


class _Watched(CancelToken):
    """Cancelled when another is; says that it was looked at: the engine is at a checkpoint."""

    __slots__ = ("_looked", "_token")

    def __init__(self, token: CancelToken, looked: Callable[[], object]) -> None:
        super().__init__(token.lane)
        self._token = token
        self._looked = looked

    @property
    def cancelled(self) -> bool:
        self._looked()
        return self._token.cancelled


@define(eq=False)
class Task:
    """See the module."""

    ask: Ask
    window: Window
    slots: Slots
    tell: Callable[[int], None]
    """Tells all windows what a slot holds."""
    _last: Generation | None = None
    """What the last run did; its prefill is that of all runs."""
    _written: int = 0
    _slot: int | None = None
    """Where the last run left what it did, if nobody else took it since."""

    def run(self, engine: Engine, cancel: CancelToken) -> Generation:
        """Do it, or as much as there is time for."""
        ask, self._written = self.ask, 0
        if self._slot is None or self.slots.users[self._slot] != self.window.number:
            self._slot = self.slots.place(ask.ids, ask.slot, self.window.number)
        slot = self._slot
        watched = _Watched(cancel, self._sign)
        try:
            if ask.max_tokens:
                outcome = engine.generate(
                    ask.ids,
                    slot=slot,
                    max_tokens=ask.max_tokens,
                    on_token=self._write,
                    cancel=watched,
                    begin=ask.begin,
                    others=ask.others,
                )
            else:
                evaluation = engine.prefill(ask.ids, slot=slot, cancel=watched)
                outcome = Generation(evaluation, 0, 0.0, "stop" if evaluation.completed else "cancelled")
        finally:
            self.slots.used(slot, self.window.number, engine.cached(slot))
            self.tell(slot)
        before = self._last.prefill if self._last else None
        self._last = evolve(outcome, prefill=both(before, outcome.prefill))
        return self._last

    def end(self, future: Future[object]) -> None:
        """Answer the window, behind what the slots hold now."""
        number, error = self.ask.number, future.exception()
        for slot in range(len(self.slots.holds)):
            self.window.tell(self.slots, slot, now=True)
        if error is not None and not isinstance(error, Cancelled):
            self.window.send(Failed(number, type(error).__name__, str(error)))
            return
        outcome = self._last or UNBEGUN
        if error is not None:
            outcome = evolve(outcome, finish="cancelled")
        done = outcome.prefill
        self.window.send(
            Done(
                number,
                done.cached,
                done.evaluated,
                done.ms,
                done.completed,
                outcome.generated,
                outcome.decode_ms,
                outcome.finish,
            )
        )

    def _sign(self) -> None:
        if not self._written:  # else tokens are signs
            self.window.send(Sign(self.ask.number))

    def _write(self, token: Token) -> bool:
        others = tuple(Other(one.id, one.piece, one.logprob) for one in token.others)
        self.window.send(Wrote(self.ask.number, self._written, token.id, token.piece, token.logprob, others))
        self._written += 1
        return False
