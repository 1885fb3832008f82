"""One suggestion on the worker thread: prompt, engine, stop, refine. Also the prefills that make the next one cheap.

A `Runtime` is the loaded model with all that belongs to it; it is made and used on the worker thread only.

Progressive prompts: the *full* window is what quality wants; where evaluating it would take longer than a person waits,
a *quick* prompt of a few lines answers first, in a slot of its own, and the full window is filled in the background.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from starcoder_lsp.completion.choose import Choice, choose
from starcoder_lsp.completion.continuation import Continuation
from starcoder_lsp.completion.prompt import Context, LayoutChoice, Place, Prompt, candidates
from starcoder_lsp.completion.refine import refine
from starcoder_lsp.completion.stop import StopRules
from starcoder_lsp.completion.window import Anchor
from starcoder_lsp.engine.base import CancelToken, Engine, Evaluation, Generation, OnToken, Token, common_prefix

if TYPE_CHECKING:
    from starcoder_lsp.completion.cursor import Cursor
    from starcoder_lsp.completion.fim import FimTokens
    from starcoder_lsp.engine.lines import LineEncoder
    from starcoder_lsp.engine.tokenizer import Tokenizer

DEFAULT_MIN_CONFIDENCE = -2.0
"""Mean log-probability (nats a token) under which suggestions are hidden where the model file states no threshold."""
FIRST_ANSWER_S = 0.7
"""Seconds of prefill that a person is made to wait for; more is done in the background."""
_FULL_S = 1.0
"""Seconds of prefill that a full window may take where that allows for more than the least."""
_FULL_LEAST = 2176
"""Tokens of a full window, even on slow machines: freshly placed it holds 810 tokens before and 540 after the cursor,
more than other local completion sends (768 and the cursor's line; 254); a slow machine fills it in the background."""
_STICKY = 4
"""The budget changes only with a speed so many times greater or smaller: each change evaluates the window again."""
_QUICK_LEAST = 24
_QUICK_STICKY = 2
"""The same for the quick window, whose length is what a person waits for."""
_WEIGHT = 0.3
_SAMPLE = 8
"""Evaluations of fewer tokens say little about speed."""
_TELLING_MS = 200.0
"""Nor do shorter ones say much: other programs and the cost of a call are most of what they measure."""
_DOCUMENTS = 64


@define
class Speed:
    """Measured speeds in tokens a second, as exponential moving averages. The first values come from the load."""

    prefill: float = 200.0
    decode: float = 20.0

    def saw(self, evaluation: Evaluation, generated: int = 0, decode_ms: float = 0.0) -> None:
        """Take a measurement."""
        if evaluation.evaluated >= _SAMPLE and evaluation.ms > 0:
            weight = _WEIGHT * min(1.0, evaluation.ms / _TELLING_MS)
            self.prefill += weight * (evaluation.evaluated / evaluation.ms * 1e3 - self.prefill)
        if generated > 1 and decode_ms > 0:
            self.decode += _WEIGHT * ((generated - 1) / decode_ms * 1e3 - self.decode)


@frozen
class Ask:
    """What is asked: a place, and how."""

    uri: str
    place: Place
    cursor: Cursor
    multiline: bool
    max_tokens: int = 96
    layout: LayoutChoice = "auto"
    context: Context = field(factory=Context)
    progressive: bool = True
    """Whether a quick prompt may answer first, because the full window will be filled in the background."""


@frozen
class Timings:
    """Wall time in ms."""

    tokenize: float
    prefill: float
    decode: float
    total: float


@frozen
class Answer:
    """What came of it. `text` is refined, with newlines; empty where there is nothing worth showing."""

    text: str
    raw: str
    mean_logprob: float
    prompt: Prompt
    quick: bool
    """Made from the quick prompt: the full window was not ready."""
    cached: int
    evaluated: int
    generated: int
    finish: str
    timings: Timings


@frozen
class Partial:
    """The refined text so far, while the model goes on."""

    text: str
    mean_logprob: float


Watch = Callable[[Partial], None]


@define
class Counters:
    """What the engine did since the load, in tokens and ms; for `bench` and for people who ask."""

    evaluated: int = 0
    generated: int = 0
    engine_ms: float = 0.0
    prompt: int = 0
    """Tokens of the newest prompt."""
    before: int = 0
    after: int = 0
    """Tokens of its prefix and suffix windows."""
    quick: int = 0
    """How many suggestions were made from the quick prompt."""


@define
class _Anchors:
    full: Anchor = field(factory=Anchor)
    quick: Anchor = field(factory=Anchor)


@define(eq=False)
class Runtime:
    """The loaded model at work."""

    engine: Engine
    tokenizer: Tokenizer
    encoder: LineEncoder
    tokens: FimTokens
    name: str
    min_confidence: float = DEFAULT_MIN_CONFIDENCE
    """Mean log-probability under which this model's suggestions are better hidden."""
    layout: LayoutChoice = "auto"
    """What `auto` means for this model."""
    speed: Speed = field(factory=Speed)
    counters: Counters = field(factory=Counters)
    _anchors: dict[str, _Anchors] = field(factory=dict)
    _used: list[int] = field(factory=list)
    _full_budget: int = 0
    _quick_budget: int = 0

    def __attrs_post_init__(self) -> None:
        """Every slot is equally stale at first."""
        self._used = list(range(self.engine.info.slots))

    def budgets(self, max_tokens: int) -> tuple[int, int]:
        """Return the tokens of the full prompt and of the quick one, by the measured prefill speed."""
        most = self.engine.info.context_window - max_tokens - 1
        if self.engine.info.slots > 1:
            full = max(_FULL_LEAST, int(self.speed.prefill * _FULL_S))
        else:  # one slot: nothing can be prepared beside it, so its window is what a person waits for
            full = max(4 * _QUICK_LEAST, int(self.speed.prefill * FIRST_ANSWER_S * 3))
        if not self._full_budget / _STICKY < full < self._full_budget * _STICKY:
            self._full_budget = full
        quick = max(_QUICK_LEAST, int(self.speed.prefill * FIRST_ANSWER_S))
        if not self._quick_budget / _QUICK_STICKY < quick < self._quick_budget * _QUICK_STICKY:
            self._quick_budget = quick
        return min(most, self._full_budget), min(most, self._full_budget, self._quick_budget)

    def plan(self, ask: Ask) -> tuple[Choice, bool]:
        """Return what to evaluate for an answer now, and whether it is the quick prompt."""
        full_budget, quick_budget = self.budgets(ask.max_tokens)
        full = self._choose(ask, full_budget, self._full_slots, "full")
        if not ask.progressive or self.engine.info.slots == 1 or quick_budget >= full_budget:
            return full, False
        if self._seconds(full) <= FIRST_ANSWER_S:
            return full, False
        quick = self._choose(ask, quick_budget, (self.engine.info.slots - 1,), "quick")
        return (quick, True) if quick.cost < full.cost else (full, False)

    def suggest(self, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
        """Make one suggestion. Raises what `Engine.generate` raises."""
        started = time.perf_counter()
        choice, quick = self.plan(ask)
        planned = time.perf_counter()
        self._touch(choice.slot)
        rules = StopRules(ask.cursor, multiline=ask.multiline)
        written = _Writing(choice.prompt.begin, self.tokens.stops, rules, watch)
        outcome = self.generate(choice, ask.max_tokens, written.take, cancel)
        self.speed.saw(outcome.prefill, outcome.generated, outcome.decode_ms)
        self._count(outcome.prefill, outcome.generated, outcome.decode_ms, choice, quick=quick)
        raw = written.kept
        text = refine(raw, ask.cursor)
        return Answer(
            text=text,
            raw=raw,
            mean_logprob=written.mean(len(text) or len(raw)),
            prompt=choice.prompt,
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
        )

    def generate(self, choice: Choice, max_tokens: int, on_token: OnToken, cancel: CancelToken) -> Generation:
        """Continue a prompt by at most `max_tokens` tokens behind its `begin`. Raises what `Engine.generate` raises."""
        begin = choice.prompt.begin
        return self.engine.generate(
            choice.prompt.ids,
            slot=choice.slot,
            max_tokens=max_tokens + len(self.encoder.encode(begin)),
            on_token=on_token,
            cancel=cancel,
            begin=begin,
        )

    def warm(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """Evaluate what the next suggestion here will need, but for the last token, which the next key may change.

        Where the full window is far from ready, only the quick prompt is warmed; `fill` does the rest.
        """
        choice, quick = self.plan(ask)
        return Warmed(self._prefill(choice, cancel), needs_fill=quick)

    def fill(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """Evaluate the full window, however long it takes; what a cancel leaves behind is kept."""
        full_budget, _quick = self.budgets(ask.max_tokens)
        choice = self._choose(ask, full_budget, self._full_slots, "full")
        return Warmed(self._prefill(choice, cancel), needs_fill=False)

    def forget(self, uri: str) -> None:
        """Forget a closed document's anchors."""
        self._anchors.pop(uri, None)

    def _prefill(self, choice: Choice, cancel: CancelToken) -> Evaluation:
        ids = choice.prompt.ids[:-1]
        if not ids:
            return Evaluation(cached=0, evaluated=0, ms=0.0, completed=True)
        self._touch(choice.slot)
        evaluation = self.engine.prefill(ids, slot=choice.slot, cancel=cancel)
        self.speed.saw(evaluation)
        self._count(evaluation, 0, 0.0, choice, quick=False)
        return evaluation

    def _count(self, evaluation: Evaluation, generated: int, decode_ms: float, choice: Choice, *, quick: bool) -> None:
        counters = self.counters
        counters.evaluated += evaluation.evaluated
        counters.generated += generated
        counters.engine_ms += evaluation.ms + decode_ms
        counters.prompt = len(choice.prompt.ids)
        counters.before, counters.after = len(choice.prompt.prefix.ids), len(choice.prompt.suffix.ids)
        counters.quick += quick

    @property
    def _full_slots(self) -> tuple[int, ...]:
        count = self.engine.info.slots
        return tuple(range(count - 1)) if count > 1 else (0,)

    def _seconds(self, choice: Choice) -> float:
        return choice.cost / max(self.speed.prefill, 1e-3)

    def _choose(self, ask: Ask, budget: int, slots: Sequence[int], kind: str) -> Choice:
        if ask.uri not in self._anchors and len(self._anchors) >= _DOCUMENTS:
            self._anchors.pop(next(iter(self._anchors)))
        anchors = self._anchors.setdefault(ask.uri, _Anchors())
        prompts = candidates(
            ask.place,
            tokens=self.tokens,
            budget=budget,
            anchor=anchors.full if kind == "full" else anchors.quick,
            chunks=self.encoder.chunks,
            layout=self.layout if ask.layout == "auto" else ask.layout,
            context=ask.context if kind == "full" else Context(),
            skip_closers=ask.layout == "auto",
            open_end=self.tokenizer.open_end,
        )
        return choose(
            prompts,
            slots,
            lambda ids, slot: common_prefix(ids, self.engine.cached(slot)),
            [slot for slot in self._used if slot in slots],
        )

    def _touch(self, slot: int) -> None:
        self._used.remove(slot)
        self._used.append(slot)


@frozen
class Warmed:
    """What a warm-up did."""

    evaluation: Evaluation
    needs_fill: bool


class _Writing:
    """The text while it is being generated, and the rules that end it."""

    def __init__(self, begin: str, stops: frozenset[int], rules: StopRules, watch: Watch | None) -> None:
        self._continuation = Continuation(begin)
        self._stops = stops
        self._rules = rules
        self._watch = watch
        self._kept: str | None = None

    def take(self, token: Token) -> bool:
        if token.id in self._stops or not self._continuation.add(token.piece, token.logprob):
            return True
        text = self._continuation.text
        if not text:
            return False
        self._kept = self._rules.check(text)
        if self._kept is not None:
            return True
        if self._watch is not None:
            shown = refine(text, self._rules.cursor)
            if shown:
                self._watch(Partial(shown, self.mean(len(shown))))
        return False

    @property
    def kept(self) -> str:
        return self._continuation.text if self._kept is None else self._kept

    def mean(self, length: int) -> float:
        return self._continuation.mean(length)


def measure(engine: Engine, ids: Sequence[int]) -> Speed:
    """Return the speeds of a freshly loaded engine, from one short prompt (it also warms the caches of the machine).

    `ids` is any text of a few dozen tokens.
    """
    slot = engine.info.slots - 1
    outcome = engine.generate(ids, slot=slot, max_tokens=4, on_token=lambda _token: False, cancel=CancelToken())
    speed = Speed()
    if outcome.prefill.ms > 0:
        speed.prefill = outcome.prefill.evaluated / outcome.prefill.ms * 1e3
    if outcome.generated > 1 and outcome.decode_ms > 0:
        speed.decode = (outcome.generated - 1) / outcome.decode_ms * 1e3
    return speed
