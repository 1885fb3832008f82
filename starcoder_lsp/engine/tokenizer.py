"""Text to token ids and back, with the tables of a GGUF file.

The ids are those of llama.cpp with special parsing off. In three places they differ on purpose:

- No text becomes a control token. llama.cpp turns `<|User|>` into one where an old conversion marked it as user-defined
  text; here what looks like a control token is one (`_looks_special`), and then only an id can be it.
- StarCoder files of 2023 do not name their pre-tokenizer. llama.cpp warns of degraded quality and guesses a wrong one;
  the architecture tells the right one.
- SentencePiece models: no space is put in front of the text. Whoever needs it says so (`completion.fim`).
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Backend

from starcoder_lsp.completion.fim import CONTROL_SPELLINGS
from starcoder_lsp.engine import pretokenizers
from starcoder_lsp.engine.gguf import GGUFHeader, Vocabulary
from starcoder_lsp.errors import ModelUnsupported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starcoder_lsp.engine.pretokenizers import PreTokenizer

logger = logging.getLogger(__name__)

_UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 2, 3, 4, 5, 6
"""`gguf.TokenType`, as plain numbers: comparing 49,152 enum members takes longer than reading the file."""

_SPACE: Final = "\u2581"
"""What SentencePiece writes for a space."""

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_ARCHITECTURES_OF_2023: Final = {"starcoder": "starcoder", "starcoder2": "starcoder", "refact": "refact"}
"""The pre-tokenizer of files that do not name it, by architecture."""


class Tokenizer:
    """Encodes and decodes with one model's vocabulary. Immutable, and safe to use from several threads."""

    def __init__(self, vocabulary: Vocabulary, backend: Backend, *, control: frozenset[int], chunk: re.Pattern[str], sentencepiece: bool) -> None:
        """Use `from_header` instead."""
        self._tokens = vocabulary.tokens
        self._types = vocabulary.types or [1] * len(vocabulary.tokens)
        self._backend = backend
        self._control = control
        self._control_ids = {self._tokens[token]: token for token in control}
        self._sentencepiece = sentencepiece
        self.chunk = chunk
        """Matches, one after the other, the pieces of a text that may be encoded alone with the same ids."""

    @classmethod
    def from_header(cls, header: GGUFHeader) -> Tokenizer:
        """Build the tokenizer of the file `header` describes: some 150 ms for 49,152 tokens.

        Raises ModelUnsupported for a kind of tokenizer that is not known, by its name: a guess would give wrong ids that
        nobody notices.
        """
        vocabulary = header.vocabulary()
        control = _control_tokens(header, vocabulary)
        types = vocabulary.types or [1] * len(vocabulary.tokens)
        user_defined = [
            token for token, kind in enumerate(types) if kind == _USER_DEFINED and token not in control
        ]
        sentencepiece = header.tokenizer_model == "llama"
        try:
            if sentencepiece:
                backend, chunk = _sentencepiece(header, vocabulary, types, control)
            elif header.tokenizer_model == "gpt2":
                rule = _rule(header)
                backend, chunk = _byte_level(vocabulary, control, rule), rule.chunk
            else:
                remedy = "Choose a model of the StarCoder, Qwen-Coder, DeepSeek-Coder, Granite or CodeLlama family"
                raise ModelUnsupported(header.path, f"has a tokenizer of an unknown kind ({header.tokenizer_model!r})", remedy)
        except ModelUnsupported:
            raise
        except Exception as error:  # the library raises plain Exception, e.g. for a merge of unknown tokens
            raise ModelUnsupported(header.path, f"has a damaged tokenizer ({error})", "Download another conversion of it") from error
        texts = [vocabulary.tokens[token] for token in user_defined]
        backend.add_tokens([AddedToken(text, normalized=False, special=False) for text in texts])
        if any("\n" in text or "\r" in text for text in texts):
            chunk = pretokenizers.WHOLE
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
            return bytes([int(text[3:5], 16)]) if kind == _BYTE else text.replace(_SPACE, " ").encode()
        try:
            return bytes(map(_BYTE_OF.__getitem__, text))
        except KeyError:  # not in the byte alphabet: the text of a token that was added by hand
            return text.encode()

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of all tokens that are text; control tokens have none."""
        return b"".join(self.piece(token) for token in ids if token not in self._control)

    def is_control(self, token: int) -> bool:
        """Whether this token is a sign for the model rather than text."""
        return token in self._control

    def id_of(self, text: str) -> int | None:
        """Return the control token that is spelled `text`, if there is one."""
        return self._control_ids.get(text)


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's bijection between printable characters and bytes (`bytes_to_unicode` in openai/gpt-2, src/encoder.py)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


_BYTE_OF: Final = _byte_alphabet()


def _looks_special(text: str) -> bool:
    """Whether a spelling is a control token's: those of the FIM families, and what llama.cpp's converter takes for one.

    `does_token_look_special` in convert_hf_to_gguf.py.
    """
    return (
        text in CONTROL_SPELLINGS
        or text in {"<pad>", "<mask>", "<2mass>", "[@BOS@]"}
        or (text.startswith("<|") and text.endswith("|>"))
        or (text.startswith("<｜") and text.endswith("｜>"))
        or (text.startswith("<unused") and text.endswith(">"))
    )


def _control_tokens(header: GGUFHeader, vocabulary: Vocabulary) -> frozenset[int]:
    named = set(header.named_ids.values())
    marked = {token for token, kind in enumerate(vocabulary.types) if kind in {_UNKNOWN, _CONTROL, _UNUSED}}
    spelled = {token for token, text in enumerate(vocabulary.tokens) if text[:1] in "<[▁" and _looks_special(text)}
    if spelled - marked:  # what merges build is text, such as Qwen2's "</s>", the end of struck-out HTML
        built = {merge.replace(" ", "") for merge in vocabulary.merges}
        spelled = {token for token in spelled if vocabulary.tokens[token] not in built}
    return frozenset(token for token in named | marked | spelled if token < len(vocabulary.tokens))


def _rule(header: GGUFHeader) -> PreTokenizer:
    name = header.tokenizer_pre or _ARCHITECTURES_OF_2023.get(header.architecture)
    if name is None:
        logger.warning(
            "%s does not say how its tokenizer cuts words (an old conversion). Taking llama.cpp's default: suggestions may be worse"
            " than with a newer conversion.", header.path.name,
        )  # fmt: skip
        return pretokenizers.DEFAULT
    rule = pretokenizers.BY_NAME.get(name)
    if rule is None:
        remedy = "Choose a model of the StarCoder, Qwen-Coder, DeepSeek-Coder, Granite or CodeLlama family"
        raise ModelUnsupported(header.path, f"cuts words by an unknown rule ({name!r})", remedy)
    return rule


def _byte_level(vocabulary: Vocabulary, control: frozenset[int], rule: PreTokenizer) -> Backend:
    ids = {text: token for token, text in enumerate(vocabulary.tokens) if token not in control}
    # The separator is looked for from the second character on, as in llama.cpp: a merge may begin with a space.
    merges = [(merge[:at], merge[at + 1 :]) for merge in vocabulary.merges if (at := merge.find(" ", 1)) > 0]
    backend = Backend(models.BPE(ids, merges, ignore_merges=rule.ignore_merges))
    backend.pre_tokenizer = pre_tokenizers.Sequence([
        *(pre_tokenizers.Split(Regex(expression), "isolated") for expression in rule.expressions),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    return backend


def _sentencepiece(header: GGUFHeader, vocabulary: Vocabulary, types: list[int], control: frozenset[int]) -> tuple[Backend, re.Pattern[str]]:
    """SentencePiece's merging by score, as merges by rank: all ways to make a token of two others, the best score first."""
    ids = {text: token for token, text in enumerate(vocabulary.tokens) if token not in control}
    if any(f"<0x{byte:02X}>" not in ids for byte in range(256)):
        raise ModelUnsupported(header.path, "has a SentencePiece vocabulary without bytes", "Choose another model")
    scores = vocabulary.scores or [0.0] * len(types)
    words = [token for token in ids.values() if types[token] != _BYTE and len(vocabulary.tokens[token]) > 1]
    words.sort(key=lambda token: -scores[token])
    merges = [
        (text[:at], text[at:])
        for text in (vocabulary.tokens[token] for token in words)
        for at in range(1, len(text))
        if text[:at] in ids and text[at:] in ids
    ]
    backend = Backend(models.BPE(ids, merges, byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", _SPACE)
    # There are no words: merges run over the whole text, and only what no token contains is a border.
    has_breaks = any("\n" in vocabulary.tokens[token] for token in words)
    return backend, pretokenizers.WHOLE if has_breaks else pretokenizers.EACH_LINE
