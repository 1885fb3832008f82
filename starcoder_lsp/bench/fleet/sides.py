"""Who asks: this program as it plans its prompts, or a client that sends the same kind of prompt anew at each key.

All are asked over the same engine, for the rest of a line, so that what differs is the prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, evolve, field

from starcoder_lsp.completer.base import Ask, Counters
from starcoder_lsp.completer.speed import Speed
from starcoder_lsp.completer.writing import Writing
from starcoder_lsp.completion.cursor import Cursor
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.completion.stop import StopRules
from starcoder_lsp.engine.http.token_engine import TokenEngine
from starcoder_lsp.engine.http.transport import Transport
from starcoder_lsp.errors import EngineRefused
from starcoder_lsp.tokens.lines import LineEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.bench.fleet.prompts import Prompt, Vocabulary
    from starcoder_lsp.bench.steps import Step
    from starcoder_lsp.completer.token_completer import TokenCompleter
    from starcoder_lsp.engine.base import CancelToken, EngineInfo, Evaluation, Generation
    from starcoder_lsp.engine.http.events import Call
    from starcoder_lsp.engine.http.transport import Stream


class Side(Protocol):
    """One person's client. Its methods are called one at a time; each ends soon once its token is cancelled."""

    @property
    def wire(self) -> Counting:
        """Its connections."""
        ...

    def ahead(self, step: Step, cancel: CancelToken) -> None:
        """Do what it does at once after a key."""
        ...

    def ask(self, step: Step, cancel: CancelToken) -> bool:
        """Ask for a suggestion, and wait until it is whole; False: it was cancelled."""
        ...

    def rest(self, step: Step, cancel: CancelToken) -> None:
        """Do what it does when the person pauses."""
        ...


class Counting(Transport):
    """Counts what goes out: requests, and the tokens of their prompts."""

    requests = 0
    tokens = 0

    def stream(self, call: Call, cancel: CancelToken) -> Stream:
        """See `Transport.stream`."""
        self.requests += 1
        self.tokens += len((call.body or {}).get("prompt", ()))
        return super().stream(call, cancel)


@define(eq=False)
class Apart:
    """An engine whose prompts begin with a mark: several people type the same traces, and share no cache by it."""

    engine: TokenEngine
    mark: list[int]
    info: EngineInfo = field(init=False)

    def __attrs_post_init__(self) -> None:
        """The mark takes its room."""
        info = self.engine.info
        self.info = evolve(info, context_window=info.context_window - len(self.mark))

    def cached(self, slot: int) -> Sequence[int]:
        """See `Engine.cached`."""
        return self.engine.cached(slot)[len(self.mark) :]

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """See `Engine.reusable`."""
        return max(0, self.engine.reusable([*self.mark, *ids], slot) - len(self.mark))

    def keep(self, slot: int) -> None:
        """See `Engine.keep`."""
        self.engine.keep(slot)

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """See `Engine.prefill`."""
        return self.engine.prefill([*self.mark, *ids], slot=slot, cancel=cancel)

    def generate(self, ids: Sequence[int], **more: Any) -> Generation:  # noqa: ANN401 - passed on as it is
        """See `Engine.generate`."""
        return self.engine.generate([*self.mark, *ids], **more)

    def close(self) -> None:
        """See `Engine.close`."""
        self.engine.close()


def apart(completer: TokenCompleter, number: int) -> tuple[TokenCompleter, Counting]:
    """Return a completer for another person, over connections of its own; the server is not asked anew what it is.

    Raises:
        EngineRefused: the server is asked in text, whose tokens cannot be counted.
    """
    engine = completer.engine
    if not isinstance(engine, TokenEngine):
        raise EngineRefused(
            "Tokens are counted with the vocabulary of the server's model, which is not here. "
            "Name a GGUF file of it with --vocabulary; it needs no weights (convert_hf_to_gguf.py --vocab-only)."
        )
    wire = engine.transport.again(Counting)
    mark = completer.encoder.encode(f"# {number}\n")
    own = evolve(
        completer,
        engine=Apart(evolve(engine, transport=wire), mark),
        encoder=LineEncoder(completer.tokenizer),
        speed=Speed(completer.speed.prefill, completer.speed.decode),
        counters=Counters(),
    )
    return own, wire


@define(eq=False)
class Ours:
    """This program: prompts planned for what the server holds, sent ahead while typing."""

    completer: TokenCompleter
    wire: Counting
    max_tokens: int
    _unfilled: bool = False

    def ahead(self, step: Step, cancel: CancelToken) -> None:
        """See `Side.ahead`."""
        self._unfilled = self.completer.warm(self._question(step), cancel).needs_fill

    def ask(self, step: Step, cancel: CancelToken) -> bool:
        """See `Side.ask`."""
        return self.completer.suggest(self._question(step), cancel).finish != "cancelled"

    def rest(self, step: Step, cancel: CancelToken) -> None:
        """See `Side.rest`."""
        if self._unfilled:
            self._unfilled = self.completer.fill(self._question(step), cancel).needs_fill

    def _question(self, step: Step) -> Ask:
        place = Place(step.text, step.offset)
        return Ask(("", step.path), place, "never", self.max_tokens, language=step.language)


@define(eq=False)
class Peer:
    """Another client: nothing ahead, and a whole prompt at each question."""

    completer: TokenCompleter
    wire: Counting
    max_tokens: int
    vocabulary: Vocabulary
    prompt: Callable[[Vocabulary, str, int], Prompt]

    def ahead(self, step: Step, cancel: CancelToken) -> None:
        """See `Side.ahead`."""

    def ask(self, step: Step, cancel: CancelToken) -> bool:
        """See `Side.ask`."""
        rules = StopRules(Cursor.at(step.text, step.offset), multiline=False)
        outcome = self.completer.engine.generate(
            self.prompt(self.vocabulary, step.text, step.offset),
            slot=0,
            max_tokens=self.max_tokens,
            on_token=Writing("", self.completer.tokens.stops, rules).take,
            cancel=cancel,
        )
        return outcome.finish != "cancelled"

    def rest(self, step: Step, cancel: CancelToken) -> None:
        """See `Side.rest`."""
