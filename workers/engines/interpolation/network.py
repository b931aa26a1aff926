"""The flow network of RIFE 4.6: Real-Time Intermediate Flow Estimation (arXiv:2011.06294, hzwer/Practical-RIFE).

The names of the layers are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.base import EngineError
from workers.engines.checkpoint import read

WIDTHS = (192, 128, 96, 64)  # channels of the four blocks, from coarse to fine
SCALES = (8, 4, 2, 1)  # how much smaller the pictures are that each of them sees
STRIDE = 4  # of a block's own convolutions
ASIDE = ("block_tea.",)  # layers that only training used


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(x) * self.beta + x, 0.2)


def _halving(channels: int, made: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, made, 3, 2, 1), nn.LeakyReLU(0.2))


class _Block(nn.Module):
    """Refines both flows and the mask at one scale."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_halving(channels, width // 2), _halving(width // 2, width))
        self.convblock = nn.Sequential(*(_Residual(width) for _ in range(8)))
        # 24 channels become 6 of twice the sides: two flows, the mask, and one that is not used.
        self.lastconv = nn.Sequential(nn.ConvTranspose2d(width, 24, 4, 2, 1), nn.PixelShuffle(2))

    def forward(self, seen: Tensor, flow: Tensor | None, scale: int) -> tuple[Tensor, Tensor]:
        """Return what to add to the flows [B, 4, H, W] and to the mask [B, 1, H, W]."""
        x = _resized(seen, 1 / scale)
        if flow is not None:
            x = torch.cat((x, _resized(flow, 1 / scale) / scale), 1)
        made = _resized(self.lastconv(self.convblock(self.conv0(x))), scale)
        return made[:, :4] * scale, made[:, 4:5]


class IFNet(nn.Module):
    """Finds the frame between two frames: flows from it to both, and a mask that says which of them shows a pixel."""

    def __init__(self) -> None:
        super().__init__()
        first, later = 3 + 3 + 1, 3 + 3 + 1 + 1 + 4  # two pictures and the time; then the mask and two flows too
        self.block0 = _Block(first, WIDTHS[0])
        self.block1 = _Block(later, WIDTHS[1])
        self.block2 = _Block(later, WIDTHS[2])
        self.block3 = _Block(later, WIDTHS[3])

    def forward(self, here: Tensor, after: Tensor, part: float, coarser: int = 1) -> Tensor:
        """Return the frame [B, 3, H, W] at `part` of the way between two, values in 0..1.

        `coarser` 2 finds the motion at half the size, which is enough for large pictures. Sides are padded to what the
        blocks can halve, and cut again.
        """
        height, width = here.shape[-2:]
        multiple = SCALES[0] * STRIDE * coarser
        right, below = -width % multiple, -height % multiple
        here, after = (F.pad(x, (0, right, 0, below), mode="replicate") for x in (here, after))
        time = torch.full_like(here[:, :1], part)
        seen_here, seen_after = here, after
        flow: Tensor | None = None
        mask: Tensor | None = None
        for block, scale in zip((self.block0, self.block1, self.block2, self.block3), SCALES, strict=True):
            known = (seen_here, seen_after, time) if mask is None else (seen_here, seen_after, time, mask)
            more_flow, more_mask = block(torch.cat(known, 1), flow, scale * coarser)
            flow = more_flow if flow is None else flow + more_flow
            mask = more_mask if mask is None else mask + more_mask
            seen_here, seen_after = _warped(here, flow[:, :2]), _warped(after, flow[:, 2:4])
        share = torch.sigmoid(cast(Tensor, mask))
        return (seen_here * share + seen_after * (1 - share))[..., :height, :width]


def network(path: Path) -> IFNet:
    """Return the network of a checkpoint file; no code in the file is run.

    Raises EngineError("model_not_ready") for a file that cannot be read, and EngineError("model_broken") for a damaged
    one and for another version of RIFE.
    """
    made = IFNet()
    given = {name.removeprefix("module."): value for name, value in read(path).items()}
    given = {name: value for name, value in given.items() if not name.startswith(ASIDE)}
    if trouble := _unlike(given, made.state_dict()):
        raise EngineError("model_broken", f"{path.name} is no checkpoint of RIFE 4.6: {trouble}.")
    made.load_state_dict(given)
    return made.eval().requires_grad_(False)


def _unlike(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """Return where the layers of a checkpoint differ from the network's; empty when they do not."""
    for name, value in wanted.items():
        if name not in given:
            return f"it has no {name}"
        if given[name].shape != value.shape:
            return f"its {name} has the shape {list(given[name].shape)}, not {list(value.shape)}"
    return f"it has more layers, such as {extra[0]}" if (extra := sorted(given.keys() - wanted.keys())) else ""


def _resized(x: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return x
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def _warped(picture: Tensor, flow: Tensor) -> Tensor:
    """Return what the picture [B, C, H, W] has at each pixel's place plus its flow [B, 2, H, W], in pixels."""
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=picture.device, dtype=torch.float32),
        torch.arange(width, device=picture.device, dtype=torch.float32),
        indexing="ij",
    )
    # In float32: half precision cannot count the pixels of a wide picture.
    place_x = (x + flow[:, 0].float()) * (2 / max(1, width - 1)) - 1
    place_y = (y + flow[:, 1].float()) * (2 / max(1, height - 1)) - 1
    grid = torch.stack((place_x, place_y), -1)
    moved = F.grid_sample(picture.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return moved.to(picture.dtype)
