"""Hugging Face's Text Generation Inference (`POST /generate_stream`), and its inference endpoints (`POST /`).

Both take `inputs` and `parameters` and stream one token an event, with its log-probability
(huggingface.co/docs/text-generation-inference, "messages API" is the other one). There is no field for what stands
behind the cursor: the prompt is made with the model's own control tokens. Not run here, for want of a package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, frozen

from starcoder_lsp.engine.http.events import Call, End, Event, Piece, Usage
from starcoder_lsp.engine.http.objects import ObjectParser
from starcoder_lsp.engine.http.shape import count, logprob, mapping, text

if TYPE_CHECKING:
    from starcoder_lsp.engine.http.text_engine import Question

_MOST_STOPS: Final = 4
"""TGI's default, `--max-stop-sequences`."""


@frozen
class TGI:
    """How TGI is asked; with `endpoint`, how an inference endpoint is."""

    endpoint: bool = False

    @property
    def name(self) -> str:
        """What users see."""
        return "Hugging Face endpoint" if self.endpoint else "TGI"

    def call(self, question: Question) -> Call:
        """Return the request for a question. Its `suffix` has no place here."""
        parameters: dict[str, Any] = {
            "max_new_tokens": question.max_tokens,
            "do_sample": False,
            "return_full_text": False,
            "details": True,
        }
        if question.stops:
            parameters["stop"] = list(question.stops[:_MOST_STOPS])
        body: dict[str, Any] = {"inputs": question.prompt, "parameters": parameters}
        return Call("/", {**body, "stream": True}) if self.endpoint else Call("/generate_stream", body)

    def plainer(self) -> None:
        """Nothing can be left out."""

    def parser(self) -> TGIParser:
        """Return what reads the answer."""
        return TGIParser()


@define
class TGIParser(ObjectParser):
    """See `events.Parser`. Special tokens (an end token) are no text."""

    def read(self, data: dict[str, Any]) -> list[Event]:
        """See `ObjectParser.read`."""
        found: list[Event] = []
        token = mapping(data.get("token"))
        written = text(token.get("text"))
        if written and token.get("special") is not True:
            found.append(Piece(None, written.encode("utf-8", "replace"), logprob(token.get("logprob"))))
        details = mapping(data.get("details"))
        if details or data.get("generated_text") is not None:
            found.append(Usage(count(details.get("input_length")), None, count(details.get("generated_tokens"))))
            found.append(End("length" if details.get("finish_reason") == "length" else "stop"))
        return found
