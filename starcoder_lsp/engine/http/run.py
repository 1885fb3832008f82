"""One call of a token server: what its events say happened, as an engine tells it. Pure but for the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starcoder_lsp.engine.base import CancelToken, Evaluation, Finish, OnToken, Token
from starcoder_lsp.engine.http.events import End, Event, Fault, NotUnderstood, Piece, Progress, Usage
from starcoder_lsp.engine.likely import given

if TYPE_CHECKING:
    from collections.abc import Sequence


class Run:
    """Collects events. `take` returns True once no more are wanted."""

    def __init__(  # noqa: PLR0913 - what a call is about
        self,
        ids: Sequence[int],
        known: int,
        limit: int,
        pieces: Sequence[bytes],
        end_ids: frozenset[int],
        on_token: OnToken,
        cancel: CancelToken,
        *,
        begin: bytes = b"",
        others: bool = False,
        counts_last: bool = False,
    ) -> None:
        """See `Engine.generate` for `ids`, `on_token` and `cancel`.

        `known`: ids that are thought to be cached. `limit`: tokens to hand out, 0 for none. `pieces`: the bytes of each
        token. `begin`, `others`: as for the engine. `counts_last`: whether the server ends the generation at `end_ids`
        itself, and counts behind its end.
        """
        self.ids = list(ids)
        self.generated = 0
        self.tokens: list[int] = []
        """Generated ids, as far as they are known."""
        self.places: list[tuple[tuple[int, float], ...]] = []
        """The likeliest tokens of each place, as long as the text must begin with something."""
        self.fault: Fault | None = None
        self.finish: Finish | None = None
        self.written = False
        self.ended = False
        self._limit = limit
        self._pieces = pieces
        self._end_ids = end_ids
        self._on_token = on_token
        self._cancel = cancel
        self._begin = begin  # less what was written of it
        self._others = others
        self._counts_last = counts_last
        self._known, self._cached, self._evaluated = known, known, 0
        self._counted = False  # the server said what was cached
        self._opaque = False  # the ids after this point are not known
        self._enough = False
        self._processed = 0
        self._began = self._prefilled = self._last = time.perf_counter()

    def take(self, event: Event) -> bool:
        """Take one event.

        Raises:
            NotUnderstood: a token is outside the vocabulary, or the server writes more than it was asked for.
        """
        if self._cancel.cancelled:
            self.finish = "cancelled"
            return True
        if isinstance(event, Fault):
            self.fault = event
            return True
        if isinstance(event, End):
            self._complete()
            self.ended = True
            self.finish = self.finish or event.reason
            self._enough = not self._counts_last
        elif isinstance(event, Piece):
            if self.finish is None:
                self._piece(event)
        else:
            self._count(event)
        return self._enough

    def _count(self, event: Progress | Usage) -> None:
        if isinstance(event, Progress):
            self._counted = True
            self._cached, self._evaluated = event.cached, event.evaluated
            self._processed = max(self._processed, min(event.processed, len(self.ids)))
            if self.generated == 0:
                self._prefilled = self._last = time.perf_counter()
            return
        if event.cached is not None:
            self._counted = True
            self._cached = min(event.cached, len(self.ids))
            self._evaluated = len(self.ids) - self._cached
        self._enough = self.finish is not None

    def _complete(self) -> None:
        """The prompt is evaluated."""
        self._processed = len(self.ids)
        if not self._counted:  # the server does not say what of it was cached: as far as is known
            self._cached, self._evaluated = self._known, len(self.ids) - self._known

    def _piece(self, event: Piece) -> None:
        now = time.perf_counter()
        if self.generated == 0:
            self._complete()
            self._prefilled = now
        self._last = now
        if self._limit == 0:
            return  # it was asked to evaluate only, and some servers write a token all the same
        self.generated += 1 + event.skipped
        if self.generated > self._limit:
            raise NotUnderstood("more tokens than were asked for")
        if self._begin:
            self.places.append(event.likeliest)
        token = -1 if event.id is None else event.id
        if not 0 <= token < len(self._pieces):
            raise NotUnderstood("a token outside the vocabulary")
        self._opaque = self._opaque or event.skipped > 0
        if not self._opaque:
            self.tokens.append(token)
        if token in self._end_ids:
            self.finish = "stop"
            self._enough = not self._counts_last
            return
        data = event.data if event.skipped and event.data is not None else self._pieces[token]
        self.written = True
        if self._on_token(self._token(token, data, event)):
            self.finish = "stop"
            self._enough = True

    def _token(self, token: int, data: bytes, event: Piece) -> Token:
        logprob, begin = 0.0 if event.logprob is None else event.logprob, self._begin
        self._begin = begin[len(data) :]
        if not begin and not self._others:
            return Token(token, data, logprob)
        known = with_pieces(event.likeliest, self._pieces)
        made = token_of((token, data, logprob), known, begin, self._end_ids if self._others else None)
        self._others = self._others and len(data) <= len(begin)
        return made

    @property
    def held(self) -> list[int]:
        """Ids that the server holds now, as far as is known: the last one sampled was not evaluated."""
        if self._processed < len(self.ids):
            return self.ids[: max(self._processed, self._known)]
        return [*self.ids, *self.tokens[:-1]]

    @property
    def decode_ms(self) -> float:
        """From the first token to the last."""
        return (self._last - self._prefilled) * 1e3

    def evaluation(self) -> Evaluation:
        """Return what was done of the prompt."""
        return Evaluation(
            cached=self._cached,
            evaluated=self._evaluated,
            ms=(self._prefilled - self._began) * 1e3,
            completed=self._processed >= len(self.ids) and not (self.finish == "cancelled" and self.generated == 0),
        )


Known = tuple[int, bytes, float]
"""A token, its bytes and its log-probability (natural)."""


def with_pieces(likeliest: Sequence[tuple[int, float]], pieces: Sequence[bytes]) -> list[Known]:
    """Return the likeliest tokens with their bytes, but for those outside the vocabulary."""
    return [(one, pieces[one], logprob) for one, logprob in likeliest if one < len(pieces)]


def token_of(chosen: Known, likeliest: Sequence[Known], begin: bytes, end_ids: frozenset[int] | None) -> Token:
    """Return a token where the text must go on with `begin`.

    `end_ids`: where others that could stand in its place are wanted, tokens that could not.
    """
    token, data, logprob = chosen
    others: tuple[Token, ...] = ()
    if end_ids is not None and len(data) > len(begin):
        others = tuple(
            Token(*one)
            for one in likeliest
            if one[0] not in {token, *end_ids} and one[1].startswith(begin) and len(one[1]) > len(begin)
        )
    return Token(token, data, given(begin, data, logprob, [one[1:] for one in likeliest]), others)
