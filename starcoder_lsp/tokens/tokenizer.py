"""Text to token ids and back, with the tables of a GGUF file.

The ids are those of llama.cpp with special parsing off. In three places they differ on purpose:

- No text becomes a control token. llama.cpp turns `<|User|>` into one where a file marks it as text that users may type
  (`tokens.control_tokens`).
- StarCoder files of 2023 do not name the rule that cuts words. llama.cpp warns of degraded quality and takes a wrong
  one; the architecture tells the right one.
- SentencePiece models: no space is put in front of the text. Whoever needs it says so (`completion.fim`).

Characters that Unicode added lately may count as letters in one library and not yet in the other.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from gguf.constants import TokenType
from tokenizers import AddedToken

from starcoder_lsp.errors import ModelUnsupported
from starcoder_lsp.models.byte_alphabet import token_bytes
from starcoder_lsp.tokens import bpe, pretokenizers
from starcoder_lsp.tokens.control_tokens import control_tokens
from starcoder_lsp.tokens.open_end import open_end

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tokenizers

    from starcoder_lsp.models.gguf import GGUFHeader, Vocabulary

logger = logging.getLogger(__name__)

_REMEDY: Final = "Choose a model of the StarCoder, Qwen-Coder, DeepSeek-Coder, Granite or CodeLlama family"

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_ARCHITECTURES_OF_2023: Final = {"starcoder": "starcoder", "starcoder2": "starcoder", "refact": "refact"}
"""The rule that cuts words, for files that do not name it, by architecture."""

_USER_DEFINED: Final = int(TokenType.USER_DEFINED)
_BYTE: Final = int(TokenType.BYTE)


class Tokenizer:
    """Encodes and decodes with one model's vocabulary. Immutable, and safe to use from several threads."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        backend: tokenizers.Tokenizer,
        *,
        control: frozenset[int],
        chunk: re.Pattern[str],
        sentencepiece: bool,
    ) -> None:
        """Put the parts together; `from_header` makes them."""
        self._tokens = vocabulary.tokens
        self._types = vocabulary.types or [int(TokenType.NORMAL)] * len(vocabulary.tokens)
        self._backend = backend
        self._control = control
        self._control_ids = {self._tokens[token]: token for token in control}
        self._sentencepiece = sentencepiece
        self.chunk = chunk
        """Matches, one after the other, the pieces of a text that may be encoded alone with the same ids."""

    @classmethod
    def from_header(cls, header: GGUFHeader) -> Tokenizer:
        """Build the tokenizer of the file that `header` describes: some 150 ms for 49,152 tokens.

        Raises ModelUnsupported for an unknown kind of tokenizer, naming it: a guess would give wrong ids that nobody
        notices.
        """
        vocabulary = header.vocabulary()
        control = control_tokens(header, vocabulary)
        chunk = pretokenizers.WHOLE
        if header.tokenizer_model == "gpt2":
            rule = _rule(header)
            backend = bpe.byte_level(header.path, vocabulary, control, rule)
            chunk = rule.chunk
        elif header.tokenizer_model == "llama":
            backend = bpe.sentencepiece(header.path, vocabulary, control)
            if not any("\n" in text for text in vocabulary.tokens):  # then nothing is ever merged across a line break
                chunk = pretokenizers.EACH_LINE
        else:
            problem = f"has a tokenizer of an unknown kind ({header.tokenizer_model!r})"
            raise ModelUnsupported(header.path, problem, _REMEDY)

        typed = [token for token, kind in enumerate(vocabulary.types) if kind == _USER_DEFINED and token not in control]
        texts = [vocabulary.tokens[token] for token in typed]
        backend.add_tokens([AddedToken(text, normalized=False, special=False) for text in texts])
        if any(pretokenizers.MAY_BE_CUT.search(text) for text in texts):
            chunk = pretokenizers.WHOLE
        sentencepiece = header.tokenizer_model == "llama"
        return cls(vocabulary, backend, control=control, chunk=chunk, sentencepiece=sentencepiece)

    @property
    def vocab_size(self) -> int:
        """How many ids there are: 0 up to, not including, this."""
        return len(self._tokens)

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, none of which is a control token. A lone surrogate is encoded as U+FFFD."""
        if not text.isascii():
            text = _LONE_SURROGATE.sub("\ufffd", text)
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def open_end(self, text: str) -> int:
        """Return how many characters at the end of `text` may be encoded otherwise when more text follows them.

        0 for SentencePiece, which has no rule that cuts words; see `tokens.open_end`.
        """
        rule = self._backend.pre_tokenizer
        if not text or rule is None:
            return 0
        return open_end(rule, self.chunk.findall(_LONE_SURROGATE.sub("\ufffd", text))[-1])

    def piece(self, token: int) -> bytes:
        """Return the bytes of one token: possibly a part of a UTF-8 sequence; of a control token, its spelling.

        Raises IndexError for an id outside the vocabulary.
        """
        if token < 0:
            raise IndexError(token)
        text, kind = self._tokens[token], self._types[token]
        if token in self._control or kind == _USER_DEFINED:
            return text.encode()
        if self._sentencepiece:
            return bytes([int(text[3:5], 16)]) if kind == _BYTE else text.replace(bpe.SPACE, " ").encode()
        return token_bytes(text)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of all tokens that are text; control tokens have none."""
        return b"".join(self.piece(token) for token in ids if token not in self._control)

    def is_control(self, token: int) -> bool:
        """Return whether this token is a sign for the model rather than text."""
        return token in self._control

    def id_of(self, text: str) -> int | None:
        """Return the control token that is spelled `text`, if there is one."""
        return self._control_ids.get(text)


def _rule(header: GGUFHeader) -> pretokenizers.PreTokenizer:
    name = header.tokenizer_pre or _ARCHITECTURES_OF_2023.get(header.architecture)
    if name is None:
        logger.warning(
            "%s does not say how its tokenizer cuts words (it is an old conversion), so llama.cpp's default is taken."
            " A newer conversion of the model may give better suggestions.",
            header.path.name,
        )
        return pretokenizers.DEFAULT
    rule = pretokenizers.BY_NAME.get(name)
    if rule is None:
        raise ModelUnsupported(header.path, f"has a tokenizer that cuts words by an unknown rule ({name!r})", _REMEDY)
    return rule
