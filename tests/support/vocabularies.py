"""Vocabularies to test tokenizers with: made on the spot for every rule, and real ones from a package registry."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from gguf.constants import TokenType
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from benchmarks.random_model import write_random_model
from benchmarks.vocabulary import BUILTIN_SCALARS, SPECIAL_TOKENS
from starcoder_lsp.models.gguf import Vocabulary
from tests.support.gguf_files import write_gguf
from tests.support.texts import real_files

if TYPE_CHECKING:
    from starcoder_lsp.models.gguf_format import Scalar

CACHE: Final = Path(__file__).parents[2] / ".cache" / "vocabularies"
"""What was fetched."""

RULES: Final = (
    "starcoder", "gpt-2", "default", "falcon", "qwen2", "dbrx", "llama-bpe", "deepseek-coder", "seed-coder",
)  # fmt: skip
"""One name for each rule that cuts words."""

SENTENCEPIECE: Final = "sentencepiece"

_SDIST: Final = "llama-cpp-python==0.3.36"
REAL: Final = (
    "starcoder", "refact", "gpt-2", "gpt-neox", "mpt", "falcon", "command-r", "qwen2", "llama-bpe", "deepseek-coder",
    "llama-spm", "phi-3", "baichuan",
)  # fmt: skip
"""Vocabularies of real models. `starcoder` is StarCoder2's, `refact` StarCoder's."""


@functools.cache
def _made() -> Path:
    """A folder for what is made here, gone when the tests are done."""
    folder = Path(tempfile.mkdtemp(prefix="starcoder-lsp-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def vocabulary_file(rule: str) -> Path:
    """A GGUF file without tensors, for one of `RULES` or `SENTENCEPIECE`."""
    path = _made() / f"{rule}.gguf"
    if rule == SENTENCEPIECE:
        vocabulary, scalars = _pieces()
    else:
        vocabulary, scalars = _merges_across_words(), {**BUILTIN_SCALARS, "tokenizer.ggml.pre": rule}
    write_gguf(path, {"general.architecture": "starcoder2", **scalars}, vocabulary=vocabulary)
    return path


def real_vocabulary(name: str) -> Path:
    """One of `REAL`; fetched, all at once (76 MB), from the registry that pip is configured with.

    They lie in the source of llama-cpp-python. Skips the test if there is no registry.
    """
    folder = CACHE / "real"
    if not folder.exists():
        _fetch(folder)
    return folder / f"ggml-vocab-{name}.gguf"


def _fetch(folder: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        there = Path(made)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", made]
        command += ["--no-binary", "llama-cpp-python", _SDIST]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            pytest.skip(f"NOT TESTED with real vocabularies: pip could not fetch {_SDIST}: {result.stderr[-300:]}")
        unpacked = there / "real"
        unpacked.mkdir()
        with tarfile.open(next(there.glob("*.tar.gz"))) as archive:
            for member in archive:
                name = Path(member.name).name
                source = archive.extractfile(member)
                if source and name.removeprefix("ggml-vocab-").removesuffix(".gguf") in REAL and name.endswith(".gguf"):
                    (unpacked / name).write_bytes(source.read())
        unpacked.rename(folder)


@functools.cache
def tiny_model(vocabulary: Path) -> Path:
    """A random model with this vocabulary, for llama.cpp to load."""
    path = _made() / f"tiny-{vocabulary.name}"
    write_random_model(path, arch="starcoder2", quantisation="Q8_0", vocab=vocabulary)
    return path


@functools.cache
def _merges_across_words() -> Vocabulary:
    """Byte-level merges learnt without cutting words, up to 12 bytes long: a wrong cut anywhere changes the ids."""
    special = SPECIAL_TOKENS["starcoder2"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        special_tokens=list(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        max_token_length=12,
    )
    text = "".join(real_files())
    awkward = "".join(f"x{a}{b}y" for a in _AWKWARD for b in _AWKWARD) * 4
    pieces = [text[at : at + 2000] for at in range(0, len(text), 2000)]
    tokenizer.train_from_iterator([*pieces, awkward], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    types = [int(TokenType.CONTROL)] * len(special) + [int(TokenType.NORMAL)] * (len(tokens) - len(special))
    return Vocabulary(tokens, types, [], [" ".join(merge) for merge in model["merges"]])


_AWKWARD: Final = ("\n", "\r\n", "\n\n", " \n", "\n ", "\n    ", "\t", "  ", ";\n", ")\n", "1\n", "é\n", "\f", "\u2028")


def _pieces() -> tuple[Vocabulary, dict[str, Scalar]]:
    """A SentencePiece vocabulary: special tokens, bytes, characters, and pieces of words scored by their age."""
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=1500, show_progress=False, max_token_length=10)
    lines = [line.replace(" ", "▁") for text in real_files() for line in text.split("\n")]
    tokenizer.train_from_iterator(lines, trainer)
    vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
    pieces = sorted(vocab, key=vocab.__getitem__)
    special = ["<unk>", "<s>", "</s>", "▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"]
    raw = [f"<0x{byte:02X}>" for byte in range(256)]
    types = [TokenType.UNKNOWN] + [TokenType.CONTROL] * 6 + [TokenType.BYTE] * 256 + [TokenType.NORMAL] * len(pieces)
    vocabulary = Vocabulary(
        tokens=special + raw + pieces,
        types=[int(kind) for kind in types],
        scores=[0.0] * (7 + 256) + [-float(age) for age in range(len(pieces))],
        merges=[],
    )
    return vocabulary, {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
