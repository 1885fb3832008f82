"""A small byte-level vocabulary made on the spot, so that tests need no download.

256 bytes, a family's special tokens, and merges learnt from a few modules of the Python standard library.
"""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gguf.constants import TokenType
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from starcoder_lsp.engine.gguf import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starcoder_lsp.engine.gguf import Scalar

SPECIAL_TOKENS: Final = {
    "starcoder": (
        "<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<filename>", "<gh_stars>",
        "<reponame>",
    ),
    "starcoder2": (
        "<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>",
    ),
}  # fmt: skip
"""By architecture; the ids count from 0 in this order."""

LEARNT: Final = 1024
"""Tokens that can come out of encoding, special ones included."""

BUILTIN_SCALARS: Final[Mapping[str, Scalar]] = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "starcoder",
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.ggml.add_bos_token": False,
}
"""What a GGUF file says of this vocabulary besides its tables."""

_MODULES: Final = ("argparse.py", "ast.py", "configparser.py", "json/decoder.py", "logging/__init__.py", "typing.py")


def builtin_vocabulary(architecture: str, size: int = LEARNT) -> Vocabulary:
    """Return a vocabulary of `size` tokens (at least `LEARNT`) with the pre-tokenizer `starcoder`.

    Tokens beyond the learnt ones are text that no encoding produces: they only give the model its real width.
    """
    special = SPECIAL_TOKENS[architecture]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=LEARNT,
        special_tokens=list(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    library = Path(sysconfig.get_path("stdlib"))
    tokenizer.train_from_iterator([(library / name).read_text("utf-8") for name in _MODULES], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    tokens += [f"Ġw{number:05}" for number in range(len(tokens), size)]
    return Vocabulary(
        tokens=tokens,
        types=[int(TokenType.CONTROL)] * len(special) + [int(TokenType.NORMAL)] * (len(tokens) - len(special)),
        scores=[],
        merges=[" ".join(merge) for merge in model["merges"]],
    )
