"""A `Completer` over a token engine: plan a prompt, generate, read what is written; prefills that make it cheap."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from starcoder_lsp.completer.alternatives import alternatives
from starcoder_lsp.completer.base import (
    About,
    Answer,
    Ask,
    Counters,
    DocumentKey,
    Timings,
    Warmed,
    Watch,
)
from starcoder_lsp.completer.planner import Planner
from starcoder_lsp.completer.speed import Speed
from starcoder_lsp.completer.writing import Writing
from starcoder_lsp.completion.curve import DEFAULT, Curve
from starcoder_lsp.completion.stop import StopRules
from starcoder_lsp.engine.base import Evaluation, both

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starcoder_lsp.completion.choose import Choice
    from starcoder_lsp.completion.fim import FimTokens
    from starcoder_lsp.completion.prompt import LayoutChoice
    from starcoder_lsp.engine.base import CancelToken, Engine, Generation, OnToken
    from starcoder_lsp.tokens.as_text import TextTokenizer
    from starcoder_lsp.tokens.lines import LineEncoder
    from starcoder_lsp.tokens.tokenizer import Tokenizer


@define(eq=False)
class TokenCompleter:
    """See `Completer`. Made and used on the worker's thread."""

    engine: Engine
    tokenizer: Tokenizer | TextTokenizer
    encoder: LineEncoder
    tokens: FimTokens
    name: str
    curve: Curve = DEFAULT
    layout: LayoutChoice = "auto"
    """What `auto` means for this model."""
    speed: Speed = field(factory=Speed)
    counters: Counters = field(factory=Counters)
    planner: Planner = field(init=False)
    _mark: int = field(init=False)
    """Tokens that each line of a neighbour takes besides its own."""

    def __attrs_post_init__(self) -> None:
        """Read what the engine is."""
        info = self.engine.info
        self._mark = 0 if self.tokens.family.repository == "files" else len(self.tokenizer.encode("# "))
        self.planner = Planner(
            self.tokens,
            self.encoder.chunks,
            self.tokenizer.open_end,
            info.context_window,
            info.slots,
            self.engine.reusable,
            self.speed,
            self.layout,
        )

    @property
    def about(self) -> About:
        """What it is now: an engine in another process may have been started again."""
        info = self.engine.info
        return About(self.name, info.engine, info.context_window, info.detail, curve=self.curve, process=info.process)

    def suggest(self, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
        """See `Completer.suggest`."""
        started = time.perf_counter()
        choice, quick = self.planner.plan(ask)
        planned = time.perf_counter()
        stops, begin = self.tokens.stops, choice.prompt.begin
        rules = StopRules(ask.cursor, multiline=ask.wants_block)
        writing = Writing(begin, stops, rules, ask.gate, watch)
        outcome = self.generate(choice, ask.max_tokens, writing.take, cancel, others=ask.alternatives > 0)
        writing.ended = outcome.finish != "length"
        self.counters.quick += quick
        text, raw = writing.text, writing.kept

        def go_on(ids: Sequence[int], other: Writing) -> bool:
            prompt = evolve(choice.prompt, ids=[*choice.prompt.ids, *ids], begin="")
            done = self.generate(evolve(choice, prompt=prompt), ask.max_tokens, other.take, cancel)
            other.ended = done.finish != "length"
            return done.finish != "cancelled"

        others: tuple[str, ...] = ()
        if ask.alternatives and outcome.finish != "cancelled":
            others = alternatives(writing, ask.alternatives, lambda: Writing(begin, stops, rules, ask.gate), go_on)
        return Answer(
            text=text,
            raw=raw,
            joint=writing.joint(len(text) or len(raw)),
            withheld=writing.withheld,
            quick=quick,
            cached=outcome.prefill.cached,
            evaluated=outcome.prefill.evaluated,
            generated=outcome.generated,
            finish=outcome.finish,
            timings=Timings(
                tokenize=(planned - started) * 1e3,
                prefill=outcome.prefill.ms,
                decode=outcome.decode_ms,
                total=(time.perf_counter() - started) * 1e3,
            ),
            context_key=choice.prompt.context.key,
            others=others,
            prompt=choice.prompt,
            tokens=writing.tokens,
        )

    def generate(
        self, choice: Choice, max_tokens: int, on_token: OnToken, cancel: CancelToken, *, others: bool = False
    ) -> Generation:
        """Continue a prompt by at most `max_tokens` tokens behind its `begin`. Raises what `Engine.generate` raises."""
        self.planner.touch(choice.slot)
        begin = choice.prompt.begin
        first = self._stem(choice, cancel)
        outcome = self.engine.generate(
            choice.prompt.ids,
            slot=choice.slot,
            max_tokens=max_tokens + len(self.encoder.encode(begin)),
            on_token=on_token,
            cancel=cancel,
            begin=begin,
            others=others,
        )
        outcome = evolve(outcome, prefill=both(first, outcome.prefill))
        self.speed.saw(outcome.prefill, outcome.generated, outcome.decode_ms)
        self._count(choice, outcome.prefill, outcome.generated, outcome.decode_ms)
        return outcome

    def warm(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """Evaluate what the next suggestion here will need, but for the last token, which the next key may change.

        Where the full window is far from ready, only the quick prompt is warmed; `fill` does the rest.
        """
        choice, quick = self.planner.plan(ask)
        return self._warmed(choice, cancel, needs_fill=quick or not self.planner.is_newest(ask, choice))

    def fill(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """See `Completer.fill`; what a cancel leaves behind stays in the slot."""
        choice = self.planner.plan_full(ask)
        if self.planner.is_left(ask, choice):
            return Warmed(Evaluation(len(choice.prompt.ids) - choice.cost, 0, 0.0, completed=False), needs_fill=False)
        warmed = self._warmed(choice, cancel, needs_fill=not self.planner.is_newest(ask, choice))
        if ask.keep and warmed.evaluation.completed:
            # The window alone answers after a restart until its neighbours are known, so it is kept too.
            for slot in {choice.slot, choice.slot if self.planner.in_use is None else self.planner.in_use}:
                if not cancel.cancelled:  # nobody came meanwhile
                    self.engine.keep(slot)
        return warmed

    def context_budget(self, ask: Ask) -> int:
        """See `Completer.context_budget`."""
        return self.planner.context_budget(ask.max_tokens, ask.context_share)

    def count(self, text: str) -> int:
        """See `Completer.count`."""
        return len(self.tokenizer.encode(text)) + self._mark

    def forget(self, document: DocumentKey) -> None:
        """See `Completer.forget`."""
        self.planner.forget(document)

    def close(self) -> None:
        """See `Completer.close`."""
        self.engine.close()

    def _warmed(self, choice: Choice, cancel: CancelToken, *, needs_fill: bool) -> Warmed:
        window = (choice.prompt.prefix.start, choice.prompt.suffix.end)
        return Warmed(self._prefill(choice, cancel), needs_fill, window)

    def _prefill(self, choice: Choice, cancel: CancelToken) -> Evaluation:
        ids = choice.prompt.ids[:-1]
        if not ids:
            return Evaluation(cached=0, evaluated=0, ms=0.0, completed=True)
        self.planner.touch(choice.slot)
        first = self._stem(choice, cancel)
        evaluation = both(first, self.engine.prefill(ids, slot=choice.slot, cancel=cancel))
        self.speed.saw(evaluation)
        self._count(choice, evaluation)
        return evaluation

    def _stem(self, choice: Choice, cancel: CancelToken) -> Evaluation | None:
        """In a recurrent model, evaluate first what stands in front of what keys change, so that it can be kept.

        Its slots are cut only where a prompt ended (`engine.llama_cpp_checkpoints`): with a suffix evaluated in one go
        behind the prefix, the next key would begin at the first token again.
        """
        stem = choice.prompt.ids[: choice.prompt.stem]
        if self.engine.info.cuts_back or not stem or len(stem) == len(choice.prompt.ids):
            return None
        if self.engine.reusable(stem, choice.slot) == len(stem):
            return None
        return self.engine.prefill(stem, slot=choice.slot, cancel=cancel)

    def _count(self, choice: Choice, evaluation: Evaluation, generated: int = 0, decode_ms: float = 0.0) -> None:
        counters, prompt = self.counters, choice.prompt
        counters.evaluated += evaluation.evaluated
        counters.generated += generated
        counters.engine_ms += evaluation.ms + decode_ms
        counters.prompt, counters.context = len(prompt.ids), len(prompt.context.ids)
        counters.before, counters.after = len(prompt.prefix.ids), len(prompt.suffix.ids)
