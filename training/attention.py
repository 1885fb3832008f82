"""Causal attention for training: PyTorch's own on a GPU, a blockwise one in bfloat16 products on CPUs.

PyTorch's attention for CPUs (2.13) takes a third of a whole training step here, most of it in the backward pass. Blocks
of 64 queries against all the keys before them are plain matrix products, which the CPU's bfloat16 units do well, skip
most of the upper triangle, and take 2.5 times less (T = 512, 4 heads). The price is that the weights are kept for the
backward pass: H T²/2 values of a row and layer.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["causal_attention"]

_QUERIES = 64  # of a block


@cache
def _later(size: int, dtype: torch.dtype) -> Tensor:
    """Minus infinity above the diagonal: what a block's queries must not see of the block itself."""
    return torch.full((size, size), float("-inf"), dtype=torch.float32).triu(1).to(dtype)


class _Blockwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q (B, H, T, d), k and v (B, K, T, d) -> (B, H, T, d); the H / K heads of a group are rows of one product."""
        batch, heads, length, depth = q.shape
        groups, each = batch * k.shape[1], heads // k.shape[1]
        q = (q * depth**-0.5).contiguous()
        k, v = k.reshape(groups, length, depth), v.reshape(groups, length, depth)
        out = torch.empty_like(q)
        weights = []
        for start in range(0, length, _QUERIES):
            stop = min(start + _QUERIES, length)
            size = stop - start
            scores = torch.bmm(q[:, :, start:stop].reshape(groups, each * size, depth), k[:, :stop].transpose(1, 2))
            scores.view(groups, each, size, stop)[..., start:] += _later(size, q.dtype)
            weight = torch.softmax(scores, dim=-1)
            out[:, :, start:stop] = torch.bmm(weight, v[:, :stop]).view(batch, heads, size, depth)
            weights.append(weight)
        ctx.save_for_backward(q, k, v, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of q, k and v; those of k and v are summed over the blocks in float32."""
        q, k, v, *weights = ctx.saved_tensors
        batch, heads, length, depth = q.shape
        groups, each = k.shape[0], batch * heads // k.shape[0]
        to_q = torch.empty_like(q)
        to_k, to_v = torch.zeros(k.shape), torch.zeros(v.shape)
        for weight, start in zip(weights, range(0, length, _QUERIES), strict=True):
            stop = min(start + _QUERIES, length)
            size = stop - start
            slope = outer[0][:, :, start:stop].reshape(groups, each * size, depth)
            to_v[:, :stop] += torch.bmm(weight.transpose(1, 2), slope)
            to_weight = torch.bmm(slope, v[:, :stop].transpose(1, 2))
            to_score = torch._softmax_backward_data(to_weight, weight, -1, weight.dtype)  # noqa: SLF001 (no public name)
            to_q[:, :, start:stop] = torch.bmm(to_score, k[:, :stop]).view(batch, heads, size, depth)
            to_k[:, :stop] += torch.bmm(
                to_score.transpose(1, 2), q[:, :, start:stop].reshape(groups, each * size, depth)
            )
        shape = batch, groups // batch, length, depth
        return to_q * depth**-0.5, to_k.to(k.dtype).view(shape), to_v.to(v.dtype).view(shape)


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """q (B, H, T, d), k and v (B, K, T, d) with K a divisor of H -> (B, H, T, d)."""
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    result: Tensor = _Blockwise.apply(q, k, v)  # type: ignore[no-untyped-call]
    return result
