"""Wan's VAE as 2D convolutions, for weights of which every decoding convolution looks at its newest frame only.

The older taps of such kernels are 0, so each latent stands for frames of its own: nothing is kept from latent to
latent, and no product with 0 is computed. The embedded models are trained so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl_wan import WanAttentionBlock, WanCausalConv3d
from torch import Tensor

Norm = Callable[[Any, Tensor], Tensor]
NORM_FLOOR = 1e-12  # what torch's normalize divides by at least


def is_flat(vae: Any) -> bool:
    """Return whether a VAE decodes each latent by itself, by its weights."""
    if vae.config.is_residual:
        return False  # it also adds latents up, unlike `decode`
    parts = (vae.post_quant_conv, *vae.decoder.modules())
    kernels = (part.weight for part in parts if isinstance(part, WanCausalConv3d))
    return all(kernel.shape[2] == 1 or not kernel[:, :, :-1].any() for kernel in kernels)


def plain_norm(module: Any, images: Tensor) -> Tensor:
    """Return what the library's norm over channels makes of images [N, C, H, W]."""
    length = torch.linalg.vector_norm(images, dim=1, keepdim=True).clamp_min(NORM_FLOOR)
    normed: Tensor = images / length * (module.gamma.view(-1, 1, 1) * module.scale)
    return normed


def decode(vae: Any, latents: Tensor, first: int, norm: Norm = plain_norm) -> Tensor:
    """Decode latents [N, C, h, w], of which the `first` begin a film and are one frame each, the others four.

    Returns frames [first + 4 (N - first), 3, 8h, 8w], not clamped, each latent's together and in order.
    """
    images = latents.contiguous(memory_format=torch.channels_last)
    images = convolve(vae.decoder.conv_in, convolve(vae.post_quant_conv, images))
    middle = vae.decoder.mid_block
    images = residual(middle.resnets[0], images, norm)
    for attention, block in zip(middle.attentions, middle.resnets[1:], strict=True):
        images = residual(block, _attended(attention, images), norm)
    for block in vae.decoder.up_blocks:
        for resnet in block.resnets:
            images = residual(resnet, images, norm)
        for layer in block.upsamplers or ():
            if layer.mode == "upsample3d" and len(images) > first:
                # Twice the channels are two frames.
                doubled = convolve(layer.time_conv, images[first:])
                images = torch.cat([images[:first], doubled.reshape(-1, *images.shape[1:])])
            images = layer.resample(images)
    return convolve(vae.decoder.conv_out, F.silu(norm(vae.decoder.norm_out, images)))


def convolve(layer: Any, images: Tensor) -> Tensor:
    """Apply the newest tap of a causal convolution to images [N, C, H, W]."""
    kernel = layer.weight[:, :, -1].contiguous(memory_format=torch.channels_last)
    return F.conv2d(images, kernel, layer.bias, padding=kernel.shape[-1] // 2)


def residual(block: Any, images: Tensor, norm: Norm = plain_norm) -> Tensor:
    """Apply a residual block to images [N, C, H, W]."""
    short = convolve(block.conv_shortcut, images) if isinstance(block.conv_shortcut, WanCausalConv3d) else images
    images = convolve(block.conv1, F.silu(norm(block.norm1, images)))
    return convolve(block.conv2, F.silu(norm(block.norm2, images))) + short


def _attended(attention: WanAttentionBlock, images: Tensor) -> Tensor:
    # Where its projection is 0 the attention adds nothing.
    if not (attention.proj.weight.any() or attention.proj.bias.any()):
        return images
    found: Tensor = attention(images[:, :, None])[:, :, 0]
    return found
