"""The prompts that other clients send for a place in a file, as ids of the server's model. Pure.

Written from their sources, with their defaults; what they add from other files is left out, which is to their favour:

- llama.vim (https://github.com/ggml-org/llama.vim, `autoload/llama.vim`) over llama.cpp's `/infill`, which keeps 3/4
  of a batch in front of the cursor and 1/4 behind it; the batch is its authors' preset.
- Continue (https://github.com/continuedev/continue, `core/util/parameters.ts`): 1,024 tokens, of which 30 % are the
  prefix and 20 % the suffix; whole lines.
- Tabby (https://github.com/TabbyML/tabby, `clients/tabby-agent/src/config/default.ts`): 20 lines on each side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from starcoder_lsp.bench.infill import Local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from starcoder_lsp.completion.fim import FimTokens
    from starcoder_lsp.tokens.lines import LineEncoder

_BATCH: Final = 1024
"""Of `llama-server --fim-qwen-3b-default` and its like."""
_CONTINUE_TOKENS: Final = 1024
_CONTINUE_PREFIX, _CONTINUE_SUFFIX = 0.3, 0.2
_TABBY_LINES: Final = 20

Prompt = list[int]


@frozen
class Vocabulary:
    """What makes ids of a text, and the tokens around it."""

    tokens: FimTokens
    encoder: LineEncoder

    def prefix_first(self, prefix: Iterable[int], suffix: Iterable[int]) -> Prompt:
        """Return prefix, suffix, middle, as all these clients ask: `<fim_prefix>…<fim_suffix>…<fim_middle>`."""
        tokens = self.tokens
        begin = [] if tokens.bos is None else [tokens.bos]
        end = [] if tokens.middle is None else [tokens.middle]
        return [*begin, tokens.prefix, *prefix, tokens.suffix, *suffix, *end]


def llama_vim(vocabulary: Vocabulary, text: str, offset: int) -> Prompt:
    """Return what `/infill` makes of llama.vim's request."""
    local, encode = Local.at(text, offset), vocabulary.encoder.encode
    middle = encode(local.middle)
    prefix = encode(local.prefix)[-3 * (_BATCH // 4) :]
    suffix = encode(local.suffix)[: max(0, _BATCH // 4 - (2 + len(middle)))]
    return vocabulary.prefix_first([*prefix, *middle], suffix)


def continue_dev(vocabulary: Vocabulary, text: str, offset: int) -> Prompt:
    """Return Continue's prompt."""
    chunks = vocabulary.encoder.chunks
    before = [ids for _, ids in chunks(text[:offset])]
    after = [ids for _, ids in chunks(text[offset:] or "\n")]
    prefix = _fitting(before[::-1], int(_CONTINUE_TOKENS * _CONTINUE_PREFIX))[::-1]
    suffix = _fitting(after, int(_CONTINUE_TOKENS * _CONTINUE_SUFFIX))
    return vocabulary.prefix_first(_joined(prefix), _joined(suffix))


def tabby(vocabulary: Vocabulary, text: str, offset: int) -> Prompt:
    """Return Tabby's prompt."""
    prefix = "".join(text[:offset].splitlines(keepends=True)[-_TABBY_LINES:])
    suffix = "".join(text[offset:].splitlines(keepends=True)[:_TABBY_LINES]) or "\n"
    encode = vocabulary.encoder.encode
    return vocabulary.prefix_first(encode(prefix), encode(suffix))


PEERS: Final[dict[str, Callable[[Vocabulary, str, int], Prompt]]] = {
    "llama.vim": llama_vim,
    "Continue": continue_dev,
    "Tabby": tabby,
}


def _fitting(chunks: Sequence[Sequence[int]], room: int) -> Sequence[Sequence[int]]:
    """Return as many of the first chunks as fit."""
    for count, chunk in enumerate(chunks):
        room -= len(chunk)
        if room < 0:
            return chunks[:count]
    return chunks


def _joined(chunks: Iterable[Sequence[int]]) -> list[int]:
    return [token for chunk in chunks for token in chunk]
