"""Muon for the matrices of the blocks, AdamW for everything else.

Muon (K. Jordan, 2024, https://kellerjordan.github.io/posts/muon/): the momentum of a matrix is orthogonalised by a few
Newton-Schulz steps, so every direction of the update has the same size. Worth roughly a third of the tokens here.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor

import torch
from torch import Tensor, nn

from training.model import compute_type

__all__ = ["Optimiser"]


def orthogonal(matrix: Tensor, compute: torch.dtype, steps: int = 5) -> Tensor:
    """Nearly U V^T of the singular value decompositions of (..., R, C) `matrix`: a quintic iteration in `compute`."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)).to(compute)
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    update: Tensor = (x if wide else x.mT).to(matrix.dtype)
    return update


class Optimiser:
    """Both optimisers behind one step; `scale` is the schedule's factor on both learning rates."""

    def __init__(
        self, model: nn.Module, matrix_rate: float = 0.02, other_rate: float = 3e-3, decay: float = 0.05
    ) -> None:
        self.matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("blocks.")]
        chosen = {id(p) for p in self.matrices}
        others: Iterable[nn.Parameter] = [p for p in model.parameters() if id(p) not in chosen]
        self.compute = compute_type(next(model.parameters()).device)
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        self.groups = self._groups()
        self.matrix_rate, self.other_rate, self.decay = matrix_rate, other_rate, decay
        self.adam = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.97), weight_decay=0.0, fused=True)

    def _groups(self) -> list[list[int]]:
        """Matrices that move together: on a GPU all of one shape, on CPUs each alone, so that workers share them."""
        if not self.matrices[0].is_cuda:
            return [[index] for index in range(len(self.matrices))]
        shapes: dict[torch.Size, list[int]] = {}
        for index, p in enumerate(self.matrices):
            shapes.setdefault(p.shape, []).append(index)
        return list(shapes.values())

    @torch.no_grad()
    def step(self, scale: float, pool: Executor, momentum: float = 0.95) -> None:
        """One update from the gradients, which are then freed; the groups are spread over the workers of `pool`."""
        rate = scale * self.matrix_rate

        @torch.no_grad()
        def move(group: list[int]) -> None:
            ps, ms = [self.matrices[i] for i in group], [self.momentum[i] for i in group]
            slopes = [p.grad for p in ps if p.grad is not None]
            if len(slopes) < len(ps):
                return
            torch._foreach_lerp_(ms, slopes, 1 - momentum)
            looked = torch.stack([slope.lerp(m, momentum) for slope, m in zip(slopes, ms, strict=True)])
            updates = orthogonal(looked, self.compute)
            torch._foreach_mul_(ps, 1 - rate * self.decay)
            size = max(1.0, ps[0].shape[0] / ps[0].shape[1]) ** 0.5
            torch._foreach_add_(ps, list(updates.unbind()), alpha=-rate * size)
            for p in ps:
                p.grad = None

        list(pool.map(move, self.groups))
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
