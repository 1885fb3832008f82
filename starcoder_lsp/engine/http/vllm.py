"""vLLM's `POST /v1/completions` with ids (docs.vllm.ai, "OpenAI-compatible server", extra parameters).

- A prompt of ids is taken as it is. `return_tokens_as_token_ids` names tokens `token_id:N`, so that bytes which are
  no text by themselves are not lost.
- The key/value cache is shared by all prompts, in blocks: what is not a whole block is evaluated again. So prompts that
  grow at their end are cheap there too, and a prompt need not be sent ahead until it fills a block more.
- No request evaluates a prompt without writing: one token is written, and thrown away.
- `allowed_token_ids` makes a generation begin as it must; log-probabilities are of the model as it is
  (`--logprobs-mode raw_logprobs`, vLLM's default).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attrs import define, frozen

from starcoder_lsp.engine.http.events import Call, Event, NotUnderstood, Piece, Usage
from starcoder_lsp.engine.http.objects import ObjectParser
from starcoder_lsp.engine.http.shape import count, ending, integer, items, logprob, mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_BLOCK: Final = 16
"""Tokens of a block on a GPU; on a processor 128. `/metrics` tells."""

_TOKEN: Final = re.compile(r"token_id:(\d{1,9})\Z")
_BLOCK_SIZE: Final = re.compile(r'^vllm:cache_config_info\{.*\bblock_size="(\d{1,6})"', re.MULTILINE)


@frozen
class VLLM:
    """How vLLM is asked for `model`, which ends at `end_ids`."""

    model: str
    end_ids: frozenset[int]
    block: int = DEFAULT_BLOCK
    name = "vLLM"
    counts_last = True
    healing = False

    def prefill(self, ids: Sequence[int], _slot: int) -> Call:
        """Return what evaluates a prompt and keeps it."""
        return self._call(ids, 1)

    def generate(self, ids: Sequence[int], _slot: int, max_tokens: int, _begin: str, likeliest: int) -> Call:
        """Return what continues a prompt, with the `likeliest` tokens of each place (20 at most, vLLM's default)."""
        return self._call(ids, max_tokens, logprobs=likeliest)

    def one_of(self, ids: Sequence[int], _slot: int, allowed: Sequence[int], likeliest: int) -> Call:
        """Return what continues a prompt by the likeliest of `allowed`."""
        return self._call(ids, 1, allowed_token_ids=list(allowed), logprobs=likeliest)

    def _call(self, ids: Sequence[int], max_tokens: int, **more: object) -> Call:
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": list(ids),
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "logprobs": 0,
            "return_tokens_as_token_ids": True,
            "stop_token_ids": sorted(self.end_ids),
            "add_special_tokens": False,
            **more,
        }
        return Call("/v1/completions", body)

    def parser(self) -> VLLMParser:
        """Return what reads the answer to any of these."""
        return VLLMParser()

    def encode(self, content: str, *, special: bool) -> Call:
        """Return what asks for a text's ids. Spellings of control tokens always count as those here."""
        del special
        return Call("/tokenize", {"model": self.model, "prompt": content, "add_special_tokens": False})

    @staticmethod
    def encoded(answer: dict[str, Any]) -> list[int]:
        """Return the ids that it answers with."""
        return [integer(one, "a token") for one in items(answer.get("tokens"))]


def block_size(metrics: str) -> int:
    """Return the tokens of a block of the cache, as `/metrics` states them."""
    stated = _BLOCK_SIZE.search(metrics)
    return max(1, int(stated.group(1))) if stated else DEFAULT_BLOCK


@define
class VLLMParser(ObjectParser):
    """See `events.Parser`."""

    def read(self, data: dict[str, Any]) -> list[Event]:
        """See `ObjectParser.read`."""
        found: list[Event] = []
        for choice in map(mapping, items(data.get("choices"))):
            scores = mapping(choice.get("logprobs"))
            names, values = items(scores.get("tokens")), items(scores.get("token_logprobs"))
            if len(names) != len(values):
                raise NotUnderstood("probabilities of other tokens")
            tops = [*items(scores.get("top_logprobs")), *[{}] * len(names)]
            found += [
                Piece(_id(name), None, logprob(value), 0, _likeliest(top))
                for name, value, top in zip(names, values, tops, strict=False)
            ]
            reason = choice.get("finish_reason")
            if reason is not None:
                found.append(ending(reason))
        usage = mapping(data.get("usage"))
        if usage:
            details = mapping(usage.get("prompt_tokens_details"))
            found.append(
                Usage(
                    count(usage.get("prompt_tokens")),
                    count(details.get("cached_tokens")),
                    count(usage.get("completion_tokens")),
                )
            )
        return found


def _likeliest(top: object) -> tuple[tuple[int, float], ...]:
    read = [(_id(name), logprob(value)) for name, value in mapping(top).items()]
    return tuple((token, known) for token, known in read if known is not None)


def _id(name: object) -> int:
    token = _TOKEN.match(name) if isinstance(name, str) else None
    if token is None:
        raise NotUnderstood("a token without its id")
    return int(token.group(1))
