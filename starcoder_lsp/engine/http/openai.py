"""The text API that most servers speak: `POST /v1/completions` of OpenAI's, with its `suffix` or without.

So do LM Studio, NVIDIA NIM, mlx-lm, llama-cpp-python, vLLM, and hosted models. Where a server has no `suffix` (LM
Studio and mlx-lm ignore it without a word, vLLM refuses it), the prompt is made with the model's own control tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, frozen

from starcoder_lsp.engine.http.events import Call, Event, Piece, Usage
from starcoder_lsp.engine.http.objects import ObjectParser
from starcoder_lsp.engine.http.shape import count, ending, items, joint, mapping, text

if TYPE_CHECKING:
    from starcoder_lsp.engine.http.text_engine import Question

_MOST_STOPS: Final = 4
"""OpenAI's own limit, and some servers'."""


@frozen
class OpenAI:
    """How such a server is asked for `model`."""

    model: str
    logprobs: bool = True
    """Whether log-probabilities are asked for: some servers refuse that."""
    name = "OpenAI-compatible"

    def call(self, question: Question) -> Call:
        """Return the request for a question."""
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": question.prompt,
            "max_tokens": question.max_tokens,
            "temperature": 0,
            "stream": True,
        }
        if question.suffix is not None:
            body["suffix"] = question.suffix
        if question.stops:
            body["stop"] = list(question.stops[:_MOST_STOPS])
        if self.logprobs:
            body["logprobs"] = 1
        return Call("/v1/completions", body)

    def plainer(self) -> OpenAI | None:
        """Return how to ask a server that refuses this; None where nothing can be left out."""
        return evolve(self, logprobs=False) if self.logprobs else None

    def parser(self) -> OpenAIParser:
        """Return what reads the answer."""
        return OpenAIParser()


@define
class OpenAIParser(ObjectParser):
    """See `events.Parser`. A piece is what one event brings: one token, or some."""

    def read(self, data: dict[str, Any]) -> list[Event]:
        """See `ObjectParser.read`."""
        found: list[Event] = []
        for choice in map(mapping, items(data.get("choices"))):
            written = text(choice.get("text"))
            if written:
                found.append(Piece(None, written.encode("utf-8", "replace"), total(choice.get("logprobs"))))
            reason = choice.get("finish_reason")
            if reason:
                found.append(ending(reason))
        usage = mapping(data.get("usage"))
        if usage:
            found.append(Usage(count(usage.get("prompt_tokens")), None, count(usage.get("completion_tokens"))))
        return found


def total(scores: object) -> float | None:
    """Return the log-probability of all that one event brings; None where the server does not say.

    OpenAI's completions have a list `token_logprobs`; llama.cpp's server answers as chat completions do.
    """
    stated = items(mapping(scores).get("token_logprobs"))
    return joint(stated or map(_logprob_of, items(mapping(scores).get("content"))))


def _logprob_of(entry: object) -> object:
    return mapping(entry).get("logprob")
