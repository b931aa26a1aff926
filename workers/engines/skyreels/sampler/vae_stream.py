"""Wan's VAE (https://github.com/Wan-Video/Wan2.1) as a stream: latents in one by one, frames out, constant memory.

diffusers decodes a whole film at once and grows the result by concatenation, so memory rises with length. The decoder
is causal and carries a feature cache from latent to latent; keeping that cache is all that streaming needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify
from numpy.typing import NDArray
from torch.overrides import TorchFunctionMode

from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.sampler import flat
from workers.engines.skyreels.sampler.flat import NORM_FLOOR

CACHE_FRAMES = 2  # what a causal convolution of kernel 3 keeps
CONVOLUTION_ARGUMENTS = 7  # what torch's own modules pass


class CpuKernels(TorchFunctionMode):
    """Inside, a VAE runs on kernels that are two to three times as fast on a CPU; pixels differ by some 1e-5.

    torch sends 3D convolutions with few channels to im2col, however large the picture is, and normalises over channels
    with a strided reduction. Here oneDNN does all convolutions, and the norm is a sum of squares.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Answer for the two functions, and leave the others alone."""
        if func is torch.conv3d and len(args) == CONVOLUTION_ARGUMENTS:
            states, weight, bias, stride, padding, dilation, groups = args
            return torch.ops.aten.mkldnn_convolution(states, weight, bias, padding, stride, dilation, groups)
        if func is torch.nn.functional.normalize and kwargs and set(kwargs) == {"dim"}:
            (states,) = args
            norm = states.square().sum(kwargs["dim"], keepdim=True).sqrt_()
            return states / norm.clamp_min_(NORM_FLOOR)
        return func(*args, **(kwargs or {}))


def kernels(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    """Return the context in which a VAE is best run: nothing special off the CPU and in half precision."""
    return CpuKernels() if _plain(device, dtype) and torch.backends.mkldnn.is_available() else nullcontext()  # type: ignore[no-untyped-call]


def _plain(device: torch.device, dtype: torch.dtype) -> bool:
    return device.type == "cpu" and dtype == torch.float32


class StreamDecoder:
    """Decodes one film. `reset` between films, after a cancelled one too.

    With `tiling` a picture that is larger than the VAE's tile (256 pixels) is decoded in tiles that overlap, each with
    a cache of its own, and their seams are blended as diffusers' `tiled_decode` does it: frame for frame the same. Only
    the tile at work is on the device. A smaller picture is one tile, and nothing changes.

    On a CPU, weights that look at no earlier frame are run as 2D convolutions (flat.py), with nothing to remember.
    """

    def __init__(self, models: Components, *, tiling: bool = False) -> None:
        self.vae, self.device, self.tiling = models.vae, models.device, tiling
        config = self.vae.config
        shape = (1, config.z_dim, 1, 1, 1)
        self._mean = torch.tensor(config.latents_mean).view(shape)
        # Multiplying by the reciprocal of a reciprocal would round differently from diffusers' decode.
        self._scale = 1.0 / torch.tensor(config.latents_std).view(shape)
        self._slots = int(self.vae._cached_conv_counts["decoder"])
        self._flat = flat.is_flat(self.vae)
        self.reset()

    def reset(self) -> None:
        """Forget the film so far."""
        # What the convolutions keep, by the place of the tile.
        self._features: dict[tuple[int, int], list[Any]] = {}

    def park(self) -> None:
        """Keep what the convolutions remember in the host's memory until the next latent comes."""
        for features in self._features.values():
            _move(features, torch.device("cpu"))

    @torch.inference_mode()
    def push(self, latent: torch.Tensor) -> torch.Tensor:
        """Decode one normalised latent [1, C, 1, h, w] to frames [1, 3, T, H, W] in -1..1; T is 1 at first, then 4."""
        latent = latent.to(self.device, self.vae.dtype)
        raw = latent / self._scale.to(latent) + self._mean.to(latent)
        if self.tiling and _larger(raw, _tile(self.vae, self.vae.spatial_compression_ratio)):
            frames = self._tiled(raw)
        else:
            frames = self._piece((0, 0), raw)
        if self.vae.config.patch_size is not None:
            frames = unpatchify(frames, self.vae.config.patch_size)
        return frames.clamp(-1.0, 1.0)

    def _piece(self, place: tuple[int, int], raw: torch.Tensor) -> torch.Tensor:
        first = place not in self._features
        features = self._features.setdefault(place, [None] * self._slots)
        if self._flat and _plain(self.device, self.vae.dtype):
            images = flat.decode(self.vae, raw[:, :, 0], int(first))
            return images.movedim(0, 1)[None]
        _move(features, self.device)
        with kernels(self.device, self.vae.dtype):
            frames: torch.Tensor = self.vae.decoder(
                self.vae.post_quant_conv(raw), feat_cache=features, feat_idx=[0], first_chunk=first
            )
        return frames

    def _tiled(self, raw: torch.Tensor) -> torch.Tensor:
        vae, factor = self.vae, self.vae.spatial_compression_ratio
        (high, wide), (down, right) = _tile(vae, factor), _stride(vae, factor)
        pixels = factor // (vae.config.patch_size or 1)
        rows: list[list[torch.Tensor]] = []
        for top in range(0, raw.shape[3], down):
            rows.append([])
            for left in range(0, raw.shape[4], right):
                tile = raw[..., top : top + high, left : left + wide]
                rows[-1].append(self._piece((top, left), tile))
                _move(self._features[top, left], torch.device("cpu"))
        blended = []
        for r, row in enumerate(rows):
            kept = []
            for c, tile in enumerate(row):
                if r:
                    tile = vae.blend_v(rows[r - 1][c], tile, (high - down) * pixels)
                if c:
                    tile = vae.blend_h(row[c - 1], tile, (wide - right) * pixels)
                kept.append(tile[..., : down * pixels, : right * pixels])
            blended.append(torch.cat(kept, dim=-1))
        return torch.cat(blended, dim=-2)[..., : raw.shape[3] * pixels, : raw.shape[4] * pixels]

    def receptive_latents(self) -> int:
        """Return how many latents back a frame can depend on: re-decoding that many rebuilds the cache exactly."""
        if self._flat:
            return 1
        config = self.vae.config
        convolutions = 2 * (config.num_res_blocks + 1)
        reach, rate = CACHE_FRAMES * (1 + 4), 1  # conv_in and the two blocks in the middle
        upsamples = [*config.temperal_downsample[::-1], False]
        for doubles in upsamples[: len(config.dim_mult)]:
            reach += -(-CACHE_FRAMES * convolutions // rate)
            if doubles:
                reach += -(-CACHE_FRAMES // rate)
                rate *= 2
        return reach + 1


@torch.inference_mode()
def encode(models: Components, frames: torch.Tensor, *, tiling: bool = False) -> torch.Tensor:
    """Encode frames [1, 3, T, H, W] in -1..1, T = 4k + 1, to normalised latents [1, C, k + 1, h, w].

    With `tiling` large pictures are encoded in tiles (diffusers' `tiled_encode`), which is not quite the same. The most
    likely latent is taken, not a sample, so that the same frames always give the same history.
    """
    vae, config = models.vae, models.vae.config
    shape = (1, config.z_dim, 1, 1, 1)
    before, vae.use_tiling = vae.use_tiling, tiling
    try:
        with kernels(models.device, vae.dtype):
            latents: torch.Tensor = vae.encode(frames.to(models.device, vae.dtype)).latent_dist.mode()
    finally:
        vae.use_tiling = before
    mean = torch.tensor(config.latents_mean).view(shape).to(latents)
    scale = (1.0 / torch.tensor(config.latents_std).view(shape)).to(latents)
    return (latents - mean) * scale


def to_uint8(frames: torch.Tensor, *, down: bool = False) -> NDArray[np.uint8]:
    """Turn frames [1, 3, T, H, W] in -1..1 into an array [T, H, W, 3] of 0..255: the nearest level, or the one below.

    Always `down`, as in the official code, a film is half a level darker than it was computed.
    """
    scaled = (frames[0].float() * 0.5 + 0.5).clamp(0, 1).mul(255)
    scaled = (scaled if down else scaled.round()).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 3, 0).cpu().numpy())


def from_uint8(frames: NDArray[np.uint8]) -> torch.Tensor:
    """Turn an array [T, H, W, 3] of 0..255 into frames [1, 3, T, H, W] in -1..1, float32."""
    scaled = torch.from_numpy(np.ascontiguousarray(frames)).float() / 255.0
    return (2.0 * scaled - 1.0).permute(3, 0, 1, 2).unsqueeze(0).contiguous()


def _tile(vae: Any, factor: int) -> tuple[int, int]:
    """Return the height and width of a tile in latents of `factor` pixels."""
    return vae.tile_sample_min_height // factor, vae.tile_sample_min_width // factor


def _stride(vae: Any, factor: int) -> tuple[int, int]:
    return vae.tile_sample_stride_height // factor, vae.tile_sample_stride_width // factor


def _larger(latent: torch.Tensor, tile: tuple[int, int]) -> bool:
    return latent.shape[3] > tile[0] or latent.shape[4] > tile[1]


def _move(features: list[Any], device: torch.device) -> None:
    features[:] = [entry.to(device) if isinstance(entry, torch.Tensor) else entry for entry in features]
