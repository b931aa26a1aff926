"""What a window is conditioned on: words, a start picture, an end picture, a clip."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from workers.base import EngineError, Inputs
from workers.engines.skyreels import cards
from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.request.plan import WindowPlan
from workers.engines.skyreels.request.spec import FRAMES_PER_LATENT, VideoSpec, frames_of
from workers.engines.skyreels.sampler import vae_stream
from workers.engines.skyreels.sampler.denoise import Condition
from workers.engines.skyreels.sampler.text import TextEncoder

# The attention of image to video models splits what it sees into picture and words at this fixed length.
IMAGE_MODEL_SEQUENCE = 512


def build(
    models: Components,
    encode: TextEncoder,
    spec: VideoSpec,
    window: WindowPlan,
    inputs: Inputs,
    *,
    tiling: bool = False,
) -> Condition:
    """Return the condition of one window; with `tiling` the pictures are encoded in tiles.

    Raises EngineError("model_broken") for an image to video model without its picture encoder.
    """
    negative = encode(models, spec.negative_prompt) if spec.guided else None
    picture = channels = end = None
    if cards.get(spec.model).variant == "i2v":
        assert inputs.image is not None
        picture, channels = _see(models, spec, inputs.image), _beside(models, spec, window, inputs.image, tiling)
    if window.closing:
        assert inputs.end_image is not None
        end = _still(models, inputs.end_image, tiling)
    blank = encode(models, "") if spec.source is not None else None
    words = encode(models, window.prompt)
    return Condition(words, negative, end=end, picture=picture, channels=channels, blank=blank)


def beginning(
    models: Components, spec: VideoSpec, window: WindowPlan, inputs: Inputs, *, tiling: bool = False
) -> torch.Tensor | None:
    """Return the latents that the first window begins with, [1, C, F, h, w]: the clip's end, or the start picture."""
    if inputs.video is not None:
        frames = vae_stream.from_uint8(inputs.video[-frames_of(window.history) :])
        return vae_stream.encode(models, frames, tiling=tiling)
    if inputs.image is not None and window.given:
        return _still(models, inputs.image, tiling)
    return None


def shown(models: Components, window: WindowPlan, inputs: Inputs, *, tiling: bool = False) -> torch.Tensor | None:
    """Return the latents of what the source shows in a window, [1, C, F, h, w]; None for a film without a source.

    A window is encoded by itself. The first of its latents, which carries one frame instead of four, is of the history
    or the first frame of the film, which both are given.
    """
    if inputs.source is None:
        return None
    frames = inputs.source(window.sees_from, window.sees_from + frames_of(window.latents))
    return vae_stream.encode(models, vae_stream.from_uint8(frames), tiling=tiling)


def _still(models: Components, picture: NDArray[np.uint8], tiling: bool) -> torch.Tensor:
    """Encode one picture [H, W, 3] as a film of one frame: [1, C, 1, h, w]."""
    return vae_stream.encode(models, vae_stream.from_uint8(picture[None]), tiling=tiling)


@torch.inference_mode()
def _see(models: Components, spec: VideoSpec, picture: NDArray[np.uint8]) -> torch.Tensor:
    """Return CLIP's last but one layer for the start picture, [1, L, D].

    CLIP sees the whole picture, squeezed into a square, as the makers trained the model; diffusers' pipeline shows it
    the square in the middle, and hides almost half of a wide picture.
    """
    if models.image_encoder is None or models.max_sequence_length != IMAGE_MODEL_SEQUENCE:
        raise EngineError("model_broken", "The model's files are damaged. Please tell the operator.")
    encoder, processor = models.image_encoder, models.image_processor
    if spec.compat == "diffusers":
        pixels = processor(images=Image.fromarray(picture), return_tensors="pt").pixel_values
    else:
        side = int(encoder.config.image_size)
        whole = _typed(models, spec, vae_stream.from_uint8(picture[None]))[:, :, 0]
        small = torch.nn.functional.interpolate(whole, (side, side), mode="bicubic", align_corners=False)
        mean, spread = (
            torch.tensor(values).view(1, 3, 1, 1).to(small) for values in (processor.image_mean, processor.image_std)
        )
        pixels = (small * 0.5 + 0.5 - mean) / spread
    hidden = encoder(pixels.to(models.device, encoder.dtype), output_hidden_states=True).hidden_states[-2]
    seen: torch.Tensor = hidden.to(models.transformer.dtype)
    return seen


def _beside(
    models: Components, spec: VideoSpec, window: WindowPlan, picture: NDArray[np.uint8], tiling: bool
) -> torch.Tensor:
    """Return the start picture as channels, [1, 4 + C, F, h, w]: which of four frames is known, and the latents of a
    film that begins with the picture and is grey after it (Wan 2.1, arXiv:2503.20314, section 5.1)."""
    first = _typed(models, spec, vae_stream.from_uint8(picture[None])).float()
    grey = first.new_zeros((1, 3, frames_of(window.latents) - 1, *first.shape[3:]))
    latents = vae_stream.encode(models, torch.cat([first, grey], dim=2), tiling=tiling)
    known = latents.new_zeros((1, FRAMES_PER_LATENT, *latents.shape[2:]))
    known[:, :, 0] = 1.0
    return torch.cat([known, latents], dim=1)


def _typed(models: Components, spec: VideoSpec, frames: torch.Tensor) -> torch.Tensor:
    """Return frames in the type in which a start picture is taken: the official code rounds it to the transformer's."""
    return frames.to(models.transformer.dtype) if spec.compat == "official" else frames
