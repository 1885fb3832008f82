"""From a stream of tokens to what is shown: gate, stop rules, filters. For server and evaluation alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.completion.continuation import Continuation
from starcoder_lsp.completion.ending import cut_back
from starcoder_lsp.completion.gate import OPEN, Gate, Passage
from starcoder_lsp.completion.refine import refine
from starcoder_lsp.completion.stop import StopRules

if TYPE_CHECKING:
    from starcoder_lsp.completer.base import Answer, Ask, Watch
    from starcoder_lsp.engine.base import Token


class Writing:
    """The text while it is being generated, and the rules that end it. `take` is an engine's `on_token`."""

    def __init__(
        self, begin: str, stops: frozenset[int], rules: StopRules, gate: Gate = OPEN, watch: Watch | None = None
    ) -> None:
        """`begin`: what the generation writes once more first. `stops`: ids that end it. `watch` hears pieces."""
        self.tokens: list[Token] = []
        """All that was taken: fed to another writing, they give what another gate shows of them."""
        self.ended = True
        """False: it was cut off at the most tokens that were allowed, maybe within a word."""
        self._continuation = Continuation(begin)
        self._passage = Passage(gate)
        self._stops = stops
        self._rules = rules
        self._watch = watch
        self._kept: str | None = None
        self._piece = ""

    def take(self, token: Token) -> bool:
        """Take one token; True once enough was written."""
        before = self._continuation.position
        if token.id in self._stops or not self._continuation.add(token.piece):
            return True
        self.tokens.append(token)
        text = self._continuation.text
        if not text:  # a token that only repeats what was there says nothing of the rest
            return False
        closed = self._passage.take(before, text, token.logprob)
        self._kept = self._rules.check(text)
        if self._kept is not None:
            return True
        if closed:
            return self._may_end()
        if self._watch is not None:
            piece = self._complete
            if piece and piece != self._piece:
                self._piece = piece
                self._watch(piece)
        return False

    def _may_end(self) -> bool:
        """Whether to end, now that the gate is closed: where something must be shown, not before there is something."""
        if not self._passage.gate.something or self._before_the_gate(self.refined):
            return True
        piece = self._complete
        if piece:
            self._passage.end_at(len(piece))
        return bool(piece)

    @property
    def _complete(self) -> str:
        """What may be shown of the text so far, which may go on."""
        text, cursor = self._continuation.text, self._rules.cursor
        shown = refine(text, cursor)
        return cut_back(shown, cursor, ended=len(shown) < len(text))

    @property
    def kept(self) -> str:
        """What the rules keep of the text so far, whatever the gate says."""
        return self._continuation.text if self._kept is None else self._kept

    @property
    def refined(self) -> str:
        """What is worth showing of that, whatever the gate says."""
        return refine(self.kept, self._rules.cursor)

    @property
    def text(self) -> str:
        """What is shown: what is worth showing, up to where the gate closed, at a complete point."""
        whole = self.refined if self.ended else cut_back(self.refined, self._rules.cursor, ended=False)
        shown = self._before_the_gate(whole)
        return whole if self._passage.gate.something and not shown else shown

    def _before_the_gate(self, whole: str) -> str:
        closed_at, cursor = self._passage.closed_at, self._rules.cursor
        if closed_at is None or closed_at >= len(whole):
            return whole
        return refine(cut_back(whole, cursor, allowed=closed_at), cursor)

    @property
    def withheld(self) -> bool:
        """Whether nothing is shown because the model was not sure enough."""
        return self._passage.closed_at is not None and not self.text

    def joint(self, length: int) -> float:
        """Return the joint probability of the first `length` characters, 0 to 1."""
        return self._passage.joint(length)


def read_again(ask: Ask, answer: Answer, gate: Gate) -> Writing:
    """Return what another gate would have made of what a token engine wrote: its tokens are taken once more."""
    begin = answer.prompt.begin if answer.prompt else ""
    writing = Writing(begin, frozenset(), StopRules(ask.cursor, multiline=ask.wants_block), gate)
    if not any(writing.take(token) for token in answer.tokens):
        writing.ended = answer.finish != "length"
    return writing
