"""The models that stay in memory: loaded once per process, shared by all jobs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, SkyReelsV2Transformer3DModel, UniPCMultistepScheduler
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPVisionModel, UMT5EncoderModel
from transformers.utils import logging as transformers_logging

from workers.engines.base import EngineError
from workers.engines.skyreels import catalog, hub


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The parts of one model, in evaluation mode on `device`. Jobs read them and never change their configurations."""

    transformer: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler_config: dict[str, Any]
    device: torch.device
    revision: str
    max_sequence_length: int
    # CLIP's picture encoder (Radford et al. 2021, arXiv:2103.00020), which only image to video models have.
    image_encoder: Any = None
    image_processor: Any = None

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return int(self.vae.config.z_dim)

    @property
    def spatial_factor(self) -> int:
        """Pixels along a side for each latent pixel."""
        return int(2 ** len(self.vae.config.temperal_downsample)) * int(self.vae.config.patch_size or 1)

    def scheduler(self, shift: float) -> Any:
        """Return a fresh UniPC scheduler with this flow shift; the stored configuration stays as it is."""
        return UniPCMultistepScheduler.from_config(self.scheduler_config, flow_shift=shift)


def load(folder: Path, *, device: str | None = None, max_sequence_length: int = 512) -> Components:
    """Load a diffusers folder: everything in float32 on a CPU; on a card the transformer and text encoder in bfloat16.

    Raises EngineError("model_broken") when the folder cannot be read.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    dtype = torch.bfloat16 if place.type == "cuda" else torch.float32
    transformers_logging.disable_progress_bar()
    try:
        # The VAE stays in float32: in half precision it bands and drifts.
        vae = AutoencoderKLWan.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32)
        # Causal attention is the request's choice (attention.py), so a block in the stored configuration is not taken.
        transformer = SkyReelsV2Transformer3DModel.from_pretrained(
            folder, subfolder="transformer", torch_dtype=dtype, num_frame_per_block=1
        )
        text_encoder = UMT5EncoderModel.from_pretrained(folder, subfolder="text_encoder", dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        image_encoder, image_processor = _clip(folder, dtype)
        scheduler_config = dict(UniPCMultistepScheduler.load_config(folder, subfolder="scheduler"))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EngineError("model_broken", "The model's files are damaged. Please tell the operator.") from error
    for module in (vae, transformer, text_encoder, image_encoder):
        if module is not None:
            module.eval().requires_grad_(False).to(place)
    return Components(
        transformer=transformer,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler_config=scheduler_config,
        device=place,
        revision=_revision(folder),
        max_sequence_length=max_sequence_length,
        image_encoder=image_encoder,
        image_processor=image_processor,
    )


def _clip(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    if not (folder / "image_encoder").is_dir():
        return None, None
    encoder = CLIPVisionModel.from_pretrained(folder, subfolder="image_encoder", dtype=dtype)
    return encoder, CLIPImageProcessorPil.from_pretrained(folder, subfolder="image_processor")


class Pool:
    """The models of this process by id. Loading happens once, whichever thread asks first."""

    def __init__(self) -> None:
        self._resident: dict[str, Components] = {}
        self._lock = threading.Lock()

    def has(self, model_id: str) -> bool:
        """True when the model is in memory."""
        return model_id in self._resident

    def put(self, model_id: str, components: Components) -> None:
        """Keep components that were made elsewhere: random weights in tests, a trainer's model."""
        with self._lock:
            self._resident[model_id] = components

    def get(self, model_id: str) -> Components:
        """Return a model, loaded if need be; raises EngineError when it is unknown, absent or damaged."""
        with self._lock:
            if model_id not in self._resident:
                try:
                    card = catalog.get(model_id)
                except KeyError:
                    raise EngineError("model_unknown", "There is no model of this name.") from None
                folder = card.folder()
                if folder is None:
                    raise EngineError("model_not_ready", f"The model {card.title} is not on this machine yet.")
                self._resident[model_id] = load(folder, max_sequence_length=card.max_sequence_length)
            hub.used(model_id)
            return self._resident[model_id]


def _revision(folder: Path) -> str:
    """Name the weights: where they are, how large, how new."""
    files = sorted(folder.glob("*/*.safetensors"))
    return str([folder.as_posix(), *((f.stat().st_size, f.stat().st_mtime_ns) for f in files)])
