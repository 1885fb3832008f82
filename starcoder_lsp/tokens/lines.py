"""Encoding a text again after a keystroke, for the price of encoding one line.

A text is divided where its ids do not depend on it (`tokens.pretokenizers`), and the ids of each chunk are remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence


class Encoder(Protocol):
    """What is remembered of: a `Tokenizer`, or `as_text.TextTokenizer`."""

    @property
    def chunk(self) -> re.Pattern[str]:
        """Matches, one after the other, the pieces of a text that may be encoded alone with the same ids."""
        ...

    def encode(self, text: str) -> Sequence[int]:
        """Return the ids of a text."""
        ...


class LineEncoder:
    """A tokenizer with a memory, for one thread.

    Remembers chunks of `max_chars` characters together, the least recently used go first.
    """

    def __init__(self, tokenizer: Encoder, *, max_chars: int = 4_000_000) -> None:
        self._tokenizer = tokenizer
        self._max_chars = max_chars
        self._chars = 0
        self._memory: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def encode(self, text: str) -> list[int]:
        """Return the same ids as `Tokenizer.encode`."""
        ids: list[int] = []
        for _, chunk_ids in self.chunks(text):
            ids += chunk_ids
        return ids

    def chunks(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return the chunks of `text`, about a line each, with their ids; joined, they are `text` and its ids."""
        return [(chunk, self._ids(chunk)) for chunk in self._tokenizer.chunk.findall(text)]

    def _ids(self, chunk: str) -> tuple[int, ...]:
        ids = self._memory.get(chunk)
        if ids is not None:
            self._memory.move_to_end(chunk)
            return ids
        ids = tuple(self._tokenizer.encode(chunk))
        self._memory[chunk] = ids
        self._chars += len(chunk)
        while self._chars > self._max_chars:
            self._chars -= len(self._memory.popitem(last=False)[0])
        return ids
