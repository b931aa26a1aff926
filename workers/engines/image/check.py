"""Check that a folder holds the picture model that it claims to be, with the tensors left on the disk."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import diffusers
from safetensors import SafetensorError
from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

from workers.base import EngineError
from workers.engines.image.cards import PipelineCard
from workers.engines.skyreels.check import compare_diffusers, compare_transformers


def check(card: PipelineCard, folder: Path) -> None:
    """Compare the parts of a pipeline's folder with their classes. Raises EngineError("model_broken") with the part."""
    transformers_logging.disable_progress_bar()
    part = "index"
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        if index["_class_name"] != card.pipeline:
            raise EngineError("model_broken", f"The folder holds a {index['_class_name']}, not a {card.pipeline}.")
        for part in ("transformer", "vae"):
            compare_diffusers(_class(index, part), folder, part)
        part = "text_encoder"
        compare_transformers(_class(index, part), folder, part)
        part = "tokenizer"
        AutoTokenizer.from_pretrained(folder / part)
        part = "scheduler"
        diffusers.FlowMatchEulerDiscreteScheduler.load_config(folder, subfolder=part)
    except EngineError:
        raise
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, TypeError, SafetensorError) as error:
        why = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise EngineError("model_broken", f"The model's {part} cannot be loaded: {why}") from error


def _class(index: dict[str, Any], part: str) -> Any:
    library, name = index[part]
    if library not in ("diffusers", "transformers"):
        raise ValueError(f"{library} is no library that is used here")
    return getattr(importlib.import_module(library), name)
