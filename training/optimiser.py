"""Muon for the matrices of the blocks, AdamW for everything else.

Muon (K. Jordan, 2024, https://kellerjordan.github.io/posts/muon/): the momentum of a matrix is orthogonalised by a few
Newton-Schulz steps, so every direction of the update has the same size. Worth roughly a third of the tokens here.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor

import torch
from torch import Tensor, nn

__all__ = ["Optimiser"]


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Nearly U V^T of the singular value decomposition of (R, C) `matrix`, by a quintic iteration in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (matrix / (matrix.norm() + 1e-7)).bfloat16()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    update: Tensor = (x if wide else x.T).to(matrix.dtype)
    return update


class Optimiser:
    """Both optimisers behind one step; `scale` is the schedule's factor on both learning rates."""

    def __init__(
        self, model: nn.Module, matrix_rate: float = 0.02, other_rate: float = 3e-3, decay: float = 0.05
    ) -> None:
        self.matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("blocks.")]
        chosen = {id(p) for p in self.matrices}
        others: Iterable[nn.Parameter] = [p for p in model.parameters() if id(p) not in chosen]
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        self.matrix_rate, self.other_rate, self.decay = matrix_rate, other_rate, decay
        self.adam = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.97), weight_decay=0.0, fused=True)

    @torch.no_grad()
    def step(self, scale: float, pool: Executor, momentum: float = 0.95) -> None:
        """One update from the gradients, which are then freed; the matrices are spread over the workers of `pool`."""

        @torch.no_grad()
        def move(p: Tensor, m: Tensor) -> None:
            if p.grad is None:
                return
            m.lerp_(p.grad, 1 - momentum)
            update = orthogonal(p.grad.lerp(m, momentum))
            rate = scale * self.matrix_rate
            p.mul_(1 - rate * self.decay)
            p.add_(update, alpha=-rate * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)
            p.grad = None

        list(pool.map(move, self.matrices, self.momentum))
        for group in self.adam.param_groups:
            group["lr"] = scale * self.other_rate
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"momentum": self.momentum, "adam": self.adam.state_dict()}

    def restore(self, state: dict[str, object]) -> None:
        """Take up a checkpoint's state."""
        for mine, theirs in zip(self.momentum, state["momentum"], strict=True):  # type: ignore[call-overload]
            mine.copy_(theirs)
        self.adam.load_state_dict(state["adam"])  # type: ignore[arg-type]
