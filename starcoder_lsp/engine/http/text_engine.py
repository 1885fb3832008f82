"""An `Engine` over a server that takes text and gives text: its model's vocabulary is not here, or it takes no ids.

Its ids are `tokens.as_text`'s; the tokens that it hands out are pieces of text without ids. Such a server cannot be
asked to evaluate ahead, does not say what it holds, and need not begin with a given text.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, Protocol

from attrs import define, field, frozen

from starcoder_lsp.completion.control_filter import ControlFilter
from starcoder_lsp.engine.base import (
    CancelToken,
    EngineInfo,
    Evaluation,
    Finish,
    Generation,
    OnToken,
    Token,
    check_prompt,
    common_prefix,
)
from starcoder_lsp.engine.http.events import End, Event, Fault, Piece, Usage
from starcoder_lsp.engine.http.reading import perform
from starcoder_lsp.errors import EngineClosed, EngineRefused, EngineUnavailable
from starcoder_lsp.tokens.as_text import SUFFIX_FIELD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.engine.http.events import Call, Parser
    from starcoder_lsp.engine.http.transport import Transport
    from starcoder_lsp.tokens.as_text import TextTokenizer

log = logging.getLogger(__name__)

_ABOUT_WHAT_WAS_ASKED: Final = (400, 422, 500, 501)
"""HTTP statuses of a server that does not know a field. (llama-cpp-python answers 500 for `logprobs`.)"""

_NO_ID: Final = -1


@frozen
class Question:
    """What a text server is asked: to go on behind `prompt`; in front of `suffix` where that is a field of its own."""

    prompt: str = field(repr=False)
    suffix: str | None = field(repr=False)
    max_tokens: int
    stops: tuple[str, ...] = ()
    """Texts that end the generation and are not part of it."""


class TextDialect(Protocol):
    """How a kind of server is asked with text. See `openai`, `ollama` and `tgi`."""

    @property
    def name(self) -> str:
        """What users see."""
        ...

    def call(self, question: Question, /) -> Call:
        """Return the request for a question."""
        ...

    def plainer(self) -> TextDialect | None:
        """Return how to ask a server that refuses this; None where nothing can be left out."""
        ...

    def parser(self) -> Parser:
        """Return what reads an answer."""
        ...


class _Taker:
    """Collects the events of one answer."""

    def __init__(self, spellings: Sequence[str], on_token: OnToken, cancel: CancelToken) -> None:
        self.finish: Finish | None = None
        self.fault: Fault | None = None
        self.written = False
        self.ended = False
        self.pieces = 0
        self.usage = Usage()
        self._filter = ControlFilter(spellings)
        self._score = 0.0
        self._on_token = on_token
        self._cancel = cancel
        self.began = self.first = self.last = time.perf_counter()

    def take(self, event: Event) -> bool:
        if self._cancel.cancelled:
            self.finish = "cancelled"
        elif isinstance(event, Fault):
            self.fault = event
        elif isinstance(event, Usage):
            self.usage = event
            return False
        elif isinstance(event, End):
            self.ended = True
            self._hand_out(self._filter.rest())
            self.finish = self.finish or event.reason
        elif isinstance(event, Piece) and event.data:
            return self._piece(event.data, event.logprob)
        else:
            return False
        return True

    def _piece(self, data: bytes, logprob: float | None) -> bool:
        self.last = time.perf_counter()
        self.first = self.first if self.pieces else self.last
        self.pieces += 1
        self._score = 0.0 if logprob is None else logprob
        if self._hand_out(self._filter.feed(data.decode("utf-8", "replace"))) or self._filter.ended:
            self.finish = "stop"
        return self.finish is not None

    def _hand_out(self, text: str) -> bool:
        if not text:
            return False
        self.written = True
        return self._on_token(Token(_NO_ID, text.encode(), self._score))


@define(eq=False)
class TextEngine:
    """See the module, and `Engine`."""

    transport: Transport
    dialect: TextDialect
    info: EngineInfo
    tokenizer: TextTokenizer
    _sent: list[list[int]] = field(init=False)
    _closed: bool = False

    def __attrs_post_init__(self) -> None:
        """Nothing was sent yet."""
        self._sent = [[] for _ in range(self.info.slots)]

    def cached(self, slot: int) -> Sequence[int]:
        """Return what was sent last: many servers keep it, and a prompt that goes on from there costs less."""
        return self._sent[slot]

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """See `Engine.reusable`."""
        return common_prefix(ids, self._sent[slot])

    def keep(self, slot: int) -> None:
        """See `Engine.keep`; it does nothing here."""

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """Do nothing: such a server cannot be asked for that, or asks money for it."""
        del slot
        self._check(ids)
        return Evaluation(cached=0, evaluated=0, ms=0.0, completed=not cancel.cancelled)

    def generate(
        self,
        ids: Sequence[int],
        *,
        slot: int,
        max_tokens: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: str = "",
        others: bool = False,
    ) -> Generation:
        """See `Engine.generate`. `begin` must be empty: `TextTokenizer.open_end` asks for no other.

        No `others` are known: pieces of text have no ids to go on from.
        """
        del others
        self._check(ids)
        if begin:
            raise ValueError("a text server cannot be made to begin with a text")
        question = self._question(ids, max_tokens)
        while True:
            taker = _Taker(self.tokenizer.spellings, on_token, cancel)
            try:
                perform(self.transport, self.dialect.call(question), self.dialect.parser, taker, cancel)
            except (EngineRefused, EngineUnavailable) as error:
                about_it = not taker.written and error.status in _ABOUT_WHAT_WAS_ASKED
                plainer = self.dialect.plainer() if about_it else None
                if plainer is None:
                    raise
                log.info("%s is asked without log-probabilities from now on: %s", self.transport.address.shown, error)
                self.dialect = plainer
            else:
                break
        self._sent[slot] = list(ids)
        prefill_ms = (taker.first - taker.began) * 1e3
        # How much of the prompt was cached is not known, so nothing is said of what was evaluated.
        evaluation = Evaluation(0, 0, prefill_ms, completed=taker.finish != "cancelled" or taker.pieces > 0)
        generated = taker.pieces if taker.usage.generated is None else taker.usage.generated
        return Generation(evaluation, generated, (taker.last - taker.first) * 1e3, taker.finish or "stop")

    def _question(self, ids: Sequence[int], max_tokens: int) -> Question:
        if self.tokenizer.family is SUFFIX_FIELD:
            before, after = self.tokenizer.in_fields(ids)
            return Question(before, after, max_tokens)
        return Question(self.tokenizer.written_out(ids), None, max_tokens, self.tokenizer.stops)

    def _check(self, ids: Sequence[int]) -> None:
        if self._closed:
            raise EngineClosed
        check_prompt(ids, self.info.context_window)

    def close(self) -> None:
        """Close the connections; the server goes on."""
        if not self._closed:
            self._closed = True
            self.transport.close()
