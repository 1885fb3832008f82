"""Small `starcoder` models whose greedy tokens do not depend on rounding.

Engines add up in different orders and precisions. In a random network two tokens are often nearly equally likely, and
then the engines rightly differ. Here every token has a successor: its row in the output matrix points along the
embedding of its predecessor. So each step has a winner several nats ahead, while its probability still depends on all
other weights: a wrong bias, head or position shows in the log-probabilities. Tests check the lead, too (`LEAD`).

Biases and norms are random too, unlike those of `benchmarks.random_model`. Only tokens that are whole ASCII text are
successors, because llama.cpp's server holds the bytes of an unfinished character back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from attrs import frozen
from gguf import GGUFWriter, quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, TokenType

from benchmarks.random_weights import random_tensor
from benchmarks.vocabulary import BUILTIN_SCALARS, builtin_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    _Tensor: TypeAlias = tuple[str, GGMLQuantizationType, NDArray[np.generic]]

_Q: Final = GGMLQuantizationType
WIDTH, HEADS, LAYERS, CONTEXT = 256, 4, 2, 512
LEAD: Final = 2.0
"""Nats by which the likeliest token leads at every step: twenty times what the engines' rounding moves."""

_SHARPNESS: Final = 0.04
"""Of the output matrix, so that the winner has a probability of about 0.7: neither certain nor doubtful."""


@frozen
class Recipe:
    """Types of the matrices inside the layers, and of the embedding and output."""

    layers: GGMLQuantizationType
    ends: GGMLQuantizationType


RECIPES: Final = {
    "F16": Recipe(_Q.F16, _Q.F16),
    "Q8_0": Recipe(_Q.Q8_0, _Q.Q8_0),
    "Q4_0": Recipe(_Q.Q4_0, _Q.Q4_0),
    "Q5_1": Recipe(_Q.Q5_1, _Q.Q5_1),
    "Q4_K": Recipe(_Q.Q4_K, _Q.Q8_0),
}
"""`Q4_K` is a mixture, as K-quants are in practice; it is requantised on its way to ctransformers."""


def write_model(path: Path, recipe: Recipe, *, seed: int = 0, architecture: str = "starcoder") -> None:
    """Write a model of 2 million parameters."""
    rng = np.random.default_rng(seed)
    vocabulary = builtin_vocabulary("starcoder")
    writer = GGUFWriter(path, architecture)
    writer.add_name(path.stem)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(4 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("starcoder")
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(bool(BUILTIN_SCALARS["tokenizer.ggml.add_bos_token"]))
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    table = enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
    safe = [token for token, (text, kind) in table if kind == TokenType.NORMAL and _is_ascii(text)]
    for name, kind, numbers in _tensors(rng, recipe, len(vocabulary.tokens), np.array(safe)):
        if numbers.dtype == np.uint8:
            writer.add_tensor(name, numbers, raw_dtype=kind)
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _is_ascii(text: str) -> bool:
    """Whether a token of the byte-level alphabet is ASCII text: printable, space (`Ġ`) or newline (`Ċ`)."""
    return all("!" <= character <= "~" or character in "ĠĊ" for character in text)


def _tensors(rng: np.random.Generator, recipe: Recipe, vocab: int, safe: NDArray[np.int64]) -> Iterator[_Tensor]:
    def vector(name: str, length: int, mean: float = 0.0) -> _Tensor:
        return name, _Q.F32, (mean + 0.1 * rng.standard_normal(length)).astype(np.float32)

    def matrix(name: str, rows: int, columns: int, gain: float = 1.0) -> _Tensor:
        spread = np.full(rows, gain * columns**-0.5, np.float32)
        return name, recipe.layers, random_tensor(rng, recipe.layers, spread, columns)

    embedding = rng.standard_normal((vocab, WIDTH), dtype=np.float32)
    output = 0.1 * _SHARPNESS * rng.standard_normal((vocab, WIDTH), dtype=np.float32)
    successor = safe[rng.permutation(len(safe))]
    output[successor] = _SHARPNESS * embedding[safe]
    positions = 0.3 * rng.standard_normal((CONTEXT, WIDTH), dtype=np.float32)
    yield "token_embd.weight", recipe.ends, _stored(embedding, recipe.ends)
    yield "position_embd.weight", _Q.F32, positions
    yield vector("output_norm.weight", WIDTH, 1.0)
    yield vector("output_norm.bias", WIDTH)
    yield "output.weight", recipe.ends, _stored(output, recipe.ends)
    shared = WIDTH // HEADS
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            yield vector(f"{block}.{norm}.weight", WIDTH, 1.0)
            yield vector(f"{block}.{norm}.bias", WIDTH)
        for name, rows, columns in (
            ("attn_qkv", WIDTH + 2 * shared, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_up", 4 * WIDTH, WIDTH),
            ("ffn_down", WIDTH, 4 * WIDTH),
        ):
            yield matrix(f"{block}.{name}.weight", rows, columns, gain=0.7)
            yield vector(f"{block}.{name}.bias", rows)


def _stored(numbers: NDArray[np.float32], kind: GGMLQuantizationType) -> NDArray[np.generic]:
    assert numbers.shape[1] % GGML_QUANT_SIZES[kind][0] == 0
    if kind == _Q.F16:
        return numbers.astype(np.float16)
    stored: NDArray[np.generic] = quants.quantize(numbers, kind)
    return stored
