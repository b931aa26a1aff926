"""The parts of one model, read from a diffusers folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPVisionModel, UMT5EncoderModel
from transformers.utils import logging as transformers_logging

from workers.base import EngineError
from workers.engines.skyreels.memory.offload import Turns
from workers.engines.skyreels.memory.planner import Mode
from workers.engines.skyreels.memory.quantise import transformer_of
from workers.engines.skyreels.memory.transformer import with_rows
from workers.engines.skyreels.memory.trouble import lost_card, out_of_memory
from workers.engines.skyreels.request.execution import compiled, narrow_vae


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
    # Only image to video models have these.
    image_encoder: Any = None
    image_processor: Any = None
    # Where the parts are while they work; None: on `device`, and they stay there.
    turns: Turns | None = None

    @property
    def bytes(self) -> int:
        """What the weights take that have been read."""
        parts = self.turns.parts.values() if self.turns else (self.transformer, self.vae, self.text_encoder)
        return sum(p.numel() * p.element_size() for part in parts for p in part.parameters())

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


def load(
    folder: Path,
    *,
    device: str | None = None,
    max_sequence_length: int = 512,
    memory: Mode = "resident",
    quantise: str = "none",
    text_later: bool = False,
) -> Components:
    """Load a diffusers folder: everything in float32 on a CPU; on a card the transformer and text encoder in bfloat16.

    `memory` says where the parts are kept while they work (offload.py), `quantise` in what form the transformer's
    weights are stored (quantise.py). With `text_later` the text encoder is read for the first prompt that needs it.
    Raises EngineError("model_broken") when the folder cannot be read.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    dtype = torch.bfloat16 if place.type == "cuda" else torch.float32
    transformers_logging.disable_progress_bar()
    turns = Turns(memory, place, quantised=quantise != "none")

    def part(name: str, read: Callable[[], Any]) -> Any:
        with _damage_told():
            module = read()
        turns.add(name, module.eval().requires_grad_(False))
        return module

    def read_text() -> Any:
        return part(
            "text_encoder", lambda: UMT5EncoderModel.from_pretrained(folder, subfolder="text_encoder", dtype=dtype)
        )

    vae = part("vae", lambda: for_card(_vae_of(folder, place), place))
    transformer = part("transformer", lambda: with_rows(transformer_of(folder, dtype, quantise)))
    if compiled():
        # One block is compiled for all: the first film takes a minute longer.
        transformer.compile_repeated_blocks()
    image_encoder = image_processor = None
    # CLIP's picture encoder (Radford et al. 2021, arXiv:2103.00020), which only image to video models have.
    if (folder / "image_encoder").is_dir():
        image_encoder = part(
            "image_encoder", lambda: CLIPVisionModel.from_pretrained(folder, subfolder="image_encoder", dtype=dtype)
        )
    with _damage_told():
        if image_encoder is not None:
            image_processor = CLIPImageProcessorPil.from_pretrained(folder, subfolder="image_processor")
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        scheduler_config = dict(UniPCMultistepScheduler.load_config(folder, subfolder="scheduler"))
    return Components(
        transformer=transformer,
        vae=vae,
        text_encoder=Later(read_text) if text_later else read_text(),
        tokenizer=tokenizer,
        scheduler_config=scheduler_config,
        device=place,
        revision=_revision(folder),
        max_sequence_length=max_sequence_length,
        image_encoder=image_encoder,
        image_processor=image_processor,
        turns=turns,
    )


def _vae_of(folder: Path, place: torch.device) -> Any:
    # The VAE stays in float32, unless the operator wants otherwise: in half precision it may band and drift.
    dtype = torch.bfloat16 if narrow_vae() and place.type == "cuda" else torch.float32
    return AutoencoderKLWan.from_pretrained(folder, subfolder="vae", torch_dtype=dtype)


def for_card(vae: Any, place: torch.device) -> Any:
    """Lay the VAE's weights out as a card's convolutions want them, and let cuDNN choose kernels by trying them."""
    if place.type == "cpu":
        return vae
    torch.backends.cudnn.benchmark = True
    # Only 3D convolutions have five axes; the 2D ones and the rest stay as they are.
    for weight in vae.parameters():
        if weight.dim() == 5:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
    return vae


@contextmanager
def _damage_told() -> Iterator[None]:
    """Tell of damaged files, and of nothing else: too little memory and a lost card go through as they are."""
    try:
        yield
    except MemoryError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if out_of_memory(error) or lost_card(error):
            raise
        raise EngineError("model_broken", "The model's files are damaged. Please tell the operator.") from error


class Later:
    """A part that is read when it is first used."""

    def __init__(self, read: Callable[[], Any]) -> None:
        # Jobs compute in inference mode; what is read there must not become bound to it.
        self._read = cache(torch.inference_mode(False)(read))

    def __call__(self, *values: Any, **named: Any) -> Any:
        return self._read()(*values, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._read(), name)


def _revision(folder: Path) -> str:
    """Name the weights: where they are, how large, how new."""
    files = sorted(folder.glob("*/*.safetensors"))
    return str([folder.as_posix(), *((f.stat().st_size, f.stat().st_mtime_ns) for f in files)])
