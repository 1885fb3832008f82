"""Weights of one quantisation written in another: exactly where the target can hold them, by rounding where it cannot.

ctransformers wants one type for all matrices of a file, and GGUF files mix several: even a plain `Q4_0` has its output
matrix in `Q6_K`. The common types cut a row into blocks of 32 numbers, each stored as a whole level of 4 or 5 bits,
a scale and an offset: number = scale * level + offset. `Q5_1` is the largest of them, so it takes the levels of `Q4_0`,
`Q4_1`, `Q5_0`, `Q4_K` and `Q5_K` as they are. Only a K-quant's scale and offset, which are products there, are rounded
to float16. Other types are dequantised, and requantised by the `gguf` package.

Block layouts: https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_T = GGMLQuantizationType
_FLOATS: Final = frozenset({_T.F32, _T.F16, _T.BF16, _T.F64})
_FINE: Final = frozenset({*_FLOATS, _T.Q8_0, _T.Q6_K})
"""Types that Q5_1 would make clearly coarser."""

_BLOCK: Final = 32
_NIBBLE: Final = 0x0F
_SYMMETRIC_4, _SYMMETRIC_5 = 8, 16
"""The level that stands for zero in Q4_0 and Q5_0."""


def target_type(
    bytes_of: Mapping[GGMLQuantizationType, int], readable: frozenset[GGMLQuantizationType]
) -> GGMLQuantizationType:
    """Return the type for all matrices of a file whose matrices take `bytes_of` bytes in each type.

    A file with a single type that is `readable` keeps it, bit for bit. Floats become F16. Of mixtures, those that are
    mostly fine (8 or 6 bits) become Q8_0, the others Q5_1.
    """
    if len(bytes_of) == 1 and (only := next(iter(bytes_of))) in readable:
        return only
    if _FLOATS.issuperset(bytes_of):
        return _T.F16
    fine = sum(count for kind, count in bytes_of.items() if kind in _FINE)
    return _T.Q8_0 if 2 * fine > sum(bytes_of.values()) else _T.Q5_1


def requantise(
    rows: NDArray[np.uint8], source: GGMLQuantizationType, target: GGMLQuantizationType
) -> NDArray[np.uint8]:
    """Return `rows` (bytes, one row of the matrix each) in another type."""
    if source == target:
        return rows
    if target == _T.Q5_1 and source in _UNPACK:
        return _pack_q5_1(_UNPACK[source](_blocks(rows, source)), len(rows))
    result: NDArray[np.uint8] = quants.quantize(dequantise(rows, source), target).view(np.uint8)
    return result


def dequantise(rows: NDArray[np.uint8], source: GGMLQuantizationType) -> NDArray[np.float32]:
    """Return `rows` (bytes) as float32."""
    numbers: NDArray[np.float32] = quants.dequantize(_as_floats(rows, source) if source in _FLOATS else rows, source)
    return numbers.astype(np.float32, copy=False)


def _as_floats(rows: NDArray[np.uint8], kind: GGMLQuantizationType) -> NDArray[np.generic]:
    if kind == _T.BF16:
        return rows  # the package takes it as bytes
    return rows.view({_T.F32: np.float32, _T.F16: np.float16, _T.F64: np.float64}[kind])


def _blocks(rows: NDArray[np.uint8], kind: GGMLQuantizationType) -> NDArray[np.uint8]:
    return rows.reshape(-1, GGML_QUANT_SIZES[kind][1])


@frozen
class _Levels:
    """Blocks of 32 numbers: `scale * levels + offset`. Levels are uint8 below 32; the others float32, one a block."""

    levels: NDArray[np.uint8]
    scale: NDArray[np.float32]
    offset: NDArray[np.float32]


def _half(blocks: NDArray[np.uint8], at: int) -> NDArray[np.float32]:
    """The float16 at byte `at` of each block."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view(np.float16).astype(np.float32).reshape(-1)


def _nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels of 4 bits: the low halves of 16 bytes, then the high ones."""
    return np.concatenate([packed & _NIBBLE, packed >> 4], axis=1)


def _fifth_bits(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The fifth bits of 32 levels, at their place (16 or 0)."""
    bits: NDArray[np.uint8] = np.unpackbits(packed, axis=1, bitorder="little")
    return np.left_shift(bits, 4, dtype=np.uint8)


def _unpack_q4_0(blocks: NDArray[np.uint8]) -> _Levels:
    scale = _half(blocks, 0)
    return _Levels(_nibbles(blocks[:, 2:]), scale, -_SYMMETRIC_4 * scale)


def _unpack_q4_1(blocks: NDArray[np.uint8]) -> _Levels:
    return _Levels(_nibbles(blocks[:, 4:]), _half(blocks, 0), _half(blocks, 2))


def _unpack_q5_0(blocks: NDArray[np.uint8]) -> _Levels:
    scale = _half(blocks, 0)
    return _Levels(_nibbles(blocks[:, 6:]) | _fifth_bits(blocks[:, 2:6]), scale, -_SYMMETRIC_5 * scale)


def _k_scales(blocks: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale and offset of each of the 8 blocks in a super-block: two float16 times 6-bit numbers."""
    scales, minima = quants.Q4_K.get_scale_min(blocks[:, 4:16])
    scale = _half(blocks, 0)[:, None] * scales.astype(np.float32)
    offset = -_half(blocks, 2)[:, None] * minima.astype(np.float32)
    return scale.reshape(-1), offset.reshape(-1)


def _k_nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The levels of 8 blocks: 32 bytes hold one block in their low halves and the next in their high ones."""
    pairs = packed.reshape(-1, 4, 1, _BLOCK)
    return np.concatenate([pairs & _NIBBLE, pairs >> 4], axis=2).reshape(-1, _BLOCK)


def _unpack_q4_k(blocks: NDArray[np.uint8]) -> _Levels:
    return _Levels(_k_nibbles(blocks[:, 16:]), *_k_scales(blocks))


def _unpack_q5_k(blocks: NDArray[np.uint8]) -> _Levels:
    place = np.arange(8, dtype=np.uint8)[None, :, None]
    fifth = ((blocks[:, None, 16:48] >> place) & np.uint8(1)) * np.uint8(1 << 4)  # bit b of byte j: level j of block b
    return _Levels(_k_nibbles(blocks[:, 48:]) | fifth.reshape(-1, _BLOCK), *_k_scales(blocks))


_UNPACK: Final = {
    _T.Q4_0: _unpack_q4_0,
    _T.Q4_1: _unpack_q4_1,
    _T.Q5_0: _unpack_q5_0,
    _T.Q4_K: _unpack_q4_k,
    _T.Q5_K: _unpack_q5_k,
}


def _pack_q5_1(blocks: _Levels, rows: int) -> NDArray[np.uint8]:
    halves = np.stack([blocks.scale, blocks.offset], axis=1).astype(np.float16).view(np.uint8)
    fifth = np.packbits(blocks.levels >> 4, axis=1, bitorder="little")
    low = blocks.levels & _NIBBLE
    nibbles = low[:, : _BLOCK // 2] | (low[:, _BLOCK // 2 :] << 4)
    return np.concatenate([halves, fifth, nibbles], axis=1).reshape(rows, -1)
