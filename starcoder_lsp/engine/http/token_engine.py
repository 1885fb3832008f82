"""An `Engine` over a server that takes ids and gives ids: llama-server, vLLM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field

from starcoder_lsp.engine.base import (
    CancelToken,
    EngineInfo,
    Evaluation,
    Finish,
    Generation,
    OnToken,
    check_prompt,
    common_prefix,
)
from starcoder_lsp.engine.http.beginning import Beginnings, Guard, Places
from starcoder_lsp.engine.http.reading import perform
from starcoder_lsp.engine.http.run import Run, token_of, with_pieces
from starcoder_lsp.engine.likely import LIKELIEST, keeps_to
from starcoder_lsp.errors import EngineClosed, EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.engine.http.events import Call, Parser
    from starcoder_lsp.engine.http.transport import Transport


class TokenDialect(Protocol):
    """How a kind of server is asked with ids. See `llama_server` and `vllm`."""

    @property
    def name(self) -> str:
        """What users see."""
        ...

    @property
    def healing(self) -> bool:
        """Whether `generate` can make the generation begin as it must; else `one_of` does."""
        ...

    @property
    def counts_last(self) -> bool:
        """Whether the server ends a generation at end tokens itself, and says what it counted behind its end."""
        ...

    @property
    def block(self) -> int:
        """Tokens of the least piece of a prompt that the server keeps."""
        ...

    def prefill(self, ids: Sequence[int], slot: int, /) -> Call:
        """Return what evaluates a prompt and keeps it."""
        ...

    def generate(self, ids: Sequence[int], slot: int, max_tokens: int, begin: str, likeliest: int, /) -> Call:
        """Return what continues a prompt greedily, with the `likeliest` tokens of each place."""
        ...

    def one_of(self, ids: Sequence[int], slot: int, allowed: Sequence[int], likeliest: int, /) -> Call:
        """Return what continues a prompt by one token, the likeliest of `allowed`."""
        ...

    def parser(self) -> Parser:
        """Return what reads an answer."""
        ...

    def encode(self, content: str, *, special: bool) -> Call:
        """Return what asks for a text's ids; `special`: whether spellings of control tokens count as those."""
        ...

    def encoded(self, answer: dict[str, Any], /) -> list[int]:
        """Return the ids that it answers with."""
        ...


