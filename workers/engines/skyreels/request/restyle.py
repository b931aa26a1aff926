"""A clip in another look, as a request to the engine: pure arithmetic, no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workers.engines.skyreels import cards
from workers.engines.skyreels.request.flags import VideoRequest, model_of, request
from workers.engines.skyreels.request.spec import FRAMES_PER_LATENT, SpecError

STRENGTH = 0.9  # where nothing else is asked for
SHORTEST = FRAMES_PER_LATENT + 1
FLAGS = ("prompt", "negative_prompt", "model_id", "ratio", "num_frames", "steps", "guidance_scale", "shift", "seed")


def frames_within(seconds: float, fps: int) -> int:
    """Return how many frames of a clip of `seconds` are shown at `fps`: the most that a film can have, 4k + 1."""
    return (max(1, round(seconds * fps)) - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1


def can(card: cards.ModelCard) -> bool:
    """True for the models that can show a clip in another look: diffusion forcing begins anywhere in the noise."""
    return card.released and card.variant == "df"


def restyle_request(
    params: Mapping[str, Any], source: Path, image: Path | None = None, size: tuple[int, int] | None = None
) -> VideoRequest:
    """Turn the parameters of the tool's form into a request; `image` is the first frame in the new look, if any.

    `size` is (width, height) of the clip: without a ratio the film takes the nearest that the model has. Raises
    SpecError, whose field is the parameter's name.
    """
    card = model_of(params.get("model_id"))
    if not can(card):
        raise SpecError("model_id", "Only diffusion forcing models make a video in another look.")
    # What moves and where is in the clip, as it is in a picture: the makers ask for less guidance then.
    values = dict(card.picture) | {name: params[name] for name in FLAGS if params.get(name) is not None}
    values["inference_steps"] = values.pop("steps", None)
    asked = request(values | {"image": image}, picture_size=size)
    strength = params.get("strength")
    spec = dataclasses.replace(asked.spec, source=source, strength=STRENGTH if strength is None else float(strength))
    spec.validate()
    return dataclasses.replace(asked, spec=spec)
