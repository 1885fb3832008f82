"""A `Parser` over a stream of JSON objects: what all dialects do with one before they read it their own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from attrs import define, field

from starcoder_lsp.engine.http.lines import JsonLines, ServerSentEvents
from starcoder_lsp.engine.http.shape import fault

if TYPE_CHECKING:
    from starcoder_lsp.engine.http.events import Event


@define
class ObjectParser(ABC):
    """See `events.Parser`. Objects come as server-sent events unless a dialect says otherwise."""

    _objects: ServerSentEvents | JsonLines = field(factory=ServerSentEvents)

    def feed(self, data: bytes) -> list[Event]:
        """See `events.Parser.feed`."""
        return [event for one in self._objects.feed(data) for event in self._events(one)]

    def _events(self, data: dict[str, Any]) -> list[Event]:
        failed = fault(data)
        return [failed] if failed is not None else self.read(data)

    @abstractmethod
    def read(self, data: dict[str, Any]) -> list[Event]:
        """Return the events of one object that tells of no fault. Raises NotUnderstood."""
        ...
