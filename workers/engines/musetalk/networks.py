"""The networks of MuseTalk, read from the makers' files: the classes are diffusers' and transformers' own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from workers.base import EngineError
from workers.engines import checkpoint
from workers.engines.musetalk import cards

LATENT = 4  # channels; the UNet sees a masked face and a whole one
# The names of the VAE's attention in the file, which is older than those of the class.
OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
ENCODER = "encoder."


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What computes: the UNet and the VAE in one precision, the ear in float32, all on one device."""

    unet: Any
    vae: Any
    encoder: Any
    extractor: Any

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.unet.device
        return device

    @property
    def precision(self) -> torch.dtype:
        """What the pictures are computed in."""
        dtype: torch.dtype = self.unet.dtype
        return dtype


def read(folder: Path, device: torch.device | str = "cpu", precision: torch.dtype = torch.float32) -> Networks:
    """Return the networks in the makers' folder `folder`; no code in its files is run.

    Raises EngineError("model_broken") with the file and, where layers are not what the classes have, the first one that
    differs; and EngineError("model_not_ready") for a file that is missing.
    """
    unet = _filled(
        _unet(folder), checkpoint.read(folder / cards.WEIGHTS), f"{cards.WEIGHTS} is no network of MuseTalk 1.5"
    )
    place = _weights(folder / cards.PICTURES, "diffusion_pytorch_model")
    state = {_renamed(name): value for name, value in checkpoint.read(place).items()}
    vae = _filled(_vae(folder), state, f"{cards.PICTURES}/{place.name} is no VAE of its configuration")
    place = _weights(folder / cards.SOUNDS, "model", "pytorch_model")
    state = {name.removeprefix("model."): value for name, value in checkpoint.read(place).items()}
    # Only the ear: nothing is written down.
    state = {name.removeprefix(ENCODER): value for name, value in state.items() if name.startswith(ENCODER)}
    encoder = _filled(_encoder(folder), state, f"{cards.SOUNDS}/{place.name} is no Whisper of its configuration")
    _refuse_unfit(unet, vae, encoder)
    # The classes' own method warns about parts that are kept in float32, of which these have none.
    for network in (unet, vae):
        nn.Module.to(network, device, precision)
    return Networks(
        unet,
        vae,
        encoder.to(device),
        _made(folder / cards.SOUNDS / "preprocessor_config.json", WhisperFeatureExtractor.from_dict),
    )


def check(card: cards.MuseTalkCard, folder: Path) -> None:
    """Read a model's files to see that they can be used. Raises EngineError("model_broken")."""
    try:
        read(folder)
    except EngineError as error:
        raise EngineError("model_broken", error.public_text) from error


def _unet(folder: Path) -> Any:
    with torch.device("meta"):
        return _made(folder / cards.CONFIG, UNet2DConditionModel.from_config)


def _vae(folder: Path) -> Any:
    with torch.device("meta"):
        return _made(folder / cards.PICTURES / "config.json", AutoencoderKL.from_config)


def _encoder(folder: Path) -> Any:
    with torch.device("meta"):
        return _made(folder / cards.SOUNDS / "config.json", lambda told: WhisperEncoder(WhisperConfig.from_dict(told)))


def _made(path: Path, make: Any) -> Any:
    """Return what a configuration describes. Raises EngineError("model_broken")."""
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise EngineError("model_not_ready", f"The model has no {_short(path)}.") from error
    except Exception as error:  # the classes raise whatever a wrong number makes them meet
        raise EngineError("model_broken", f"{_short(path)} describes nothing that is known here.") from error


def _weights(folder: Path, *names: str) -> Path:
    """Return the file of weights in a folder, safetensors before pickles."""
    found = [folder / f"{name}{kind}" for kind in (".safetensors", ".bin") for name in names]
    return next((path for path in found if path.is_file()), found[0])


def _renamed(name: str) -> str:
    parts = name.split(".")
    if "attentions" in parts and parts[-2] in OLD_NAMES:
        parts[-2] = OLD_NAMES[parts[-2]]
    return ".".join(parts)


def _filled(network: Any, given: Mapping[str, Tensor], what: str) -> Any:
    """Return a network of the device meta with the weights of a file, in float32.

    Raises EngineError("model_broken").
    """
    if trouble := _unlike(given, network.state_dict()):
        raise EngineError("model_broken", f"{what}: {trouble}.")
    network.load_state_dict({name: value.float() for name, value in given.items()}, assign=True)
    return network.eval().requires_grad_(False)


def _unlike(given: Mapping[str, Any], wanted: Mapping[str, Tensor]) -> str:
    """Return where the layers of a file differ from the network's; empty when they do not."""
    for name, value in wanted.items():
        if not isinstance(given.get(name), Tensor):
            return f"it has no {name}"
        if given[name].shape != value.shape:
            return f"its {name} has the shape {list(given[name].shape)}, not {list(value.shape)}"
    return f"it has more layers, such as {extra[0]}" if (extra := sorted(given.keys() - wanted.keys())) else ""


def _refuse_unfit(unet: Any, vae: Any, encoder: Any) -> None:
    """Refuse networks that are whole and do not fit together, such as the UNet of another model."""
    sees, makes, hears = unet.config.in_channels, unet.config.out_channels, unet.config.cross_attention_dim
    if (sees, makes) != (2 * LATENT, LATENT) or vae.config.latent_channels != LATENT:
        text = f"it sees {sees} channels and makes {makes}, where a masked and a whole face have {2 * LATENT}"
    elif hears != encoder.config.d_model:
        text = f"it listens to {hears} numbers, and this Whisper says {encoder.config.d_model}"
    else:
        return
    raise EngineError("model_broken", f"{cards.WEIGHTS} is no network of MuseTalk 1.5: {text}.")


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
