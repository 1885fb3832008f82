"""The engine protocol: what a back end can do, said once for llama.cpp, ctransformers and whatever comes later.

An engine evaluates token ids and keeps the result in *slots*: independent key/value caches, each holding the ids of
the last prompt evaluated there. Evaluating a prompt in a slot costs only the ids behind the common prefix with what
the slot already holds. Text never reaches an engine: encoding is done with `tokens.tokenizer`, so the text of a user's
file cannot become a control token.

All methods are called from one thread (`engine.worker`). Only `CancelToken.cancel` may be called from another.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, Protocol

from attrs import frozen

from starcoder_lsp.errors import BadTokens, ContextFull

if TYPE_CHECKING:
    from starcoder_lsp.engine.states.known import StatesAt

Finish = Literal["stop", "length", "cancelled"]
"""Why a generation ended: `stop` (an end token, or `on_token` said so), `length` (max_tokens or the context window is
full), `cancelled`."""


class Lane(enum.IntEnum):
    """Who waits for the work; smaller goes first."""

    INTERACTIVE = 0
    """A person waits."""
    WARM = 1
    """A person will probably wait soon."""
    BACKGROUND = 2
    """Nobody waits."""


class CancelToken:
    """Asks the work that holds it to end at its next checkpoint. Cancelling twice is cancelling once.

    It says how urgent the work is, too: an engine that several windows share looks at that.
    """

    __slots__ = ("_event", "_hooks", "_lane", "_lock", "_urges")

    def __init__(self, lane: Lane = Lane.INTERACTIVE) -> None:
        """Start not cancelled."""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._hooks: list[Callable[[], object]] = []
        self._urges: list[Callable[[], object]] = []
        self._lane = lane

    def cancel(self) -> None:
        """Ask for the end. Safe from any thread; returns at once."""
        with self._lock:
            self._event.set()
            hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook()

    def urge(self, lane: Lane) -> None:
        """Say that somebody waits for the work now. Safe from any thread; returns at once."""
        with self._lock:
            self._lane = lane
            urges = list(self._urges)
        for urge in urges:
            urge()

    @contextmanager
    def calling(self, hook: Callable[[], object], urge: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Within this, `cancel` calls `hook` too, once, from whichever thread; at once if it was called before.

        For work that waits where it cannot look at the token. `hook` returns at once and raises nothing; so does
        `urge`, which is called where the lane changes.
        """
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._hooks.append(hook)
            self._urges.append(urge)
        if late:
            hook()
        try:
            yield
        finally:
            with self._lock:
                if hook in self._hooks:
                    self._hooks.remove(hook)
                self._urges.remove(urge)

    @property
    def lane(self) -> Lane:
        """How urgent the work is."""
        return self._lane

    @property
    def cancelled(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()


@frozen
class Token:
    """A generated token: its id, its bytes (possibly a part of a UTF-8 sequence), its natural-log probability.

    Where the text must begin with something (`begin`), that is the probability among the tokens that keep to it.
    """

    id: int
    piece: bytes
    logprob: float
    others: tuple[Token, ...] = ()
    """The likeliest others that could stand in its place, the likeliest first; where they were asked for."""


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
    context_window: int
    """Tokens that one slot holds: prompt and generated ones together."""
    slots: int
    detail: str = ""
    """Build, CPU features, offload: one line for `doctor`."""
    cuts_back: bool = True
    """Whether a slot can be cut anywhere: not in recurrent models, see `Engine.reusable`."""
    process: int = 0
    """Number of the process that it runs in; 0 for this one."""
    states: StatesAt | None = None
    """Where it keeps what was evaluated, if it does."""


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

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """Return how many of `ids` need not be evaluated in the slot.

        The slot holds them and can go on from them; or a kept state does (see `keep`), which is read into the slot
        first. A state counts only where no slot holds nearly as much: else the window of who types would move to
        another slot at every rest, over what that holds.
        """
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
        others: bool = False,
    ) -> Generation:
        """Evaluate `ids` in `slot` and decode greedily from there, one `on_token` call a token.

        The text of the generated tokens begins with `begin` (or is a part of it, where the generation ends before): at
        each place the likeliest token is taken of those that keep to it. With `others`, the first token that writes
        more than `begin` has the likeliest of those that could stand in its place, as far as the engine knows them.

        Ends at an end-of-generation token of the model, when `on_token` returns True, at `max_tokens`, at the end of
        the context window, or when `cancel` is set (checked between chunks and between decode steps). An exception
        from `on_token` ends the generation and is raised here. Raises what `prefill` raises.
        """
        ...

    def keep(self, slot: int) -> None:
        """Keep what the slot holds beyond this process, where the engine can and is told to; else do nothing.

        It is source text: ask only for what may be on this disk, and at a rest, since it takes some ms. What was kept
        counts in `reusable` from then on, in every slot and in later processes. Raises EngineClosed, EngineFailed.
        """
        ...

    def close(self) -> None:
        """Free the model. Idempotent; later calls of other methods raise EngineClosed."""
        ...


UNBEGUN: Final = Generation(Evaluation(0, 0, 0.0, completed=False), 0, 0.0, "cancelled")
"""What was done where a cancel came before anything was."""


def both(first: Evaluation | None, second: Evaluation) -> Evaluation:
    """Return what two prefills did, the second of which went on where the first had ended."""
    if first is None:
        return second
    return Evaluation(first.cached, first.evaluated + second.evaluated, first.ms + second.ms, second.completed)


def check_prompt(ids: Sequence[int], context_window: int, vocabulary: int | None = None) -> None:
    """Raise BadTokens or ContextFull where `ids` are no prompt. `vocabulary`: how many tokens there are, if known."""
    if not ids:
        raise BadTokens("A prompt needs at least one token.")
    if len(ids) >= context_window:
        raise ContextFull(needed=len(ids) + 1, context=context_window)
    if vocabulary is None:
        return
    low, high = min(ids), max(ids)
    if low < 0 or high >= vocabulary:
        wrong = low if low < 0 else high
        raise BadTokens(f"The token id {wrong} is outside the vocabulary of {vocabulary:,} tokens.")


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
