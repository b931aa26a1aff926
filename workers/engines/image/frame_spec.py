"""The film of one frame that is a picture. Imports no torch."""

from __future__ import annotations

from typing import Any

from workers.engines.image import cards
from workers.engines.image.request import Picture
from workers.engines.skyreels.request.spec import VideoSpec


def spec_of(asked: Picture) -> VideoSpec:
    """Return the film of one frame that is a picture; what else a film has is as its model recommends."""
    values: dict[str, Any] = {
        "width": asked.width,
        "height": asked.height,
        "steps": asked.steps,
        "seed": asked.noise.seed,
    }
    values |= {"guidance_scale": asked.guidance_scale, "num_frames": 1}
    # Not what is recommended for films, which are not to stand still.
    values["negative_prompt"] = asked.negative_prompt
    return VideoSpec.for_model(cards.get(asked.model).of, asked.prompt, **values)
