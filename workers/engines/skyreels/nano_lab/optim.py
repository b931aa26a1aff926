"""Muon for matrices, with the orthogonalisation batched over equally shaped parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Muon:
    """Momentum orthogonalised by a Newton-Schulz iteration (Jordan et al., 2024), scaled so that learning rates
    compare with AdamW's.

    Kernels of convolutions count as matrices ``[out, in * taps]``.

    Args:
        params: parameters of two or more dimensions.
        lr: learning rate; set ``self.lr`` to change it.
        momentum: decay of the running gradient.
        decay: decoupled weight decay.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        self.lr, self.momentum, self.decay = lr, momentum, decay
        groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for p in params:
            groups.setdefault(tuple(p.shape), []).append(p)
        self.groups = list(groups.values())
        self.buffers = [torch.zeros(len(g), g[0].shape[0], g[0][0].numel(), device=g[0].device) for g in self.groups]

    def state_dict(self) -> dict[str, Any]:
        """Momentum buffers, in the order of the parameter groups."""
        return {"buffers": self.buffers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        for mine, theirs in zip(self.buffers, state["buffers"], strict=True):
            mine.copy_(theirs)

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter from its gradient and drop the gradients."""
        for group, buffer in zip(self.groups, self.buffers, strict=True):
            grad = torch.stack([_gradient(p) for p in group])
            buffer.lerp_(grad, 1 - self.momentum)
            update = grad.lerp_(buffer, self.momentum)
            rows, columns = update.shape[1:]
            if rows > columns:
                update = update.transpose(1, 2)
            update = update / update.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
            for _ in range(5):
                gram = update @ update.transpose(1, 2)
                poly = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
                update = torch.baddbmm(update, poly, update, beta=3.4445)
            if rows > columns:
                update = update.transpose(1, 2)
            size = self.lr * 0.2 * math.sqrt(max(rows, columns))
            for p, u in zip(group, update.unbind(0), strict=True):
                p.mul_(1 - self.lr * self.decay).sub_(u.reshape(p.shape), alpha=size)
                p.grad = None


def _gradient(p: nn.Parameter) -> Tensor:
    return p.new_zeros(p.shape[0], p[0].numel()) if p.grad is None else p.grad.reshape(p.shape[0], -1)
