"""The noise that a picture begins with, as numbers."""

from __future__ import annotations

import torch

from workers.engines.image.request import Noise


def drawn(noise: Noise, shape: tuple[int, ...]) -> torch.Tensor:
    """Return a noise, float32 of `shape`; always drawn on the CPU, so that every device has the same."""
    found = _of(noise.seed, shape)
    for seed, percent in noise.links:
        found = blended(found, _of(seed, shape), percent / 100)
    return found


def blended(first: torch.Tensor, second: torch.Tensor, amount: float) -> torch.Tensor:
    """Return what lies `amount` of the way from one noise to another, on the sphere: it is noise of the same strength.

    Spherical interpolation: Shoemake 1985, doi:10.1145/325165.325242.
    """
    cosine = torch.nn.functional.cosine_similarity(first.flatten(), second.flatten(), dim=0).clamp(-1, 1)
    angle = torch.acos(cosine)
    if angle < 1e-4:
        return first
    return (torch.sin((1 - amount) * angle) * first + torch.sin(amount * angle) * second) / torch.sin(angle)


def _of(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
