"""What a session asks of a loaded model, and what it is answered. `Completer` is all that `session/` knows of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

from attrs import define, field, frozen

from starcoder_lsp.completion.context import Neighbours
from starcoder_lsp.completion.cursor import Cursor
from starcoder_lsp.completion.curve import DEFAULT, Curve, Level
from starcoder_lsp.completion.gate import OPEN, Gate

if TYPE_CHECKING:
    from concurrent.futures import Future

    from starcoder_lsp.completer.speed import Speed
    from starcoder_lsp.completion.prompt import LayoutChoice, Place, Prompt
    from starcoder_lsp.engine.base import CancelToken, Evaluation, Token

Multiline = Literal["auto", "always", "never"]
"""Whether more than the rest of a line is suggested; `auto`: where the cursor stands at a block."""

DocumentKey = tuple[str, str]
"""Names a document of a client: (client, uri). Work, anchors and slots are keyed by it."""


@frozen
class About:
    """What a completer is: plain data, safe to read from any thread."""

    name: str
    """What users see."""
    engine: str
    """`llama.cpp`, `ctransformers`, or a kind of server and where it is."""
    context_window: int
    """Tokens."""
    detail: str = ""
    """Build, CPU features, offload: one line for `doctor`."""
    has_logprobs: bool = True
    """Whether it says how probable its tokens are; where it does not, everything is shown."""
    curve: Curve = DEFAULT
    """How often what it shows is right, by the threshold of the gate."""
    notice: str = ""
    """What the user should know of it now: a sentence, such as why a server does not answer."""
    process: int = 0
    """Number of the process on this machine that evaluates; 0 for this one, or where it is not known."""

    def gate(self, confidence: Level | float, *, by_hand: bool = False) -> Gate:
        """Return what the knob `confidence` means for this model: a level, or the least joint probability itself.

        Who asks by hand gets something, and no less than "bold" shows.
        """
        if not self.has_logprobs:
            return OPEN
        least = self.curve.threshold(confidence) if isinstance(confidence, str) else confidence
        return Gate(min(least, self.curve.threshold("bold")), something=True) if by_hand else Gate(least)


@frozen
class Ask:
    """What is asked: a place, and how."""

    document: DocumentKey
    place: Place
    multiline: Multiline = "auto"
    max_tokens: int = 96
    layout: LayoutChoice = "auto"
    language: str = ""
    """LSP language id."""
    neighbours: Neighbours = field(factory=Neighbours)
    """What other files say, as chosen at the last rest; what was chosen before may be used until it is evaluated."""
    context_share: float = 0.0
    """Share of the context window kept for neighbours, whether there are any or not: windows must not move when some
    come. 0 where they are off."""
    gate: Gate = OPEN
    """How sure the model must be of what is shown."""
    alternatives: int = 0
    """How many other suggestions are wanted besides the likeliest."""
    progressive: bool = True
    """Whether the full window and the newest context will be evaluated in the background, so that a prompt with less
    may answer first."""
    replaceable: bool = False
    """Whether the client can show another text later, in place of what it was answered."""
    keep: bool = False
    """Whether what is evaluated for it may be kept on this disk."""
    hidden: Place | None = None
    """The place in the text without what may not be in a prompt; None where all of it may."""

    @property
    def sent(self) -> Place:
        """The place as a prompt may hold it. What the model says is refined and remembered at `place`."""
        return self.hidden or self.place

    @cached_property
    def cursor(self) -> Cursor:
        """What stands around the place."""
        return Cursor.at(self.place.text, self.place.offset)

    @property
    def wants_block(self) -> bool:
        """Whether more than the rest of the line may be suggested."""
        return self.cursor.wants_block if self.multiline == "auto" else self.multiline == "always"


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
    """What the stop rules keep, whatever the gate and the filters say."""
    joint: float
    """Joint probability of `text`, 0 to 1; of `raw` where nothing is shown."""
    withheld: bool
    """Nothing is shown because the model was not sure enough."""
    quick: bool
    """Made from the quick prompt: the full window was not ready."""
    cached: int
    evaluated: int
    generated: int
    finish: str
    timings: Timings
    context_key: str = ""
    """`Neighbours.key` of what was in the prompt."""
    others: tuple[str, ...] = ()
    """Other suggestions, the likelier first; refined, none empty, all different."""
    prompt: Prompt | None = None
    """What a token engine was asked, for people who want to see it."""
    tokens: Sequence[Token] = ()
    """What a token engine wrote."""
    model: str = ""
    """Who spoke, where there are several."""
    better: Future[Answer] | None = field(default=None, repr=False, eq=False)
    """What a larger model is still writing: it may take the place of this where nothing of this was typed or taken."""


Watch = Callable[[str], None]
"""Hears pieces on the completer's thread: what may be shown of the text so far."""


@frozen
class Warmed:
    """What a warm-up did."""

    evaluation: Evaluation
    needs_fill: bool
    """The full window, or the newest context, is not evaluated yet."""
    window: tuple[int, int] | None = None
    """Which characters of the text stand in the prompt, (start, end); None where that is not known."""


@define
class Counters:
    """What the engine did since the load, in tokens and ms; for `bench` and for people who ask."""

    evaluated: int = 0
    generated: int = 0
    engine_ms: float = 0.0
    prompt: int = 0
    """Tokens of the newest prompt."""
    context: int = 0
    """Tokens of its context."""
    before: int = 0
    after: int = 0
    """Tokens of its prefix and suffix windows."""
    quick: int = 0
    """How many suggestions were made from the quick prompt."""


class Completer(Protocol):
    """One loaded model at work. `about`, `speed` and `counters` may be read anywhere; the rest is the worker's."""

    @property
    def about(self) -> About:
        """What it is."""
        ...

    @property
    def speed(self) -> Speed:
        """Its measured speeds."""
        ...

    @property
    def counters(self) -> Counters:
        """What it did since its load."""
        ...

    def suggest(self, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
        """Make one suggestion.

        Raises:
            EngineError: the engine failed, or is closed.
        """
        ...

    def warm(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """Do ahead what a suggestion here will need, as far as it is cheap. Raises what `suggest` raises."""
        ...

    def fill(self, ask: Ask, cancel: CancelToken) -> Warmed:
        """Evaluate the full window and the newest context, however long that takes, and keep what may be kept.

        Raises what `suggest` raises.
        """
        ...

    def forget(self, document: DocumentKey) -> None:
        """Forget a closed document."""
        ...

    def context_budget(self, ask: Ask) -> int:
        """Return how many tokens neighbours may take. May be called from any thread."""
        ...

    def count(self, text: str) -> int:
        """Return how many tokens a neighbour's line or path takes. May be called from any thread."""
        ...

    def close(self) -> None:
        """Free the model. Idempotent."""
        ...
