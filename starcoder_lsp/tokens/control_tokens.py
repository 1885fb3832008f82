"""Which tokens of a vocabulary are signs for the model rather than text.

A file marks them, but files of 2023 mark nothing, and some mark `<｜fim▁hole｜>` as text that users may type. So
what is spelled like a control token is one too, unless merges can build it: then it is text, such as Qwen2's `</s>`
(the end of struck-out HTML) or Falcon's `<|>`.
"""
# ruff: noqa: RUF001, RUF002 -- DeepSeek writes its tokens with fullwidth bars

from __future__ import annotations

from typing import TYPE_CHECKING

from gguf.constants import TokenType

from starcoder_lsp.completion.families import CONTROL_SPELLINGS

if TYPE_CHECKING:
    from starcoder_lsp.models.gguf import GGUFHeader, Vocabulary

_MARKS = frozenset({int(TokenType.UNKNOWN), int(TokenType.CONTROL), int(TokenType.UNUSED)})


def control_tokens(header: GGUFHeader, vocabulary: Vocabulary) -> frozenset[int]:
    """Return the ids that no text may become: those the file marks or names, and those spelled like one."""
    tokens = vocabulary.tokens
    marked = {token for token, kind in enumerate(vocabulary.types) if kind in _MARKS}
    spelled = {token for token, text in enumerate(tokens) if text[:1] in {"<", "[", "▁"} and _looks_special(text)}
    if spelled - marked:
        built = {merge.replace(" ", "") for merge in vocabulary.merges}
        spelled = {token for token in spelled if tokens[token] not in built}
    return frozenset(token for token in marked | spelled | set(header.named_ids.values()) if token < len(tokens))


def _looks_special(text: str) -> bool:
    """Whether a spelling belongs to a FIM family, or is one that llama.cpp's converter takes for a control token's.

    `does_token_look_special` in convert_hf_to_gguf.py.
    """
    return (
        text in CONTROL_SPELLINGS
        or text in {"<pad>", "<mask>", "<2mass>", "[@BOS@]"}
        or (text.startswith("<|") and text.endswith("|>"))
        or (text.startswith("<｜") and text.endswith("｜>"))
        or (text.startswith("<unused") and text.endswith(">"))
    )
