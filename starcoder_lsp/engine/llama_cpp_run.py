"""What llama.cpp's server did for one prefill or generation, by its events: one call, or one a token. Their grammar."""

from __future__ import annotations

import time
from typing import Any

from starcoder_lsp.engine.base import CancelToken, Evaluation, Finish, OnToken, Token
from starcoder_lsp.engine.likely import LIKELIEST, given
from starcoder_lsp.errors import BadTokens, ContextFull, EngineFailed


def grammar(begin: str) -> str:
    r"""Return the rule, in llama.cpp's GBNF, of all texts that begin with `begin`.

    It costs nothing to speak of: a token is sampled first, and all others are looked at only if it breaks the rule.

    >>> grammar('a"\n')
    'root ::= "\\U00000061\\U00000022\\U0000000A" [^\\x00]*'
    """
    letters = "".join(f"\\U{ord(letter):08X}" for letter in begin)
    return f'root ::= "{letters}" [^\\x00]*'


class Run:
    """Collects the events of its calls; the method `event` is the library's callback. The first reads the prompt."""

    def __init__(
        self,
        length: int,
        cached: int,
        on_token: OnToken,
        cancel: CancelToken,
        end_ids: frozenset[int],
        begin: str = "",
        others: bool = False,  # noqa: FBT001, FBT002 - as the engine's own argument
    ) -> None:
        self.cancel = cancel
        self.likeliest = LIKELIEST if begin or others else 1  # tokens of each place to hear of
        self.processed = cached  # ids of the prompt that are known to be in the slot
        self.generated = 0
        self.cancelled = False
        self.error: BaseException | None = None
        self._length = length
        self._cached = cached
        self._evaluated = 0
        self._on_token = on_token
        self._end_ids = end_ids
        self._begin = begin.encode()  # less what was written of it
        self._others = others
        self._tokens: list[int] = []
        self._opaque = False  # tokens were merged by the library: the ids after this point are not known
        self._stopped = False
        self._length_reached = False
        self._calls = 0
        self._before = 0  # generated before this call
        self._started = time.perf_counter()
        self._prefilled = self._started
        self._last = self._started

    def called(self) -> None:
        """Note that the library is called (again)."""
        self._calls += 1
        self._before, self._length_reached = self.generated, False

    def event(self, data: dict[str, Any]) -> bool:
        """Take one event of the stream; True ends the work."""
        try:
            return self._event(data)
        except BaseException as error:  # noqa: BLE001 - it must cross native code: kept here, raised by the caller
            self.error = error
            return True

    def _event(self, data: dict[str, Any]) -> bool:
        now = time.perf_counter()
        if "error" in data:
            self.error = engine_error(data["error"])
            return True
        timings = data.get("timings") or {}
        progress = data.get("prompt_progress")
        if progress is not None:
            if self._calls == 1:  # else it is of the tokens generated before
                self._cached = int(progress["cache"])
                self._evaluated = int(timings.get("prompt_n", 0))
                self.processed = int(progress["processed"])
                self._prefilled = self._last = now
        else:
            self._take(data, timings, now)
        if self.cancel.cancelled:
            self.cancelled = True
        return self.cancelled or self._stopped

    def _take(self, data: dict[str, Any], timings: dict[str, Any], now: float) -> None:
        if timings and self._calls == 1:
            self._cached, self._evaluated = int(timings["cache_n"]), int(timings["prompt_n"])
            self.processed = self._length
        choice = data["choices"][0]
        if choice["finish_reason"] is not None:
            self._length_reached = choice["finish_reason"] == "length"
            self._stopped = self._stopped or not self._length_reached
            return
        content = (choice.get("logprobs") or {}).get("content") or ()
        if not content:
            return
        if self.generated == 0:
            self._prefilled = now
        self._last = now
        seen = self._before + int(timings.get("predicted_n", self.generated - self._before + len(content)))
        # Bytes of an unfinished character are held back by the library, and come merged into the event that ends it.
        merged = seen - self.generated > len(content)
        self._opaque = self._opaque or merged
        self.generated = max(seen, self.generated + len(content))
        for entry in content:
            if not self._opaque:
                self._tokens.append(int(entry["id"]))
            if int(entry["id"]) in self._end_ids:
                self._stopped = True
                return
            piece = choice["text"].encode("utf-8", "replace") if merged else bytes(entry["bytes"])
            if self._on_token(self._token(entry, piece)):
                self._stopped = True
                return

    def _token(self, entry: dict[str, Any], piece: bytes) -> Token:
        number, logprob, begin = int(entry["id"]), float(entry["logprob"]), self._begin
        self._begin = begin[len(piece) :]
        if not begin and not self._others:
            return Token(number, piece, logprob)
        likeliest = [(int(one["id"]), bytes(one["bytes"]), float(one["logprob"])) for one in entry["top_logprobs"]]
        others: tuple[Token, ...] = ()
        if self._others and len(piece) > len(begin):
            self._others = False
            others = tuple(Token(*one) for one in likeliest if one[0] not in {number, *self._end_ids})
            others = tuple(one for one in others if one.piece.startswith(begin) and len(one.piece) > len(begin))
        return Token(number, piece, given(begin, piece, logprob, [one[1:] for one in likeliest]), others)

    @property
    def ended(self) -> bool:
        """Whether nothing more is wanted: it was cancelled, or enough was written."""
        return self.cancelled or self._stopped

    @property
    def tokens(self) -> list[int]:
        """Generated ids."""
        return self._tokens

    @property
    def rest(self) -> str:
        """What is still to be written of `begin`, which is ASCII."""
        return self._begin.decode("ascii")

    @property
    def step_ms(self) -> float:
        """Of one token, behind the first; 0 where there was no other."""
        return self.decode_ms / (self.generated - 1) if self.generated > 1 else 0.0

    @property
    def decoded_ids(self) -> list[int]:
        """Generated ids whose keys are surely in the slot: the last one sampled was not evaluated."""
        return self._tokens[:-1]

    @property
    def decode_ms(self) -> float:
        """From the first token to the last."""
        return (self._last - self._prefilled) * 1e3

    def evaluation(self) -> Evaluation:
        """Return what was done of the prompt."""
        return Evaluation(
            cached=self._cached,
            evaluated=self._evaluated,
            ms=(self._prefilled - self._started) * 1e3,
            completed=self.processed >= self._length and not (self.cancelled and self.generated == 0),
        )

    def finish(self) -> Finish:
        """Return why it ended."""
        if self.cancelled:
            return "cancelled"
        return "length" if self._length_reached and not self._stopped else "stop"


def engine_error(error: dict[str, Any]) -> BadTokens | ContextFull | EngineFailed:
    """Return the error of ours that stands for one of the library's."""
    message = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        return ContextFull(needed=int(error.get("n_prompt_tokens", 0)) + 1, context=int(error.get("n_ctx", 0)))
    if "token" in message:
        return BadTokens(f"llama.cpp: {message}")
    return EngineFailed(f"llama.cpp: {message}")
