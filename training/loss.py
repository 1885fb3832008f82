"""Cross-entropy over the tied head, in slices of positions: the (positions, vocabulary) matrix never exists whole.

The gradient is made in the forward pass, while a slice of the logits is still in the cache: one head product less than
recomputing it, and tens of megabytes instead of gigabytes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

__all__ = ["IGNORE", "head_loss"]

IGNORE = -100  # target that counts for nothing
_ROWS = 128  # positions of a slice on CPUs: its logits stay in the cache

Slopes = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def _slopes(logits: Tensor, goal: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """(N, V), (N,), (N,) -> loss of each position times its share, and its slope in the logits, less -1 at `goal`."""
    x = logits.float()
    top = x.amax(-1, keepdim=True)
    e = (x - top).exp()
    sums = e.sum(-1, keepdim=True)
    losses = (sums.log() + top - x.gather(1, goal[:, None]))[:, 0] * share
    return losses, (e * (share[:, None] / sums)).to(logits.dtype)


@cache
def _compiled(dtype: torch.dtype) -> Slopes:
    """The same in one pass over the logits (a tenth of the training time less) where a C++ compiler is at hand."""
    if shutil.which("g++") is None:
        return _slopes
    fused = torch.compile(_slopes, dynamic=False)
    try:
        fused(torch.zeros(2, 16, dtype=dtype), torch.zeros(2, dtype=torch.int64), torch.ones(2))
    except Exception as error:  # noqa: BLE001 (many kinds: no Python headers, an old compiler, a folder not writable)
        print(f"without the compiled loss: {str(error).splitlines()[0]}", file=sys.stderr)
        return _slopes
    return fused


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        targets: Tensor,
        weights: Tensor,
        rows: int,
        learn: bool,  # noqa: FBT001 (autograd passes no names)
    ) -> Tensor:
        """hidden (N, D) in the compute dtype, head (V, D) float32, targets and weights (N,) -> mean loss in nats.

        `learn`: make the gradients too.
        """
        matrix = head.to(hidden.dtype)
        use = weights * (targets != IGNORE)
        shares = use / use.sum().clamp_min(1e-9)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        hidden_gradient = torch.empty_like(hidden)
        head_gradient = torch.zeros_like(head)
        for start in range(0, hidden.shape[0], rows):
            part, goal = hidden[start : start + rows], targets[start : start + rows].clamp_min(0)
            share = shares[start : start + rows]
            slopes = _compiled(part.dtype) if part.shape[0] == rows else _slopes
            losses, slope = slopes(part @ matrix.T, goal, share)
            total += losses.sum()
            if not learn:
                continue
            slope.scatter_add_(1, goal[:, None], -share[:, None].to(slope.dtype))
            hidden_gradient[start : start + rows] = slope @ matrix
            head_gradient += slope.T @ part
        ctx.save_for_backward(hidden_gradient, head_gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:
        hidden_gradient, head_gradient = ctx.saved_tensors
        return hidden_gradient * outer[0].to(hidden_gradient.dtype), head_gradient * outer[0], None, None, None, None


def head_loss(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean negative log-likelihood in nats per counted token; differentiable in `hidden` and `head`.

    `weights`: how much each target counts, in the shape of `targets`; 1 without it.
    """
    if weights is None:
        weights = torch.ones(targets.shape, device=targets.device)
    rows = 8192 if hidden.is_cuda else _ROWS
    learn = torch.is_grad_enabled()  # forward itself runs without
    loss: Tensor = _HeadLoss.apply(hidden.flatten(0, -2), head, targets.flatten(), weights.flatten(), rows, learn)  # type: ignore[no-untyped-call]
    return loss
