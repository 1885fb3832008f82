"""Which prompt to ask, in which slot: budgets, anchors and contexts of documents, and what a slot holds already.

Progressive prompts: the *full* window is what quality wants; where evaluating it would take longer than a person waits,
a *quick* prompt of a few lines answers first, in a slot of its own, and the full window is filled in the background.

Contexts: the one that a document's prompts have, and the newest that was asked for, are both candidates, as is none at
all; the one with the fewest tokens left to evaluate wins. Filling evaluates the newest in another slot, so that it
takes over by cost alone, and no keystroke waits for it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from starcoder_lsp.completion.choose import Choice, choose
from starcoder_lsp.completion.context import alone, context_of
from starcoder_lsp.completion.prompt import LayoutChoice, candidates
from starcoder_lsp.completion.window import Anchor, held_start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completer.base import Ask, DocumentKey
    from starcoder_lsp.completer.speed import Speed
    from starcoder_lsp.completion.fim import FimTokens
    from starcoder_lsp.completion.prompt import Context, Prompt
    from starcoder_lsp.completion.window import Chunks

FIRST_ANSWER_S = 0.7
"""Seconds of prefill that a person is made to wait for; more is done in the background."""
_FULL_S = 0.5
"""Seconds of prefill that a full window may take where that allows for more than the least: each jump to a new place
evaluates it."""
_FULL_LEAST = 2176
"""Tokens of a full window, even on slow machines: freshly placed it holds 810 tokens before and 540 after the cursor,
more than other local completion sends (768 and the cursor's line; 254); a slow machine fills it in the background."""
_STICKY = 4
"""The budget changes only with a speed so many times greater or smaller: each change evaluates the window again. At
first it is the nearest of some so many times apart, so that another process finds the windows of this one."""
_FOLLOW = 64
"""Tokens left to evaluate that make it worth looking whether a window is held that began elsewhere."""
_QUICK_LEAST = 24
_QUICK_STICKY = 2
"""The same for the quick window, whose length is what a person waits for."""
_CONTEXT_S = 4.0
"""Seconds of prefill that a context may take where that allows for more than the least."""
_CONTEXT_LEAST = 1024
"""Tokens of context, even on slow machines: it is evaluated in the background."""
_CONTEXT_LATER_S = 2.0
"""A context that takes longer to evaluate comes after the window is warm."""
_DOCUMENTS = 64


@frozen
class Budgets:
    """Tokens: of the full prompt and of the quick one, both without context, and of the context."""

    full: int
    quick: int
    context: int


@define
class _Kept:
    """What is remembered of one document."""

    context: Context
    """In the prompts of this document now."""
    newest: Context
    room: int = 0
    """Tokens that `newest` was made to fit."""
    full: Anchor = field(factory=Anchor)
    quick: Anchor = field(factory=Anchor)


@define(eq=False)
class Planner:
    """Plans the prompts of one engine. `reusable` says how many of a prompt's ids a slot need not evaluate again."""

    tokens: FimTokens
    chunks: Chunks
    open_end: Callable[[str], int]
    context_window: int
    slots: int
    reusable: Callable[[Sequence[int], int], int]
    speed: Speed
    layout: LayoutChoice = "auto"
    """What `auto` means for this model."""
    context_least: int = _CONTEXT_LEAST
    """Tokens of context at least, however slowly prompts are read."""
    _documents: OrderedDict[DocumentKey, _Kept] = field(factory=OrderedDict)
    _alone: Context = field(init=False)
    _used: list[int] = field(factory=list)
    """Slots, the one used longest ago first."""
    _active: DocumentKey | None = None
    """Where the user was last."""
    in_use: int | None = None
    """The slot with the full window of the last answer there."""
    _full_budget: int = 0
    _quick_budget: int = 0
    _context_budget: int = 0

    def __attrs_post_init__(self) -> None:
        """No slot is staler than another."""
        self._alone = alone(self.tokens)
        self._used = list(range(self.slots))

    def budgets(self, max_tokens: int, context_share: float = 0.0) -> Budgets:
        """Return the budgets by the measured prefill speed. Half of the window at least is the prompt's."""
        if self.slots > 1:
            self._full_budget = _settled(self._full_budget, self.speed.prefill * _FULL_S, _FULL_LEAST)
        else:  # one slot: nothing can be prepared beside it, so its window is what a person waits for
            wanted = self.speed.prefill * FIRST_ANSWER_S * 3
            self._full_budget = _settled(self._full_budget, wanted, 4 * _QUICK_LEAST)
        quick = max(_QUICK_LEAST, int(self.speed.prefill * FIRST_ANSWER_S))
        if not self._quick_budget / _QUICK_STICKY < quick < self._quick_budget * _QUICK_STICKY:
            self._quick_budget = quick
        context = self.context_budget(max_tokens, context_share)
        full = min(self.longest(max_tokens) - context, self._full_budget)
        return Budgets(full, min(full, self._quick_budget), context)

    def context_budget(self, max_tokens: int, share: float) -> int:
        """Return the tokens of context by the measured prefill speed. May be called from any thread."""
        self._context_budget = _settled(self._context_budget, self.speed.prefill * _CONTEXT_S, self.context_least)
        return min(int(self.longest(max_tokens) * share), self._context_budget)

    def longest(self, max_tokens: int) -> int:
        """Tokens of the longest prompt."""
        return max(self.context_window - max_tokens - 2, self.context_window // 2)

    def plan(self, ask: Ask) -> tuple[Choice, bool]:
        """Return what to evaluate for an answer now, and whether it is the quick prompt."""
        self._active, self.in_use = ask.document, None
        budgets = self.budgets(ask.max_tokens, ask.context_share)
        kept = self._keep(ask, budgets)
        # Where nothing is evaluated in the background, the newest would never win by cost.
        contexts = _distinct(kept.newest, kept.context, self._alone) if ask.progressive else [kept.newest]
        full = self._choose(ask, kept, budgets.full, self._full_slots, contexts)
        if ask.progressive and self.slots > 1 and budgets.quick < budgets.full and self._slow(full):
            quick = self._choose(ask, kept, budgets.quick, (self.slots - 1,), None)
            if quick.cost < full.cost:
                return quick, True
        kept.context, self.in_use = full.prompt.context, full.slot
        return full, False

    def plan_full(self, ask: Ask) -> Choice:
        """Return the full prompt with the newest context.

        Where that is another context than the one in use, it goes into another slot if there is one; and where it
        takes long, the window with the one in use comes first.
        """
        budgets = self.budgets(ask.max_tokens, ask.context_share)
        kept = self._keep(ask, budgets)
        slots = self._full_slots
        newest = self._choose(ask, kept, budgets.full, slots, (kept.newest,))
        if kept.newest.ids == kept.context.ids or len(slots) == 1:
            return newest
        current = self._choose(ask, kept, budgets.full, slots, (kept.context,))
        if newest.cost <= current.cost:  # it is held since it was chosen before: there is nothing to be spared
            return newest
        if self._slow(current) and self._seconds(len(kept.newest.ids)) > _CONTEXT_LATER_S:
            return current
        slots = tuple(slot for slot in slots if slot != current.slot)
        return self._choose(ask, kept, budgets.full, slots, (kept.newest,))

    def is_left(self, ask: Ask, choice: Choice) -> bool:
        """Whether the user has gone on to another document, and this one's window is not evaluated any more.

        It will be once somebody comes back; meanwhile its slot is the other's.
        """
        return ask.document != self._active and choice.cost > _FOLLOW

    def is_newest(self, ask: Ask, choice: Choice) -> bool:
        """Whether a prompt has the context that was asked for."""
        kept = self._documents.get(ask.document)
        return kept is None or choice.prompt.context.ids == kept.newest.ids

    def touch(self, slot: int) -> None:
        """Note that a slot was used."""
        self._used.remove(slot)
        self._used.append(slot)

    def forget(self, document: DocumentKey) -> None:
        """Forget a closed document."""
        self._documents.pop(document, None)

    def _keep(self, ask: Ask, budgets: Budgets) -> _Kept:
        kept = self._documents.setdefault(ask.document, _Kept(self._alone, self._alone))
        self._documents.move_to_end(ask.document)
        while len(self._documents) > _DOCUMENTS:
            self._documents.popitem(last=False)
        if kept.newest.key != ask.neighbours.key or kept.room != budgets.context:
            kept.room = budgets.context
            kept.newest = context_of(
                ask.neighbours, language=ask.language, tokens=self.tokens, budget=budgets.context, chunks=self.chunks
            )
        return kept

    @property
    def _full_slots(self) -> tuple[int, ...]:
        return tuple(range(self.slots - 1)) if self.slots > 1 else (0,)

    def _slow(self, choice: Choice) -> bool:
        return self._seconds(choice.cost) > FIRST_ANSWER_S

    def _seconds(self, tokens: float) -> float:
        return tokens / max(self.speed.prefill, 1e-3)

    def _choose(
        self, ask: Ask, kept: _Kept, budget: int, slots: Sequence[int], contexts: Sequence[Context] | None
    ) -> Choice:
        """Choose among prompts with `contexts`; None: the quick prompt, which has none."""
        anchor = kept.quick if contexts is None else kept.full

        def prompts() -> list[Prompt]:
            return candidates(
                ask.sent,
                tokens=self.tokens,
                budget=budget,
                anchor=anchor,
                chunks=self.chunks,
                layout=self.layout if ask.layout == "auto" else ask.layout,
                contexts=contexts or (self._alone,),
                skip_closers=ask.layout == "auto",
                open_end=self.open_end,
                language=ask.language,
            )

        stalest = [slot for slot in self._used if slot in slots]
        stood, found = anchor.find(ask.sent.text), prompts()
        choice = choose(found, slots, self.reusable, stalest)
        if contexts is None or choice.cost < _FOLLOW or found[0].prefix.start == stood:
            return choice
        start = self._held_start(ask.sent.text, found, slots, budget)
        if start is None:
            return choice
        anchor.remember(ask.sent.text, start, found[0].prefix.end)
        return choose(prompts(), slots, self.reusable, stalest)

    def _held_start(self, text: str, prompts: Sequence[Prompt], slots: Sequence[int], budget: int) -> int | None:
        """Return where a window began that a slot, or what is kept, holds behind all that stands in front of it."""
        for prompt in prompts:
            front = prompt.ids[: prompt.stem - len(prompt.prefix.ids)]

            def held(ids: Sequence[int], front: Sequence[int] = front) -> int:
                whole = [*front, *ids]
                return max(self.reusable(whole, slot) for slot in slots) - len(front)

            if held(()) >= 0:
                start = held_start(text, prompt.prefix.end, budget, self.chunks, held)
                if start is not None:
                    return start
        return None


def _settled(budget: int, wanted: float, least: int) -> int:
    """Return the budget to go on with where `wanted` tokens would be right now; 0 is no budget yet."""
    if budget / _STICKY < max(wanted, least) < budget * _STICKY:
        return budget
    steps = round(math.log(max(wanted, least) / least, _STICKY))
    return int(least * _STICKY**steps)


def _distinct(*contexts: Context) -> list[Context]:
    return list({context.ids: context for context in reversed(contexts)}.values())[::-1]
