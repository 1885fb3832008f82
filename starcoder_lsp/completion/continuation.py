"""What a model writes behind the cursor, as it comes: bytes to characters, less what stood there before.

A cursor seldom stands where a tokenizer would cut: `win_v▌` is followed by `ersion`, but the model knows `version`. So
a prompt ends in front of the word that is not finished (its `begin`), the model has to write that first, and here it is
taken off again. The technique is known as token healing (Lundberg, "The Art of Prompt Design: Prompt Boundaries and
Token Healing", 2023).
"""

from __future__ import annotations

from attrs import define, field

from starcoder_lsp.completion.cursor import normalised


@define
class Continuation:
    """The text so far."""

    begin: str = ""
    """What the generation begins with, and the file has already."""
    text: str = field(default="", init=False)
    """What stands behind that."""
    _bytes: bytearray = field(factory=bytearray, init=False)
    _length: int = field(default=0, init=False)
    """Characters written so far, `begin` included."""

    def add(self, piece: bytes) -> bool:
        """Take the bytes of one token; False if the text does not begin as it must."""
        self._bytes += piece
        written = normalised(self._bytes.decode("utf-8", "ignore"))
        if not written.startswith(self.begin[: len(written)]):
            return False
        self._length = len(written)
        self.text = written[len(self.begin) :]
        return True

    @property
    def position(self) -> int:
        """Where the next token begins, in characters of `text`; negative while that is within `begin`."""
        return self._length - len(self.begin)
