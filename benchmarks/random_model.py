"""Random-weight models of the real shapes: right for speed and memory, meaningless as text.

    python -m benchmarks.random_model --arch starcoder2 --shape 3b --type Q4_K --vocab builtin OUT.gguf

Weights have a spread of 1/sqrt(columns), which keeps a unit variance. Queries and keys get twice that, so that
attention is selective; what a layer adds gets three times that, or a model whose output is tied to its embeddings would
repeat the last token for ever. Greedy decoding then has a clear winner at every step, and depends on the whole prompt.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from attrs import frozen
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType, LlamaFileType, TokenType

from benchmarks.random_weights import random_tensor
from benchmarks.vocabulary import BUILTIN_SCALARS, LEARNT, builtin_vocabulary
from starcoder_lsp.models.gguf import Vocabulary, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from starcoder_lsp.models.gguf_format import Value

_Q: Final = GGMLQuantizationType


@frozen
class Shape:
    """A model's dimensions. `vocab_size` 0: as many as the vocabulary has."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn: int
    context: int
    vocab_size: int = 49152


SHAPES: Final = {
    "starcoder": {
        "tiny": Shape(4, 256, 4, 1, 1024, 8192, vocab_size=0),
        "1b": Shape(24, 2048, 16, 1, 8192, 8192),
        "3b": Shape(36, 2816, 22, 1, 11264, 8192),
        "7b": Shape(42, 4096, 32, 1, 16384, 8192),
        "15b": Shape(40, 6144, 48, 1, 24576, 8192),
    },
    "starcoder2": {
        "tiny": Shape(4, 256, 4, 2, 1024, 16384, vocab_size=0),
        "3b": Shape(30, 3072, 24, 2, 12288, 16384),
        "7b": Shape(32, 4608, 36, 4, 18432, 16384),
        "15b": Shape(40, 6144, 48, 4, 24576, 16384),
    },
}
"""By architecture and name: those of StarCoderBase and StarCoder2."""

FILE_TYPES: Final = {
    "F16": LlamaFileType.MOSTLY_F16,
    "Q8_0": LlamaFileType.MOSTLY_Q8_0,
    "Q4_0": LlamaFileType.MOSTLY_Q4_0,
    "Q4_1": LlamaFileType.MOSTLY_Q4_1,
    "Q5_0": LlamaFileType.MOSTLY_Q5_0,
    "Q5_1": LlamaFileType.MOSTLY_Q5_1,
    "Q4_K": LlamaFileType.MOSTLY_Q4_K_M,
    "Q5_K": LlamaFileType.MOSTLY_Q5_K_M,
    "Q6_K": LlamaFileType.MOSTLY_Q6_K,
}

_LOGIT_SPREAD: Final = 4.0
_CONTROL_GAIN: Final = 0.1
"""Rows of control tokens are shorter, so that a generation does not end by chance after a few tokens."""

_ROPE_BASE: Final = 999999.4375
_EPSILON: Final = 1e-5
_ROWS_AT_ONCE: Final = 4096


@frozen
class _Matrix:
    """A weight to be written: each row has the standard deviation `spread`, times its `gain` if there are gains."""

    name: str
    kind: GGMLQuantizationType
    rows: int
    columns: int
    spread: float
    gains: NDArray[np.float32] | None = None

    @property
    def bytes(self) -> int:
        per_block, block_bytes = GGML_QUANT_SIZES[self.kind]
        return self.rows * self.columns // per_block * block_bytes

    def numbers(self, rng: np.random.Generator) -> NDArray[np.generic]:
        spread = np.full(self.rows, self.spread, np.float32) * (1 if self.gains is None else self.gains)
        starts = range(0, self.rows, _ROWS_AT_ONCE)  # in pieces: Gaussian numbers are made as float32
        pieces = [random_tensor(rng, self.kind, spread[at : at + _ROWS_AT_ONCE], self.columns) for at in starts]
        return np.concatenate(pieces)


@frozen
class _Vector:
    """A norm's weight (ones) or a bias (zeros)."""

    name: str
    length: int
    value: Literal[0, 1]


