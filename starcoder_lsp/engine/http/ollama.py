"""Ollama's `POST /api/generate` (docs/api.md in its repository): one JSON object a line.

With `suffix`, Ollama fills the model's own template, where it has one for that. With a known family of models the
prompt is made here and sent `raw`: then what is typed stands at its end, and Ollama's cache keeps the rest.
Not run here, for want of a package: tested with streams as its documentation shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from starcoder_lsp.engine.http.events import Call, End, Event, Piece, Usage
from starcoder_lsp.engine.http.lines import JsonLines, ServerSentEvents
from starcoder_lsp.engine.http.objects import ObjectParser
from starcoder_lsp.engine.http.shape import count, items, joint, mapping, text

if TYPE_CHECKING:
    from starcoder_lsp.engine.http.text_engine import Question

KEEP_ALIVE: Final = "30m"
"""How long a model stays loaded: longer than the pauses in a day's work."""


@frozen
class Ollama:
    """How Ollama is asked for `model`; `context`: tokens of the window that it is told to keep."""

    model: str
    context: int = 4096
    name = "Ollama"

    def call(self, question: Question) -> Call:
        """Return the request for a question."""
        options: dict[str, Any] = {"temperature": 0, "num_predict": question.max_tokens, "num_ctx": self.context}
        if question.stops:
            options["stop"] = list(question.stops)
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": question.prompt,
            "stream": True,
            "logprobs": True,
            "keep_alive": KEEP_ALIVE,
            "options": options,
        }
        if question.suffix is None:
            body["raw"] = True
        else:
            body["suffix"] = question.suffix
        return Call("/api/generate", body)

    def plainer(self) -> None:
        """Nothing can be left out: it ignores what it does not know."""

    def parser(self) -> OllamaParser:
        """Return what reads the answer."""
        return OllamaParser()


@define
class OllamaParser(ObjectParser):
    """See `events.Parser`."""

    _objects: ServerSentEvents | JsonLines = field(factory=JsonLines)

    def read(self, data: dict[str, Any]) -> list[Event]:
        """See `ObjectParser.read`."""
        found: list[Event] = []
        written = text(data.get("response"))
        if written:
            score = joint(mapping(one).get("logprob") for one in items(data.get("logprobs")))
            found.append(Piece(None, written.encode("utf-8", "replace"), score))
        if data.get("done") is True:
            found.append(Usage(count(data.get("prompt_eval_count")), None, count(data.get("eval_count"))))
            found.append(End("length" if data.get("done_reason") == "length" else "stop"))
        return found
