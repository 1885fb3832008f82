"""The `starcoder2` architecture, exactly as llama.cpp evaluates it, small enough to train on two CPU cores.

Shapes: B sequences, T positions, D width, H query heads, K key/value heads, d = 64 values per head, V vocabulary.
Master weights are float32; activations and matrix products run in the type that `compute_type` names.
Source of the layout: llama.cpp `src/models/starcoder2.cpp` (LayerNorm with bias, NeoX rotary, biased projections,
tanh-GELU in a two-matrix MLP, tied output).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.attention import causal_attention

__all__ = ["NANO_CPU", "NANO_CUDA", "Nano", "Shape", "compute_type"]


@dataclass(frozen=True)
class Shape:
    """Sizes of one model. Rows (`width`, `inner`) are multiples of 256, so that K-quants apply."""

    vocabulary: int = 8192
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 1
    inner: int = 1024
    context: int = 4096
    rope_base: float = 100_000.0
    norm_epsilon: float = 1e-5

    @property
    def head(self) -> int:
        """Values per head."""
        return self.width // self.heads


NANO_CPU = Shape()
NANO_CUDA = Shape(vocabulary=8192, width=512, layers=12, heads=8, kv_heads=2, inner=2048)


def compute_type(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it natively; a CPU that only emulates it is five times faster in float32."""
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32
    return torch.bfloat16


def rotary(shape: Shape, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotation angles, (T, d/2) each, in float32."""
    frequency = shape.rope_base ** (-torch.arange(0, shape.head, 2, device=device).float() / shape.head)
    angle = torch.arange(length, device=device).float()[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the halves of each head against each other (NeoX order). x: (B, H, T, d)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Dense(nn.Module):
    """A biased matrix whose product runs in the dtype of its input while the master weight stays float32."""

    def __init__(self, inputs: int, outputs: int, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (scale / inputs**0.5))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        return F.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class Norm(nn.Module):
    """LayerNorm with scale and bias."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return F.layer_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.bias.to(x.dtype), self.epsilon)


class Block(nn.Module):
    """Attention with few key/value heads, then a two-matrix MLP, each on a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        residual = (2 * shape.layers) ** -0.5
        self.attn_norm = Norm(shape.width, shape.norm_epsilon)
        self.attn_q = Dense(shape.width, shape.width)
        self.attn_k = Dense(shape.width, shape.kv_heads * shape.head)
        self.attn_v = Dense(shape.width, shape.kv_heads * shape.head)
        self.attn_output = Dense(shape.width, shape.width, residual)
        self.ffn_norm = Norm(shape.width, shape.norm_epsilon)
        self.ffn_up = Dense(shape.width, shape.inner)
        self.ffn_down = Dense(shape.inner, shape.width, residual)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        batch, length, width = x.shape
        h = self.attn_norm(x)
        q = self.attn_q(h).view(batch, length, self.shape.heads, self.shape.head).transpose(1, 2)
        k = self.attn_k(h).view(batch, length, self.shape.kv_heads, self.shape.head).transpose(1, 2)
        v = self.attn_v(h).view(batch, length, self.shape.kv_heads, self.shape.head).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        attended = causal_attention(q, k, v)
        x = x + self.attn_output(attended.transpose(1, 2).reshape(batch, length, width))
        result: Tensor = x + self.ffn_down(F.gelu(self.ffn_up(self.ffn_norm(x)), approximate="tanh"))
        return result


class Nano(nn.Module):
    """The whole model. `forward` gives the last hidden states; the tied head lives in `logits` and in the loss."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Parameter(torch.randn(shape.vocabulary, shape.width) * 0.02)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width, shape.norm_epsilon)

    def forward(self, ids: Tensor, compute: torch.dtype = torch.float32) -> Tensor:
        """ids (B, T) -> hidden states (B, T, D) in `compute`."""
        cos, sin = (t.to(compute) for t in rotary(self.shape, ids.shape[1], ids.device))
        x = F.embedding(ids, self.token_embd).to(compute)
        for block in self.blocks:
            x = block(x, cos, sin)
        hidden: Tensor = self.output_norm(x)
        return hidden

    def logits(self, ids: Tensor) -> Tensor:
        """ids (B, T) -> logits (B, T, V) in float32."""
        result: Tensor = self(ids) @ self.token_embd.T
        return result
