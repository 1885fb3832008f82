r"""The rules that cut text into words before byte-pair merges, as data, and where each rule lets a text be cut in two.

The expressions are those of llama.cpp (`llm_tokenizer_bpe` in src/llama-vocab.cpp), by the name that a GGUF file gives
under `tokenizer.ggml.pre`; they are applied one after the other, each to the pieces the one before left.

A *cut* is a place where a text may be divided without changing its ids: `encode(a + b) == encode(a) + encode(b)`. It
makes encoding cheap while somebody types (`tokens.lines`). Why the cuts are right:

- `GPT2`, also behind a split at digits or punctuation: no alternative that matches a visible character matches white
  space behind it, so a word ends where white space follows a visible character. Nothing looks behind itself, and the
  only look ahead, `\s+(?!\S)`, starts at white space. So: **between a visible character and white space**; that is
  done at line breaks, and within very long lines.
- `QWEN2`, `LLAMA3`: punctuation takes the line breaks behind it along (`[\r\n]*`), and `\s*[\r\n]+` (in `SEED_CODER`
  this alone) reaches to the last break of a run of white space. Nothing reaches past that break. So: **after the last
  line break of a run of white space**; and between a visible character and a space or tab.
- `DEEPSEEK_CODER`: the first split isolates each line break. So: **after every line break**.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_GPT2: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CONTRACTIONS: Final = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_WORDS: Final = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_MARKS_AND_SPACE: Final = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# The patterns below take time linear in the text. Python's white space is that of the rules and U+001C to U+001F
# besides, which only means fewer cuts.

_PIECE_OF_LONG_LINE: Final = r"[\r\n]*[^\r\n]{2000,}?\S(?=[ \t])"

BEFORE_BREAK: Final = re.compile(rf"{_PIECE_OF_LONG_LINE}|(?!\Z)\s*[^\r\n]*(?:(?<=\s)[\r\n]\s*[^\r\n]*)*")
"""Matches one chunk after the other: each ends where a line break follows a visible character."""

AFTER_BREAKS: Final = re.compile(rf"{_PIECE_OF_LONG_LINE}|[^\r\n]*[\r\n](?:\s*[\r\n])?|[^\r\n]+")
"""Chunks that end behind the last line break of a run of white space."""

EACH_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
"""Chunks that end behind every line feed."""

WHOLE: Final = re.compile(r"(?s:.+)")
"""One chunk: for vocabularies that join a line break to what stands around it."""

MAY_BE_CUT: Final = re.compile(r"\S\s|[\r\n]")
"""Found in a text that the patterns above might divide."""


@frozen
class PreTokenizer:
    """A rule: expressions applied one after the other, and the pattern of the chunks that may be encoded alone.

    `ignore_merges`: a word that is a token is that token, whatever the merges say (as in Llama 3).
    """

    expressions: tuple[str, ...]
    chunk: re.Pattern[str]
    ignore_merges: bool = False


STARCODER: Final = PreTokenizer((r"\p{N}", _GPT2), BEFORE_BREAK)
GPT2: Final = PreTokenizer((_GPT2,), BEFORE_BREAK)
DEFAULT: Final = PreTokenizer((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"), BEFORE_BREAK)
FALCON: Final = PreTokenizer((r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, r"[0-9][0-9][0-9]"), BEFORE_BREAK)
QWEN2: Final = PreTokenizer((rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}|{_MARKS_AND_SPACE}",), AFTER_BREAKS)
DBRX: Final = PreTokenizer((rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}{{1,3}}|{_MARKS_AND_SPACE}",), AFTER_BREAKS)
LLAMA3: Final = PreTokenizer(DBRX.expressions, AFTER_BREAKS, ignore_merges=True)
SEED_CODER: Final = PreTokenizer(
    (rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",), AFTER_BREAKS
)
DEEPSEEK_CODER: Final = PreTokenizer((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"), EACH_LINE)

BY_NAME: Final = {
    **dict.fromkeys(
        ("starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"), STARCODER
    ),
    **dict.fromkeys(
        (
            "gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4", "mpt", "olmo", "jais",
            "trillion", "granite-docling",
        ), GPT2,
    ),
    **dict.fromkeys(
        (
            "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2",
        ), QWEN2,
    ),
    **dict.fromkeys(("dbrx", "smaug-bpe", "chatglm-bpe"), DBRX),
    **dict.fromkeys(
        (
            "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "glm4", "glm5",
        ), LLAMA3,
    ),
    "falcon": FALCON,
    "deepseek-coder": DEEPSEEK_CODER,
    "seed-coder": SEED_CODER,
    "default": DEFAULT,
}  # fmt: skip
"""By the name in the file. Others are refused: other words would give other ids without anybody noticing."""
