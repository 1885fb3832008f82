"""Random weights of every tensor type, written as blocks directly.

Quantising Gaussian numbers would take minutes for a 3B model, and the `gguf` package cannot quantise to K-quants at
all. But a random block *is* a quantised random block: random bits for the numbers, and constant scales, chosen so that
the weights have mean 0 (nearly so where the format has no minimum) and the wanted spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

if TYPE_CHECKING:
    from numpy.typing import NDArray


@frozen
class _Half:
    """A 16-bit float: the wanted spread, times this."""

    factor: float


@frozen
class _Random:
    """So many bytes of random bits."""

    size: int


_S4: Final = 1 / 4.61  # 4.61 is the standard deviation of the integers 0 to 15
_S5: Final = 1 / 9.23  # of 0 to 31
_S6: Final = 1 / 18.47  # of 0 to 63
_S8: Final = 1 / 73.9  # of -128 to 127

_K: Final = bytes([160] * 8 + [0] * 4)
"""Eight scales and eight minima, 6 bits each, all 32, as K-quants pack them (`get_scale_min_k4` in ggml-quants.c)."""

_BLOCKS: Final[dict[GGMLQuantizationType, tuple[_Half | _Random | bytes, ...]]] = {
    GGMLQuantizationType.Q4_0: (_Half(_S4), _Random(16)),
    GGMLQuantizationType.Q4_1: (_Half(_S4), _Half(-7.5 * _S4), _Random(16)),
    GGMLQuantizationType.Q5_0: (_Half(_S5), _Random(4 + 16)),
    GGMLQuantizationType.Q5_1: (_Half(_S5), _Half(-15.5 * _S5), _Random(4 + 16)),
    GGMLQuantizationType.Q8_0: (_Half(_S8), _Random(32)),
    GGMLQuantizationType.Q4_K: (_Half(_S4 / 32), _Half(7.5 * _S4 / 32), _K, _Random(128)),
    GGMLQuantizationType.Q5_K: (_Half(_S5 / 32), _Half(15.5 * _S5 / 32), _K, _Random(32 + 128)),
    GGMLQuantizationType.Q6_K: (_Random(128 + 64), bytes([8] * 16), _Half(_S6 / 8)),
}
"""Scales, minima and numbers in the order of each type's block (`ggml/src/ggml-common.h`)."""


def random_tensor(
    rng: np.random.Generator, kind: GGMLQuantizationType, spread: NDArray[np.float32], columns: int
) -> NDArray[np.generic]:
    """Return a tensor of `len(spread)` rows and `columns` numbers a row, row i with standard deviation `spread[i]`.

    Quantised ones come as bytes. Raises KeyError for a type without a layout here, ValueError if its blocks do not
    divide the rows.
    """
    rows = len(spread)
    if kind in {GGMLQuantizationType.F16, GGMLQuantizationType.F32}:
        numbers = rng.standard_normal((rows, columns), dtype=np.float32) * spread[:, None]
        return numbers.astype(np.float16 if kind == GGMLQuantizationType.F16 else np.float32)
    per_block = GGML_QUANT_SIZES[kind][0]
    if columns % per_block:
        raise ValueError(f"{kind.name} has blocks of {per_block} numbers, which do not divide rows of {columns}")
    spreads = np.repeat(spread, columns // per_block)
    return np.concatenate([_bytes(rng, part, spreads) for part in _BLOCKS[kind]], axis=1).reshape(rows, -1)


def _bytes(rng: np.random.Generator, part: _Half | _Random | bytes, spreads: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One part of all blocks, a block a row."""
    count = len(spreads)
    if isinstance(part, _Half):
        return (spreads * part.factor).astype("<f2").view(np.uint8).reshape(count, 2)
    if isinstance(part, _Random):
        return np.frombuffer(rng.bytes(count * part.size), np.uint8).reshape(count, part.size)
    return np.broadcast_to(np.frombuffer(part, np.uint8), (count, len(part)))
