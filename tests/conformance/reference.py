"""StarCoder in float64 with NumPy: thirty lines against which both engines can be held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gguf import GGUFReader, quants

from tests.conformance.models import HEADS, LAYERS, WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Reference:
    """A model of `tests.conformance.models`, its weights dequantised."""

    def __init__(self, path: Path) -> None:
        self._weights = {
            tensor.name: np.asarray(quants.dequantize(tensor.data, tensor.tensor_type), np.float64)
            for tensor in GGUFReader(path).tensors
        }

    def logprobs(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """Return, for every place in `ids`, the log-probabilities of the token behind it."""
        tokens, positions = self._weights["token_embd.weight"], self._weights["position_embd.weight"]
        x = tokens[list(ids)] + positions[: len(ids)]
        for layer in range(LAYERS):
            block = f"blk.{layer}"
            x = x + self._linear(f"{block}.attn_output", self._attention(block, self._norm(f"{block}.attn_norm", x)))
            inner = self._linear(f"{block}.ffn_up", self._norm(f"{block}.ffn_norm", x))
            x = x + self._linear(f"{block}.ffn_down", _gelu(inner))
        logits = self._norm("output_norm", x) @ self._weights["output.weight"].T
        logits -= logits.max(axis=-1, keepdims=True)
        result: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return result

    def _attention(self, block: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        length, size = len(x), WIDTH // HEADS
        joint = self._linear(f"{block}.attn_qkv", x)
        query = joint[:, :WIDTH].reshape(length, HEADS, size)
        key, value = joint[:, WIDTH : WIDTH + size], joint[:, WIDTH + size :]
        scores = np.einsum("ihd,jd->hij", query, key) / np.sqrt(size)
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        result: NDArray[np.float64] = np.einsum("hij,jd->ihd", weights, value).reshape(length, WIDTH)
        return result

    def _norm(self, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        result: NDArray[np.float64] = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return result

    def _linear(self, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return result


def _gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return result
