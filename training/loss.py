"""Cross-entropy over the tied head, in slices of positions: the (positions, vocabulary) matrix never exists whole.

The gradient is made in the forward pass, while a slice of the logits is still in the cache: one head product less than
recomputing it, and tens of megabytes instead of gigabytes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["IGNORE", "head_loss"]

IGNORE = -100  # target that counts for nothing


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, rows: int) -> Tensor:
        """hidden (N, D) in the compute dtype, head (V, D) float32, targets (N,) -> mean loss in nats (float32)."""
        weights = head.to(hidden.dtype)
        counted = max(int((targets != IGNORE).sum()), 1)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        hidden_gradient = torch.empty_like(hidden)
        head_gradient = torch.zeros_like(head)
        for start in range(0, hidden.shape[0], rows):
            part, goal = hidden[start : start + rows], targets[start : start + rows]
            use = goal != IGNORE
            index = goal.clamp_min(0)[:, None]
            log_p = torch.log_softmax(part @ weights.T, dim=-1, dtype=torch.float32)
            total -= (log_p.gather(1, index)[:, 0] * use).sum()
            slope = log_p.exp_()
            slope.scatter_add_(1, index, torch.full_like(index, -1, dtype=slope.dtype))
            slope = slope.mul_((use / counted)[:, None]).to(hidden.dtype)
            hidden_gradient[start : start + rows] = slope @ weights
            head_gradient += slope.T @ part
        ctx.save_for_backward(hidden_gradient, head_gradient)
        return total / counted

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, None, None]:
        hidden_gradient, head_gradient = ctx.saved_tensors
        return hidden_gradient * outer[0].to(hidden_gradient.dtype), head_gradient * outer[0], None, None


def head_loss(hidden: Tensor, head: Tensor, targets: Tensor, rows: int = 1024) -> Tensor:
    """Mean negative log-likelihood in nats per counted token; differentiable in `hidden` and `head`."""
    loss: Tensor = _HeadLoss.apply(hidden.flatten(0, -2), head, targets.flatten(), rows)  # type: ignore[no-untyped-call]
    return loss
