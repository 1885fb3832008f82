"""A GGUF of ours -> what training starts from: float32 weights and the tokenizer, out of the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import torch

from training.model import Nano, Shape

__all__ = ["read_gguf", "write_tokenizer"]


def _value(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.fields.get(key)
    if field is None:
        raise ValueError(f"no {key} in the file: not a GGUF of the starcoder2 architecture with its tokenizer")
    return field.contents()


def read_gguf(path: Path) -> Nano:
    """The weights as a PyTorch model, quantised ones taken back to float32.

    Raises ValueError where the file is of another architecture.
    """
    reader = gguf.GGUFReader(path)

    def number(key: str) -> float:
        return _value(reader, f"starcoder2.{key}")  # type: ignore[no-any-return]

    shape = Shape(
        vocabulary=int(number("vocab_size")),
        width=int(number("embedding_length")),
        layers=int(number("block_count")),
        heads=int(number("attention.head_count")),
        kv_heads=int(number("attention.head_count_kv")),
        inner=int(number("feed_forward_length")),
        context=int(number("context_length")),
        rope_base=number("rope.freq_base"),
        norm_epsilon=float(f"{number('attention.layer_norm_epsilon'):.6g}"),  # float32 in the file
    )
    values = {
        t.name: torch.tensor(gguf.quants.dequantize(t.data, t.tensor_type)).reshape(
            tuple(int(n) for n in t.shape[::-1])
        )
        for t in reader.tensors
    }
    values["token_embd"] = values.pop("token_embd.weight")
    model = Nano(shape)
    model.load_state_dict({name.replace("blk.", "blocks."): value for name, value in values.items()})
    return model.eval()


def write_tokenizer(path: Path, out: Path) -> None:
    """The tokenizer of the GGUF at `path` as `training/tokenizer.py` writes and loads it."""
    reader = gguf.GGUFReader(path)
    tokens: list[str] = _value(reader, "tokenizer.ggml.tokens")
    merges: list[str] = _value(reader, "tokenizer.ggml.merges")
    model = {"type": "BPE", "vocab": {token: index for index, token in enumerate(tokens)}, "merges": merges}
    out.write_text(json.dumps({"version": "1.0", "model": model}, ensure_ascii=False) + "\n", "utf-8")
