"""The engine protocol: what a back end can do, said once for llama.cpp, ctransformers and whatever comes later.

An engine evaluates token ids and keeps the result in *slots*: independent key/value caches, each holding the ids of
the last prompt evaluated there. Evaluating a prompt in a slot costs only the ids behind the common prefix with what
the slot already holds. Text never reaches an engine: encoding is done with `engine.tokenizer`, so the text of a user's
file cannot become a control token.

All methods are called from one thread (`engine.worker`). Only `CancelToken.cancel` may be called from another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from attrs import frozen

Finish = Literal["stop", "length", "cancelled"]
"""Why a generation ended: `stop` (an end token, or `on_token` said so), `length` (max_tokens or the context window is
full), `cancelled`."""


class CancelToken:
    """Asks the work that holds it to end at its next checkpoint. Cancelling twice is cancelling once."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        """Start not cancelled."""
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask for the end. Safe from any thread; returns at once."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()


@frozen
class Token:
    """A generated token: its id, its bytes (possibly a part of a UTF-8 sequence), its natural-log probability."""

    id: int
    piece: bytes
    logprob: float


@frozen
class Evaluation:
    """What a prefill did: ids found in the cache, ids evaluated now, wall time in ms, whether it reached the end."""

    cached: int
    evaluated: int
    ms: float
    completed: bool


@frozen
class Generation:
    """What a generation did. `prefill` is the prompt's share; `generated` counts decoded tokens, the end token too."""

    prefill: Evaluation
    generated: int
    decode_ms: float
    finish: Finish


@frozen
class EngineInfo:
    """What an engine is, for status lines, logs and budgets."""

    engine: str
    """`llama.cpp` or `ctransformers`."""
    model_name: str
    architecture: str
    context_window: int
    """Tokens that one slot holds: prompt and generated ones together."""
    slots: int
    train_context: int
    """Tokens the model was trained for."""
    detail: str = ""
    """Build, CPU features, offload: one line for `doctor`."""
    devices: tuple[str, ...] = ()


OnToken = Callable[[Token], bool]
"""Called for each generated token but the end token; True ends the generation after this token."""


class Engine(Protocol):
    """Evaluates and continues token sequences. See the module for slots and threads."""

    @property
    def info(self) -> EngineInfo:
        """What this engine is."""
        ...

    def cached(self, slot: int) -> Sequence[int]:
        """Return the ids whose keys and values the slot holds, oldest first. The caller must not change them."""
        ...

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """Evaluate `ids` in `slot`, so that a later call with the same beginning finds it cached.

        Checks `cancel` between chunks; what was evaluated until then stays cached.

        Raises:
            ContextFull: `ids` is longer than the context window.
            BadTokens: `ids` is empty or has an id outside the vocabulary.
            EngineFailed: the back end failed; its own words are in the message.
            EngineClosed: `close` was called.
        """
        ...

    def generate(
        self,
        ids: Sequence[int],
        *,
        slot: int,
        max_tokens: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: str = "",
    ) -> Generation:
        """Evaluate `ids` in `slot` and decode greedily from there, one `on_token` call a token.

        The text of the generated tokens begins with `begin` (or is a part of it, where the generation ends before): at
        each place the likeliest token is taken of those that keep to it. Their log-probabilities are the model's own.

        Ends at an end-of-generation token of the model, when `on_token` returns True, at `max_tokens`, at the end of
        the context window, or when `cancel` is set (checked between chunks and between decode steps). An exception
        from `on_token` ends the generation and is raised here. Raises what `prefill` raises.
        """
        ...

    def close(self) -> None:
        """Free the model. Idempotent; later calls of other methods raise EngineClosed."""
        ...


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many ids `a` and `b` share from the start.

    Compares slices (C speed) and halves the range until the first difference is found: a prompt of 8,192 ids costs
    some tens of microseconds, where a Python loop over its ids would cost a millisecond at every keystroke.
    """
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
