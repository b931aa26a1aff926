"""The two networks of Real-ESRGAN as torch modules whose parameters have the names of its published checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

COLOURS = 3
SLOPE = 0.2  # of ESRGAN's leaky ReLUs below 0
RESIDUAL = 0.2  # ESRGAN adds this part of a block's answer to its input


class SRVGGNetCompact(nn.Module):
    """A plain stack of 3x3 convolutions at the size of the input, then a pixel shuffle: fast enough for films.

    Real-ESRGAN (arXiv:2107.10833), `realesrgan/archs/srvgg_arch.py` in https://github.com/xinntao/Real-ESRGAN.
    It answers the difference to the input enlarged by repeating pixels.
    """

    def __init__(self, scale: int = 4, features: int = 64, convolutions: int = 16) -> None:
        super().__init__()
        self.scale = scale
        # Numbers that are in memory at once for each input pixel: two layers, or four enlarged pictures at the end.
        self.numbers_per_pixel = max(2 * features, 4 * COLOURS * scale**2)
        # An output pixel depends on input pixels at most this far away, so a border this wide makes tiles exact.
        self.reach = convolutions + 2
        layers: list[nn.Module] = [nn.Conv2d(COLOURS, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(convolutions):
            layers += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        layers.append(nn.Conv2d(features, COLOURS * scale**2, 3, padding=1))
        self.body = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return pictures [N, 3, scale * H, scale * W] in float32 for pictures [N, 3, H, W] with values in 0..1."""
        features = x
        for layer in self.body:
            features = layer(features)
        # The sum is in float32: in bfloat16 it would leave fewer than 256 steps between black and white.
        enlarged = functional.interpolate(x.float(), scale_factor=self.scale, mode="nearest")
        return enlarged + functional.pixel_shuffle(features, self.scale).float()


class DenseBlock(nn.Module):
    """Five convolutions that each see the outputs of all before them (ESRGAN, arXiv:1809.00219)."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for i in range(1, 5):
            setattr(self, f"conv{i}", nn.Conv2d(features + (i - 1) * growth, growth, 3, padding=1))
        self.conv5 = nn.Conv2d(features + 4 * growth, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of `x`."""
        seen = x
        for i in range(1, 5):
            seen = torch.cat((seen, _leaky(getattr(self, f"conv{i}")(seen))), 1)
        answer: Tensor = self.conv5(seen)
        return x + RESIDUAL * answer


class ResidualInResidual(nn.Module):
    """Three dense blocks with a shortcut around them: ESRGAN's RRDB."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of `x`."""
        answer: Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return x + RESIDUAL * answer


class RRDBNet(nn.Module):
    """A deep network for pictures, four times larger: 23 blocks for photographs, 6 for drawings.

    ESRGAN (arXiv:1809.00219, https://github.com/xinntao/ESRGAN) as Real-ESRGAN trained it.
    """

    scale = 4
    # In theory an output pixel depends on hundreds of input pixels around it. From 48 pixels on, no pixel of the
    # pictures tried changed by more than one step of 8 bits, with either depth; some leeway is added.
    reach = 64
    # Two layers of 64 channels and what is computed from them, at 16 pixels for each that came in.
    numbers_per_pixel = 3 * 64 * scale**2

    def __init__(self, blocks: int = 23, features: int = 64, growth: int = 32) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(COLOURS, features, 3, padding=1)
        self.body = nn.Sequential(*(ResidualInResidual(features, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up2 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, COLOURS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return pictures [N, 3, 4 * H, 4 * W] in float32 for pictures [N, 3, H, W] with values in 0..1."""
        first = self.conv_first(x)
        features = first + self.conv_body(self.body(first))
        for conv in (self.conv_up1, self.conv_up2):
            features = _leaky(conv(functional.interpolate(features, scale_factor=2, mode="nearest")))
        last: Tensor = self.conv_last(_leaky(self.conv_hr(features)))
        return last.float()


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE, inplace=not torch.is_grad_enabled())
