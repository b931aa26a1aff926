"""Check that a folder holds the model it claims to be, by a load in which the tensors stay on the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, SkyReelsV2Transformer3DModel, UniPCMultistepScheduler
from safetensors import SafetensorError, safe_open
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPVisionModel, UMT5EncoderModel
from transformers.utils import logging as transformers_logging

from workers.base import EngineError
from workers.engines.skyreels.memory import components
from workers.weights.card import WeightCard

# Loading for good as well costs seconds for a small model; a large one would not fit beside the films being made.
SMALL_BYTES = 2_000_000_000
LOADED_BYTES_PER_BYTE = 2.5  # bfloat16 becomes float32, and some room


def check_card(card: WeightCard, folder: Path) -> None:
    """Check the folder of a card. Raises EngineError("model_broken")."""
    check(folder)


def check(folder: Path) -> None:
    """Load a diffusers folder with its tensors on the meta device: every name and shape must be what the classes want.

    Files are opened and their headers read, not their contents, so that 14B parameters take seconds and no memory. A
    small model is loaded for good too. Raises EngineError("model_broken") with the part that is wrong.
    """
    transformers_logging.disable_progress_bar()
    part = "transformer"
    try:
        transformer = compare_diffusers(SkyReelsV2Transformer3DModel, folder, part)
        part = "vae"
        compare_diffusers(AutoencoderKLWan, folder, part)
        part = "text_encoder"
        compare_transformers(UMT5EncoderModel, folder, part)
        if transformer.config.image_dim is not None:
            part = "image_encoder"
            compare_transformers(CLIPVisionModel, folder, part)
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
        components.load(folder, device="cpu")


def compare_diffusers(cls: Any, folder: Path, part: str) -> Any:
    """Compare the class with the headers of its files. Loading them would reserve memory for whole files."""
    with torch.device("meta"):
        model = cls.from_config(cls.load_config(folder, subfolder=part))
    wanted = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    found: dict[str, list[int]] = {}
    index = folder / part / "diffusion_pytorch_model.safetensors.index.json"
    names = {"diffusion_pytorch_model.safetensors"}
    if index.is_file():
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    for name in names:
        with safe_open(folder / part / name, framework="np") as file:
            found |= {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
    _tell(part, "missing", wanted.keys() - found.keys())
    _tell(part, "unexpected", found.keys() - wanted.keys())
    _tell(part, "misshapen", {name for name, shape in wanted.items() if found[name] != shape})
    return model


def compare_transformers(cls: Any, folder: Path, part: str) -> None:
    """Load without memory, by the library: it knows what tensors were called in other versions, and which are tied."""
    asked = {"device_map": "meta", "output_loading_info": True, "use_safetensors": True}
    _, info = cls.from_pretrained(folder, subfolder=part, ignore_mismatched_sizes=True, **asked)
    _tell(part, "missing", info["missing_keys"])
    _tell(part, "unexpected", info["unexpected_keys"])
    _tell(part, "misshapen", info["mismatched_keys"])


def _tell(part: str, what: str, keys: Iterable[Any]) -> None:
    if wrong := sorted(str(key) for key in keys):
        text = f"The model's {part} has {len(wrong)} {what} tensors, {wrong[0]} among them."
        raise EngineError("model_broken", text)


def _short(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
