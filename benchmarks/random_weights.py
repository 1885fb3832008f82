"""Random weights of every tensor type, written as blocks directly.

Quantising Gaussian numbers would take minutes for a 3B model, and the `gguf` package cannot quantise to K-quants at all. But a
random block *is* a quantised random block: random bits for the numbers, and constant scales chosen so that the weights have
mean 0 and the wanted spread. The block layouts are those of ggml (`ggml/src/ggml-common.h`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Q4_SPREAD: Final = 4.61  # standard deviation of the integers 0..15
_Q5_SPREAD: Final = 9.23  # 0..31
_Q6_SPREAD: Final = 18.47  # 0..63
_Q8_SPREAD: Final = 73.6  # -127..127

_K_SCALE: Final = 32
_K_SCALES: Final = bytes([160] * 8 + [0] * 4)
"""Eight 6-bit scales and eight 6-bit minima, all 32, as K-quants pack them (`get_scale_min_k4` in ggml-quants.c)."""

_Q6_K_SCALE: Final = 8


def random_tensor(rng: np.random.Generator, kind: GGMLQuantizationType, spread: NDArray[np.float32], columns: int) -> NDArray[np.generic]:
    """Return a tensor of `len(spread)` rows and `columns` numbers a row, row i with standard deviation `spread[i]`.

    Quantised ones come as bytes. Raises ValueError for a type without a layout here, or for `columns` that its blocks do
    not divide.
    """
    rows = len(spread)
    if kind in {GGMLQuantizationType.F16, GGMLQuantizationType.F32}:
        numbers = rng.standard_normal((rows, columns), dtype=np.float32) * spread[:, None]
        return numbers.astype(np.float16 if kind == GGMLQuantizationType.F16 else np.float32)
    per_block, block_bytes = GGML_QUANT_SIZES[kind]
    if columns % per_block:
        raise ValueError(f"{kind.name} has blocks of {per_block} numbers, which do not divide rows of {columns}")
    blocks = _blocks(rng, kind, np.repeat(spread, columns // per_block))
    assert blocks.shape[1] == block_bytes  # noqa: S101 -- a wrong layout would be a wrong model
    return blocks.reshape(rows, -1)


def _blocks(rng: np.random.Generator, kind: GGMLQuantizationType, spread: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One block a row."""
    count = len(spread)

    def bits(size: int) -> NDArray[np.uint8]:
        return np.frombuffer(rng.bytes(count * size), np.uint8).reshape(count, size)

    def half(numbers: NDArray[np.float32]) -> NDArray[np.uint8]:
        return numbers.astype("<f2").view(np.uint8).reshape(count, 2)

    def constant(data: bytes) -> NDArray[np.uint8]:
        return np.broadcast_to(np.frombuffer(data, np.uint8), (count, len(data)))

    q4, q5 = spread / _Q4_SPREAD, spread / _Q5_SPREAD
    match kind:
        case GGMLQuantizationType.Q4_0:  # scale, numbers - 8
            parts = [half(q4), bits(16)]
        case GGMLQuantizationType.Q4_1:  # scale, minimum, numbers
            parts = [half(q4), half(-7.5 * q4), bits(16)]
        case GGMLQuantizationType.Q5_0:  # scale, fifth bits, numbers - 16
            parts = [half(q5), bits(4), bits(16)]
        case GGMLQuantizationType.Q5_1:  # scale, minimum, fifth bits, numbers
            parts = [half(q5), half(-15.5 * q5), bits(4), bits(16)]
        case GGMLQuantizationType.Q8_0:  # scale, numbers; -128 is never written by a quantiser
            parts = [half(spread / _Q8_SPREAD), np.maximum(bits(32).view(np.int8), -127).view(np.uint8)]
        case GGMLQuantizationType.Q4_K:  # scale, scale of the minima, both tables, numbers
            parts = [half(q4 / _K_SCALE), half(7.5 * q4 / _K_SCALE), constant(_K_SCALES), bits(128)]
        case GGMLQuantizationType.Q5_K:  # the same with fifth bits
            parts = [half(q5 / _K_SCALE), half(15.5 * q5 / _K_SCALE), constant(_K_SCALES), bits(32), bits(128)]
        case GGMLQuantizationType.Q6_K:  # low bits, high bits, sixteen 8-bit scales, scale
            scale = half(spread / _Q6_SPREAD / _Q6_K_SCALE)
            parts = [bits(128), bits(64), constant(bytes([_Q6_K_SCALE] * 16)), scale]
        case _:
            raise ValueError(f"no random blocks of type {kind.name}")
    return np.concatenate(parts, axis=1)
