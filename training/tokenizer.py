"""The tokenizer: byte-level BPE with StarCoder2's special tokens in front and its pre-tokenizer.

python training/tokenizer.py --data training/.data
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

__all__ = ["SPECIAL", "load", "train"]

# StarCoder2's order; the ids are these positions. The rest of its list (issues, notebooks, ...) has no use here.
SPECIAL = (
    "<|endoftext|>",
    "<fim_prefix>",
    "<fim_middle>",
    "<fim_suffix>",
    "<fim_pad>",
    "<repo_name>",
    "<file_sep>",
)
END, PREFIX, MIDDLE, SUFFIX, PAD, REPO, FILE = range(7)


def _empty(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(texts: Iterator[str], vocabulary: int = 8192) -> Tokenizer:
    """Learn the merges; the special tokens take the first ids of the vocabulary."""
    tokenizer = _empty(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load(path: Path) -> Tokenizer:
    """A tokenizer that never makes a control token out of text: the special tokens are vocabulary, not patterns."""
    data = json.loads(path.read_text("utf-8"))["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ", 1)) for m in data["merges"]]
    return _empty(models.BPE(vocab=data["vocab"], merges=merges))


def _sample(path: Path, budget: int, seed: int) -> Iterator[str]:
    """Texts of the corpus in random order, `budget` bytes in all."""
    lines = path.read_text("utf-8").splitlines()
    random.Random(seed).shuffle(lines)
    for line in lines:
        text = json.loads(line)["text"]
        budget -= len(text)
        if budget < 0:
            return
        yield text


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parent / ".data")
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--bytes", type=int, default=40_000_000)
    options = parser.parse_args()
    tokenizer = train(_sample(options.data / "train.jsonl", options.bytes, 1), options.vocabulary)
    tokenizer.save(str(options.data / "tokenizer.json"))
    print(f"{tokenizer.get_vocab_size()} tokens")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