def write_random_model(
    path: Path,
    *,
    arch: str,
    shape: str = "tiny",
    quantisation: str = "F16",
    vocab: Path | Literal["builtin"] = "builtin",
    seed: int = 0,
) -> None:
    """Write a random model to `path`, one tensor at a time: little more than the largest of them is in memory.

    `arch` and `shape` as in `SHAPES`, `quantisation` as in `FILE_TYPES` (`Q4_K` is the mixture Q4_K_M), `vocab` a GGUF
    file whose tokenizer is taken over, or `builtin`. The same arguments give the same weights. Progress goes to stderr.
    """
    dimensions = SHAPES[arch][shape]
    scalars: Mapping[str, Value]
    if vocab == "builtin":
        vocabulary, scalars = builtin_vocabulary(arch, dimensions.vocab_size or LEARNT), BUILTIN_SCALARS
    else:
        header = read_header(vocab, vocabulary_only=True)
        vocabulary, scalars = header.vocabulary(), header.metadata
    writer = GGUFWriter(path, arch)
    writer.add_name(f"random {arch} {shape}")
    writer.add_file_type(FILE_TYPES[quantisation])
    _add_dimensions(writer, arch, dimensions)
    _add_vocabulary(writer, vocabulary, scalars)
    tensors = list(_tensors(arch, dimensions, quantisation, _gains(vocabulary)))
    for tensor in tensors:
        if isinstance(tensor, _Vector):
            writer.add_tensor_info(tensor.name, (tensor.length,), np.dtype(np.float32), 4 * tensor.length)
        else:  # the type of the numbers is said by raw_dtype; this one only must not be a byte
            numbers = (tensor.rows, tensor.columns)
            writer.add_tensor_info(tensor.name, numbers, np.dtype(np.float32), tensor.bytes, raw_dtype=tensor.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(seed)
    for number, tensor in enumerate(tensors, 1):
        if isinstance(tensor, _Vector):
            writer.write_tensor_data(np.full(tensor.length, tensor.value, np.float32))
        else:
            writer.write_tensor_data(tensor.numbers(rng))
        print(f"\r{path.name}: {100 * number // len(tensors)} %", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    writer.close()


def _add_dimensions(writer: GGUFWriter, arch: str, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_eps(_EPSILON)
    if arch == "starcoder2":
        writer.add_rope_freq_base(_ROPE_BASE)


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary, scalars: Mapping[str, Value]) -> None:
    """Write the tables, and all single values under `tokenizer.` but the chat template."""
    kinds = {bool: GGUFValueType.BOOL, int: GGUFValueType.UINT32, str: GGUFValueType.STRING}
    for key, value in scalars.items():
        if key.startswith("tokenizer.ggml.") and type(value) in kinds:
            writer.add_key_value(key, value, kinds[type(value)])
    writer.add_token_list(vocabulary.tokens)
    if vocabulary.types:
        writer.add_token_types(vocabulary.types)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)


def _gains(vocabulary: Vocabulary) -> NDArray[np.float32]:
    gains = np.ones(len(vocabulary.tokens), np.float32)
    if vocabulary.types:
        gains[np.array(vocabulary.types) != TokenType.NORMAL] = _CONTROL_GAIN
    return gains


def _tensors(arch: str, shape: Shape, quantisation: str, gains: NDArray[np.float32]) -> Iterator[_Matrix | _Vector]:
    """All tensors that llama.cpp's loader expects (src/models/starcoder.cpp and starcoder2.cpp), in the usual order."""
    width, kv_width, vocab_size = shape.width, shape.width // shape.heads * shape.kv_heads, len(gains)
    kind = _Q[quantisation]
    is_mixture = quantisation in {"Q4_K", "Q5_K"}
    logits = _LOGIT_SPREAD * width**-0.5

    def linear(
        name: str, rows: int, columns: int, *, gain: float = 1.0, better: bool = False
    ) -> Iterator[_Matrix | _Vector]:
        yield _Matrix(f"{name}.weight", _Q.Q6_K if better else kind, rows, columns, gain * columns**-0.5)
        yield _Vector(f"{name}.bias", rows, 0)

    def norm(name: str) -> Iterator[_Vector]:
        yield _Vector(f"{name}.weight", width, 1)
        yield _Vector(f"{name}.bias", width, 0)

    tied = arch == "starcoder2"
    yield _Matrix("token_embd.weight", _Q.Q6_K if is_mixture and tied else kind, vocab_size, width, logits, gains)
    if not tied:
        yield _Matrix("position_embd.weight", _Q.F16, shape.context, width, logits)
    yield from norm("output_norm")
    if not tied:
        yield _Matrix("output.weight", _Q.Q6_K if is_mixture else kind, vocab_size, width, logits, gains)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        better = is_mixture and _use_more_bits(layer, shape.layers)
        yield from norm(f"{block}.attn_norm")
        if tied:
            yield from linear(f"{block}.attn_q", width, width, gain=2)
            yield from linear(f"{block}.attn_k", kv_width, width, gain=2)
            yield from linear(f"{block}.attn_v", kv_width, width, better=better)
        else:
            yield from linear(f"{block}.attn_qkv", width + 2 * kv_width, width, gain=2)
        yield from linear(f"{block}.attn_output", width, width, gain=3)
        yield from norm(f"{block}.ffn_norm")
        yield from linear(f"{block}.ffn_up", shape.ffn, width)
        yield from linear(f"{block}.ffn_down", width, shape.ffn, gain=3, better=better)


def _use_more_bits(layer: int, layers: int) -> bool:
    """Return where llama.cpp's mixtures (Q4_K_M, Q5_K_M) take Q6_K for the sensitive tensors."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2  # noqa: PLR2004 -- theirs


def main(arguments: list[str] | None = None) -> None:
    """Write the model that the command line describes."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.random_model", description="write a random-weight model"
    )
    parser.add_argument("--arch", choices=SHAPES, default="starcoder2")
    parser.add_argument("--shape", default="tiny", help="tiny, 1b (starcoder only), 3b, 7b or 15b")
    parser.add_argument(
        "--type", choices=FILE_TYPES, default="F16", help="Q4_K and Q5_K are the mixtures Q4_K_M and Q5_K_M"
    )
    parser.add_argument("--vocab", default="builtin", help="a GGUF file whose tokenizer to use, or builtin")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path, metavar="OUT.gguf")
    options = parser.parse_args(arguments)
    if options.shape not in SHAPES[options.arch]:
        parser.error(f"{options.arch} comes in the shapes {', '.join(SHAPES[options.arch])}")
    write_random_model(
        options.out,
        arch=options.arch,
        shape=options.shape,
        quantisation=options.type,
        vocab="builtin" if options.vocab == "builtin" else Path(options.vocab),
        seed=options.seed,
    )


if __name__ == "__main__":
    main()
