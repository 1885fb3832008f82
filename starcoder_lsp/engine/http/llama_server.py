"""llama.cpp's server by its own API: `POST /completion` (tools/server/README.md in its repository).

As measured (a server of October 2026):

- A prompt of ids is taken as it is; in a prompt of text `<fim_middle>` would become the control token.
- With `return_progress` an event comes after every batch of the prompt, so a cancel is heard in between; `tokens` in
  these events is noise.
- `n_predict: 0` evaluates the prompt, keeps it, and writes one token all the same.
- Bytes of an unfinished character are held back, and their tokens' ids are lost: they come merged with the token that
  ends the character, and only the count of predicted tokens tells.
- The connection is closed behind a streamed answer without a word, so the next request on it fails once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, frozen

from starcoder_lsp.engine.http.events import Call, End, Event, NotUnderstood, Piece, Progress
from starcoder_lsp.engine.http.objects import ObjectParser
from starcoder_lsp.engine.http.shape import count, integer, items, logprob, mapping, text
from starcoder_lsp.engine.llama_cpp_run import grammar

if TYPE_CHECKING:
    from collections.abc import Sequence

ANY_SLOT: Final = -1


@frozen
class LlamaServer:
    """How llama-server is asked. `own_slots`: whether a slot's number means the server's; else it chooses one."""

    own_slots: bool = True
    name = "llama-server"
    counts_last = False
    healing = True
    """A grammar makes the generation begin as it must."""
    block = 1
    """The cache holds prompts to the token."""

    def prefill(self, ids: Sequence[int], slot: int) -> Call:
        """Return what evaluates a prompt and keeps it."""
        return self._call(ids, slot, 0)

    def generate(self, ids: Sequence[int], slot: int, max_tokens: int, begin: str, likeliest: int) -> Call:
        """Return what continues a prompt, with the `likeliest` tokens of each place."""
        call = self._call(ids, slot, max_tokens, n_probs=likeliest)
        return Call(call.path, {**(call.body or {}), "grammar": grammar(begin)}) if begin else call

    def one_of(self, ids: Sequence[int], slot: int, allowed: Sequence[int], likeliest: int) -> Call:
        """Not needed: see `healing`."""
        raise NotImplementedError

    def _call(self, ids: Sequence[int], slot: int, n_predict: int, **more: object) -> Call:
        body: dict[str, Any] = {
            "prompt": list(ids),
            "n_predict": n_predict,
            "id_slot": slot if self.own_slots else ANY_SLOT,
            "cache_prompt": True,
            "stream": True,
            "return_progress": True,
            "timings_per_token": True,
            "temperature": 0.0,
            **more,
        }
        return Call("/completion", body)

    def parser(self) -> LlamaServerParser:
        """Return what reads the answer to any of these."""
        return LlamaServerParser()

    @staticmethod
    def encode(content: str, *, special: bool) -> Call:
        """Return what asks for a text's ids; `special`: whether spellings of control tokens count as those."""
        return Call("/tokenize", {"content": content, "add_special": False, "parse_special": special})

    @staticmethod
    def encoded(answer: dict[str, Any]) -> list[int]:
        """Return the ids that it answers with."""
        return [integer(one, "a token") for one in items(answer.get("tokens"))]


@define
class LlamaServerParser(ObjectParser):
    """See `events.Parser`."""

    _seen: int = 0

    def read(self, data: dict[str, Any]) -> list[Event]:
        """See `ObjectParser.read`."""
        timings = mapping(data.get("timings"))
        progress = data.get("prompt_progress")
        if isinstance(progress, dict):
            cached, processed = integer(progress.get("cache"), "cache"), integer(progress.get("processed"), "processed")
            return [Progress(cached, count(timings.get("prompt_n")) or 0, processed)]
        found: list[Event] = []
        if timings:
            cached, evaluated = integer(timings.get("cache_n"), "cache_n"), integer(timings.get("prompt_n"), "prompt_n")
            found.append(Progress(cached, evaluated, cached + evaluated))
        if data.get("stop") is True:
            return [*found, End("length" if data.get("stop_type") == "limit" else "stop")]
        return [*found, *self._pieces(data, timings)]

    def _pieces(self, data: dict[str, Any], timings: dict[str, Any]) -> list[Event]:
        ids = items(data.get("tokens"))
        if not ids:
            return []
        scores = items(data.get("completion_probabilities"))
        seen = count(timings.get("predicted_n")) or self._seen + len(ids)
        skipped, self._seen = max(0, seen - self._seen - len(ids)), max(seen, self._seen + len(ids))
        if len(scores) not in (0, len(ids)):
            raise NotUnderstood("probabilities of other tokens")
        content = text(data.get("content")).encode("utf-8", "replace")
        if skipped or not scores:
            score = mapping(scores[0]) if scores else {}
            return [
                Piece(integer(ids[0], "a token"), content, logprob(score.get("logprob")), skipped, _likeliest(score))
            ]
        return [
            Piece(integer(token, "a token"), _bytes(score), logprob(score.get("logprob")), 0, _likeliest(score))
            for token, score in zip(ids, map(mapping, scores), strict=True)
        ]


def _likeliest(score: dict[str, Any]) -> tuple[tuple[int, float], ...]:
    entries = [mapping(one) for one in items(score.get("top_logprobs"))]
    read = [(count(one.get("id")), logprob(one.get("logprob"))) for one in entries]
    return tuple((token, known) for token, known in read if token is not None and known is not None)


def _bytes(score: dict[str, Any]) -> bytes | None:
    try:
        return bytes(items(score.get("bytes")))
    except (TypeError, ValueError):
        return None
