"""Whether a folder of weights is the model it says it is: a load in which the tensors stay on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKLWan, SkyReelsV2Transformer3DModel, UniPCMultistepScheduler
from safetensors import SafetensorError
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPVisionModel, UMT5EncoderModel
from transformers.utils import logging as transformers_logging

from workers.engines.base import EngineError
from workers.engines.skyreels import models

# Loading for good as well costs seconds for a small model; a large one would not fit beside the films being made.
SMALL_BYTES = 2_000_000_000
LOADED_BYTES_PER_BYTE = 2.5  # bfloat16 becomes float32, and some room


def check(folder: Path) -> None:
    """Load a diffusers folder with its tensors on the meta device: every name and shape must be what the classes want.

    Files are opened and their headers read, not their contents, so that 14B parameters take seconds and no memory. A
    small model is loaded for good too. Raises EngineError("model_broken") with the part that is wrong.
    """
    transformers_logging.disable_progress_bar()
    part = "transformer"
    try:
        transformer = _meta(SkyReelsV2Transformer3DModel, folder, part, {"": "meta"})
        part = "vae"
        _meta(AutoencoderKLWan, folder, part, {"": "meta"})
        part = "text_encoder"
        _meta(UMT5EncoderModel, folder, part, "meta")
        if transformer.config.image_dim is not None:
            part = "image_encoder"
            _meta(CLIPVisionModel, folder, part, "meta")
            part = "image_processor"
            CLIPImageProcessorPil.from_pretrained(folder, subfolder=part)
        part = "tokenizer"
        AutoTokenizer.from_pretrained(folder / part)
        part = "scheduler"
        UniPCMultistepScheduler.load_config(folder, subfolder=part)
    except EngineError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        raise EngineError("model_broken", f"The model's {part} cannot be loaded: {_short(error)}") from error
    weight = sum(file.stat().st_size for file in folder.glob("*/*.safetensors"))
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if weight <= SMALL_BYTES and weight * LOADED_BYTES_PER_BYTE <= free:
        models.load(folder, device="cpu")


def _meta(cls: Any, folder: Path, part: str, device_map: str | dict[str, str]) -> Any:
    model, info = cls.from_pretrained(
        folder, subfolder=part, device_map=device_map, output_loading_info=True, use_safetensors=True
    )
    for what in ("missing", "unexpected", "mismatched"):
        if wrong := sorted(str(key) for key in info[f"{what}_keys"]):
            text = f"The model's {part} has {len(wrong)} {what} tensors, {wrong[0]} among them."
            raise EngineError("model_broken", text)
    return model


def _short(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
