"""Weights in another quantisation: exact where that is possible, close where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from gguf import quants
from gguf.constants import GGMLQuantizationType as Type

from benchmarks.random_weights import random_tensor
from starcoder_lsp.engine.requantise import dequantise, requantise, target_type

READABLE = frozenset({Type.F16, Type.F32, Type.Q4_0, Type.Q5_1, Type.Q8_0, Type.Q6_K})


def rows_of(kind: Type) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return eight rows of 512 random numbers, as bytes, with a scale of its own in each row."""
    rng = np.random.default_rng(int(kind))
    return random_tensor(rng, kind, np.linspace(0.01, 3, 8, dtype=np.float32), 512).view(np.uint8)


@pytest.mark.parametrize("kind", [Type.Q4_0, Type.Q4_1, Type.Q5_0])
def test_plain_quants_become_q5_1_without_loss(kind: Type) -> None:
    rows = rows_of(kind)
    np.testing.assert_array_equal(dequantise(requantise(rows, kind, Type.Q5_1), Type.Q5_1), dequantise(rows, kind))


@pytest.mark.parametrize("kind", [Type.Q4_K, Type.Q5_K])
def test_k_quants_keep_their_levels(kind: Type) -> None:
    """Only scale and offset are rounded, to float16: half a unit in the last of 11 bits each."""
    rows = rows_of(kind)
    before, after = dequantise(rows, kind), dequantise(requantise(rows, kind, Type.Q5_1), Type.Q5_1)
    largest = np.abs(before).max(axis=1, keepdims=True)
    assert (np.abs(after - before) / largest).max() < 2**-10


def test_real_k_scales_are_unpacked_each_to_its_block() -> None:
    """Random bytes in the scale tables, not the constant ones of `benchmarks.random_weights`."""
    rng = np.random.default_rng(0)
    for kind, size in ((Type.Q4_K, 144), (Type.Q5_K, 176)):
        rows = rng.integers(0, 256, (16, size), dtype=np.uint8)
        rows[:, :4] = np.array([0.01, 0.02], np.float16).view(np.uint8)
        before, after = dequantise(rows, kind), dequantise(requantise(rows, kind, Type.Q5_1), Type.Q5_1)
        np.testing.assert_allclose(after, before, atol=2**-10 * np.abs(before).max())


@pytest.mark.parametrize(("kind", "target"), [(Type.Q6_K, Type.Q5_1), (Type.Q6_K, Type.Q8_0), (Type.F16, Type.Q5_1)])
def test_other_types_are_rounded(kind: Type, target: Type) -> None:
    rows = rows_of(kind)
    before = dequantise(rows, kind)
    after = dequantise(requantise(rows, kind, target), target)
    error = np.sqrt(np.mean((after - before) ** 2, axis=1) / np.mean(before**2, axis=1))
    assert error.max() < (0.05 if target == Type.Q5_1 else 0.01)
    np.testing.assert_array_equal(after, quants.dequantize(quants.quantize(before, target), target))


def test_the_same_type_is_left_alone() -> None:
    rows = rows_of(Type.Q6_K)
    assert requantise(rows, Type.Q6_K, Type.Q6_K) is rows


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({Type.Q4_0: 100}, Type.Q4_0),
        ({Type.Q6_K: 100}, Type.Q6_K),
        ({Type.F16: 100}, Type.F16),
        ({Type.BF16: 100}, Type.F16),
        ({Type.F32: 1, Type.F16: 100}, Type.F16),
        ({Type.Q4_0: 80, Type.Q6_K: 20}, Type.Q5_1),
        ({Type.Q4_K: 70, Type.Q6_K: 30}, Type.Q5_1),
        ({Type.Q5_K: 70, Type.Q6_K: 30}, Type.Q5_1),
        ({Type.Q8_0: 90, Type.F16: 10}, Type.Q8_0),
        ({Type.Q3_K: 40, Type.Q6_K: 60}, Type.Q8_0),
        ({Type.IQ4_NL: 100}, Type.Q5_1),
    ],
)
def test_the_type_for_all(shares: dict[Type, int], expected: Type) -> None:
    assert target_type(shares, READABLE) == expected