@define(eq=False)
class TokenEngine:
    """See `Engine`. A slot is the server's own where it has slots; else it is what was sent before."""

    transport: Transport
    dialect: TokenDialect
    info: EngineInfo
    pieces: Sequence[bytes]
    """The bytes of each token of the vocabulary, which is the server's too."""
    end_ids: frozenset[int]
    _cached: list[list[int]] = field(init=False)
    _places: Places = field(init=False)
    _beginnings: Beginnings | None = None
    _closed: bool = False

    def __attrs_post_init__(self) -> None:
        """Nothing is known to be cached."""
        self._cached = [[] for _ in range(self.info.slots)]
        self._places = Places(self.end_ids)

    def cached(self, slot: int) -> Sequence[int]:
        """Return the ids that the server was last known to hold; others who use it may have taken their place."""
        return self._cached[slot]

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """See `Engine.reusable`."""
        return common_prefix(ids, self._cached[slot])

    def keep(self, slot: int) -> None:
        """See `Engine.keep`; it does nothing here."""

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """See `Engine.prefill`. What fills no further block of the server's cache costs no call."""
        self._check(ids)
        known, block = self.reusable(ids, slot), self.dialect.block
        if known == len(ids) or known // block == len(ids) // block:
            return Evaluation(cached=known, evaluated=0, ms=0.0, completed=True)
        run = self._run(ids, slot, 0, lambda _token: True, cancel)
        self._perform(self.dialect.prefill(ids, slot), run, slot, cancel)
        return run.evaluation()

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
        """See `Engine.generate`."""
        self._check(ids)
        limit = max(1, min(max_tokens, self.info.context_window - len(ids)))
        if begin and not self.dialect.healing:
            return self._begin(ids, slot, limit, on_token, cancel, begin.encode(), others=others)
        run = self._run(ids, slot, limit, on_token, cancel, begin.encode(), others=others)
        likeliest = LIKELIEST if begin or others else 1
        self._perform(self.dialect.generate(ids, slot, limit, begin, likeliest), run, slot, cancel)
        return Generation(run.evaluation(), run.generated, run.decode_ms, run.finish or "stop")

    def close(self) -> None:
        """Close the connections; the server goes on."""
        if not self._closed:
            self._closed = True
            self.transport.close()

    # ---- a generation that must begin with a text, where the server cannot see to that ------------------------------

    def _begin(
        self,
        ids: Sequence[int],
        slot: int,
        limit: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: bytes,
        *,
        others: bool,
    ) -> Generation:
        """See `beginning`."""
        guard, prompt, generated, decode_ms = Guard(begin, on_token), list(ids), 0, 0.0
        first: Evaluation | None = None

        def done(finish: Finish) -> Generation:
            return Generation(first or Evaluation(len(ids), 0, 0.0, completed=True), generated, decode_ms, finish)

        while True:
            known = self._places.behind(prompt) if guard.rest else None
            likely = next((one for one in known or () if keeps_to(guard.rest, one[1])), None)
            if known and likely:
                token = token_of(likely, known, guard.rest, self.end_ids if others else None)
                others = others and len(token.piece) <= len(guard.rest)
                prompt.append(token.id)
                generated += 1
                guard.take(token)
                if guard.ended or generated >= limit or cancel.cancelled:
                    return done("cancelled" if cancel.cancelled else "stop" if guard.ended else "length")
                continue
            # What is known and keeps to nothing that is wanted is not asked for again, but for one token that does.
            free, guard.taken, guard.strayed = known is None, [], False
            rest, room = guard.rest, limit - generated if known is None else 1
            run = self._run(prompt, slot, room, guard.take, cancel, rest, others=others)
            if free:
                call = self.dialect.generate(prompt, slot, room, "", LIKELIEST)
            else:
                call = self.dialect.one_of(prompt, slot, self._fitting(rest), LIKELIEST)
            self._perform(call, run, slot, cancel)
            for index, likeliest in enumerate(run.places):
                self._places.note([*prompt, *run.tokens[:index]], with_pieces(likeliest, self.pieces))
            strayed = guard.strayed or (run.finish == "stop" and not guard.ended and bool(guard.rest))
            first = first or run.evaluation()
            generated, decode_ms = generated + run.generated - strayed, decode_ms + run.decode_ms
            others = others and len(b"".join(self.pieces[token] for token in guard.taken)) <= len(rest)
            prompt += guard.taken
            over = guard.ended or run.finish == "cancelled" or generated >= limit
            if over or (free and not strayed) or (not free and not guard.taken):
                return done(run.finish or "stop")

    def _fitting(self, begin: bytes) -> list[int]:
        if self._beginnings is None:
            self._beginnings = Beginnings(self.pieces, self.end_ids)
        return self._beginnings.fitting(begin)

    # ---- calls -------------------------------------------------------------------------------------------------------

    def _run(
        self,
        ids: Sequence[int],
        slot: int,
        limit: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: bytes = b"",
        *,
        others: bool = False,
    ) -> Run:
        known, block = self.reusable(ids, slot), self.dialect.block
        return Run(
            ids,
            known // block * block,
            limit,
            self.pieces,
            self.end_ids,
            on_token,
            cancel,
            begin=begin,
            others=others,
            counts_last=self.dialect.counts_last,
        )

    def _perform(self, call: Call, run: Run, slot: int, cancel: CancelToken) -> None:
        try:
            perform(self.transport, call, self.dialect.parser, run, cancel)
        except EngineError:
            self._places.forget()
            raise
        finally:
            self._cached[slot] = run.held

    def _check(self, ids: Sequence[int]) -> None:
        if self._closed:
            raise EngineClosed
        check_prompt(ids, self.info.context_window, len(self.pieces))
