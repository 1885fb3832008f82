"""What a model writes behind the cursor, as it comes: bytes to characters, less what stood there before.

A cursor seldom stands where a tokenizer would cut: `win_v▌` is followed by `ersion`, but the model knows `version`. So
a prompt ends in front of the word that is not finished (its `begin`), the model has to write that first, and here it is
taken off again. The technique is known as token healing (Lundberg, "The Art of Prompt Design: Prompt Boundaries and
Token Healing", 2023).
"""

from __future__ import annotations

import math

from attrs import define, field

from starcoder_lsp.completion.cursor import normalised


@define
class Continuation:
    """The text so far, and the log-probability of each token that wrote it."""

    begin: str = ""
    """What the generation begins with, and the file has already."""
    text: str = field(default="", init=False)
    """What stands behind that."""
    _bytes: bytearray = field(factory=bytearray, init=False)
    _length: int = field(default=0, init=False)
    """Characters written so far, `begin` included."""
    _scores: list[tuple[int, float]] = field(factory=list, init=False)
    """(characters of `text` before this token, negative within `begin`; log-probability)"""

    def add(self, piece: bytes, logprob: float) -> bool:
        """Take the bytes of one token; False if the text does not begin as it must."""
        before = self._length - len(self.begin)
        self._bytes += piece
        written = normalised(self._bytes.decode("utf-8", "ignore"))
        if not written.startswith(self.begin[: len(written)]):
            return False
        self._length = len(written)
        self.text = written[len(self.begin) :]
        if before >= 0 or self.text:  # a token that only repeats what was there says nothing of the rest
            self._scores.append((before, logprob))
        return True

    def mean(self, length: int) -> float:
        """Return the mean log-probability of the tokens that wrote the first `length` characters; of all for 0."""
        scores = [score for start, score in self._scores if start < length] if length else []
        scores = scores or [score for _start, score in self._scores]
        return math.fsum(scores) / len(scores) if scores else 0.0
