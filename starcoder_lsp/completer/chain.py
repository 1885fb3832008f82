"""A `Completer` over servers and the local model, in the order of the setting `engines`.

The first that is healthy answers. With the local model behind it, nobody waits for a server that is away or slow:

- A server has a head start of some 40 ms to show a sign (`race`). Then the local model begins too, and whoever has the
  whole first is the answer. A server that was late has no head start the next time, until it comes in time again.
- Where the client can show another text later (`Ask.replaceable`), the local model's answer is given at once, and the
  server's follows in `Answer.better`. Where it cannot, a server that has begun is waited for while it keeps writing.

Without a local model the next server is asked where one fails, or shows no sign for `PASS_OVER_S`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field

from starcoder_lsp.completer.base import About, Answer, Counters, Timings, Warmed
from starcoder_lsp.completer.link import Try
from starcoder_lsp.completer.race import Race
from starcoder_lsp.completer.speed import Speed
from starcoder_lsp.engine.base import CancelToken, Evaluation
from starcoder_lsp.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completer.base import Ask, Completer, DocumentKey, Watch
    from starcoder_lsp.completer.link import Link

PASS_OVER_S: Final = 0.4
"""As long as the longest wait behind a key."""
_NOTHING_DONE: Final = Evaluation(cached=0, evaluated=0, ms=0.0, completed=True)


@define(eq=False)
class Chain:
    """See the module. Used on the worker's thread; each link has its own."""

    links: Sequence[Link]
    """Servers, the preferred first."""
    local: Completer | None = None
    """Asked behind all of them."""
    _open: list[Try[Answer]] = field(factory=list)
    """Suggestions that are still being made for an answer that was given."""

    # ---- what it is --------------------------------------------------------------------------------------------------

    @property
    def _speaking(self) -> Completer | None:
        """Whose speed and counters count: the local model's, else the first server's."""
        return self.local or next((link.completer for link in self.links if link.completer is not None), None)

    @property
    def about(self) -> About:
        """Name each engine and where it is; a server that was not reached yet by its address alone."""
        known = [link.completer.about if link.completer else About("", link.where, 0) for link in self.links]
        parts = [*known, *([self.local.about] if self.local else [])]
        return About(
            name=next((one.name for one in parts if one.name), self.links[0].where),
            engine=", then ".join(one.engine for one in parts),
            context_window=next((one.context_window for one in parts if one.context_window), 0),
            detail="; ".join(one.detail for one in parts if one.detail),
            has_logprobs=all(one.has_logprobs for one in parts),
            curve=parts[-1].curve,
            notice=" ".join(link.problem for link in self.links if link.problem),
            process=self.local.about.process if self.local else 0,
        )

    @property
    def speed(self) -> Speed:
        """See `_speaking`."""
        speaking = self._speaking
        return speaking.speed if speaking else Speed()

    @property
    def counters(self) -> Counters:
        """See `_speaking`."""
        speaking = self._speaking
        return speaking.counters if speaking else Counters()

    # ---- suggestions -------------------------------------------------------------------------------------------------

    def suggest(self, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
        """See `Completer.suggest`.

        Raises:
            EngineUnavailable: no server answers, and there is no local model.
        """
        self._end_open()
        ready = [link for link in self.links if link.ready]
        if self.local is None:
            return self._of_servers(ready, ask, cancel, watch)
        return self._with_local(self.local, ready, ask, cancel, watch)

    def _with_local(
        self, local: Completer, ready: Sequence[Link], ask: Ask, cancel: CancelToken, watch: Watch | None
    ) -> Answer:
        race = Race(ask)
        with cancel.calling(race.give_up):
            answer = race.run(ready, local, watch)
        if cancel.cancelled:
            return _nothing() if answer is None else answer
        winner = race.winner
        for link, one in race.tries:
            link.late = link.late if one.failed else one is not winner
            if winner is not None or not ask.replaceable:
                one.cancel.cancel()
        if winner is not None:
            return winner.future.result()
        assert answer is not None  # noqa: S101 - without a winner the local model came to its end
        self._open = [one for _link, one in race.tries if ask.replaceable and not one.failed]
        better = self._open[0].future if self._open else None
        return evolve(answer, model=local.about.name, better=better)

    def _of_servers(self, ready: Sequence[Link], ask: Ask, cancel: CancelToken, watch: Watch | None) -> Answer:
        failed: BaseException | None = None
        for number, link in enumerate(ready, 1):
            news = threading.Condition()
            one = link.suggest(ask, news, watch)

            with cancel.calling(one.give_up):
                patience = PASS_OVER_S if number < len(ready) else None
                _wait(news, patience, lambda: one.begun or cancel.cancelled)  # noqa: B023 - called at once
                if one.pieces or number == len(ready):
                    _wait(news, None, lambda: one.future.done() or cancel.cancelled)  # noqa: B023 - as above
            if cancel.cancelled:
                return _nothing()
            if one.succeeded:
                return one.future.result()
            one.cancel.cancel()
            failed = one.future.exception() if one.future.done() else failed
        if failed is not None:
            raise failed
        raise EngineUnavailable(" ".join(link.problem for link in self.links) or "No server answers.")

    def _end_open(self) -> None:
        """Nobody waits any more for what would have been better."""
        for one in self._open:
            one.cancel.cancel()
        self._open = []

    # ---- work ahead --------------------------------------------------------------------------------------------------

    def warm(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """See `Completer.warm`. Servers are told beside it; one that is away is no failure here."""
        self._end_open()
        return self._ahead(lambda completer, token: completer.warm(ask, token), cancel)

    def fill(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """See `Completer.fill`, and `warm`."""
        return self._ahead(lambda completer, token: completer.fill(ask, token), cancel)

    def _ahead(self, run: Callable[[Completer, CancelToken], Warmed], cancel: CancelToken) -> Warmed:
        tries = [link.submit(Try(run)) for link in self.links if link.ready and link.idle]
        if self.local is not None:
            return run(self.local, cancel)
        if not tries:
            return Warmed(_NOTHING_DONE, needs_fill=False)
        one = tries[0]
        with cancel.calling(one.give_up):
            _wait(one.news, None, lambda: one.future.done() or cancel.cancelled)
        if one.succeeded:
            return one.future.result()
        return Warmed(evolve(_NOTHING_DONE, completed=False), needs_fill=False)

    @property
    def _preferred(self) -> Completer | None:
        """The first that can be asked now: neighbours are chosen for it, and cut to size for those behind it."""
        return next((link.completer for link in self.links if link.completer is not None), self.local)

    def context_budget(self, ask: Ask) -> int:
        """See `Completer.context_budget`; 0 while no server was reached."""
        preferred = self._preferred
        return 0 if preferred is None else preferred.context_budget(ask)

    def count(self, text: str) -> int:
        """See `Completer.count`."""
        preferred = self._preferred
        return len(text) if preferred is None else preferred.count(text)

    # ---- end ---------------------------------------------------------------------------------------------------------

    def forget(self, document: DocumentKey) -> None:
        """See `Completer.forget`."""
        if self.local is not None:
            self.local.forget(document)
        for link in self.links:
            link.later(lambda completer: completer.forget(document))

    def close(self) -> None:
        """See `Completer.close`."""
        for link in self.links:
            link.close()
        if self.local is not None:
            self.local.close()


def _wait(news: threading.Condition, seconds: float | None, over: Callable[[], bool]) -> None:
    with news:
        news.wait_for(over, seconds)


def _nothing() -> Answer:
    return Answer(
        text="",
        raw="",
        joint=0.0,
        withheld=False,
        quick=False,
        cached=0,
        evaluated=0,
        generated=0,
        finish="cancelled",
        timings=Timings(0.0, 0.0, 0.0, 0.0),
    )
