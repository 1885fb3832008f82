"""Which prompt, in which slot: the one with the fewest tokens left to evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completion.prompt import Prompt

_WORTH = 32
"""A less preferred prompt must save this many tokens, or the preferred one is taken."""
_SHARED = 16
"""A slot that shares fewer tokens with the prompt than this holds something else: rather take the stalest slot."""


@frozen
class Choice:
    """A prompt, the slot to evaluate it in, and how many of its tokens are left to evaluate there."""

    prompt: Prompt
    slot: int
    cost: int


def choose(
    prompts: Sequence[Prompt], slots: Sequence[int], common: Callable[[Sequence[int], int], int], stalest: Sequence[int]
) -> Choice:
    """Choose among `prompts` (the preferred first) and `slots`.

    Args:
        prompts: at least one.
        slots: numbers of the slots that may be used, at least one.
        common: how many ids from the start a slot shares with these ids.
        stalest: the same slots, the one used longest ago first.
    """
    first, *others = prompts
    best = _best_slot(first, slots, common, stalest[0])
    for prompt in others:
        if best.cost < _WORTH:  # no other can save so much
            break
        choice = _best_slot(prompt, slots, common, stalest[0])
        if choice.cost + _WORTH <= best.cost:
            best = choice
    return best


def _best_slot(
    prompt: Prompt, slots: Sequence[int], common: Callable[[Sequence[int], int], int], stalest: int
) -> Choice:
    shared = {slot: common(prompt.ids, slot) for slot in slots}
    slot = max(slots, key=lambda one: (shared[one], one == stalest))
    if shared[slot] < min(_SHARED, len(prompt.ids)):
        slot = stalest
    return Choice(prompt, slot, len(prompt.ids) - shared[slot])
