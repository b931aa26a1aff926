"""Any published super-resolution checkpoint, recognised by its layers through spandrel and run as one more network."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from workers.base import EngineError
from workers.engines.checkpoint import read

BORDER = 64  # pixels around a tile; what such networks see beyond it changes little
NUMBERS_PER_PIXEL = 1200  # of input, at scale 1; RRDBNet's, which is among the largest
_importing = threading.Lock()


class Checkpoint(nn.Module):
    """A network from a file, with what the engine asks of one (see `engine.Network`)."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.scale = int(descriptor.scale)
        self.reach = BORDER
        self.numbers_per_pixel = NUMBERS_PER_PIXEL + 3 * 64 * self.scale**2
        self.half_works = bool(descriptor.supports_half)
        self.bfloat16_works = bool(descriptor.supports_bfloat16)
        self.descriptor = descriptor
        self.model = descriptor.model

    def forward(self, x: Tensor) -> Tensor:
        """Return pictures [N, 3, scale * H, scale * W] in float32 for pictures [N, 3, H, W] with values in 0..1."""
        # The descriptor pads to the sides that the network can compute, and cuts its answer.
        answer: Tensor = self.descriptor(x)
        return answer.float()


def network(path: Path) -> Checkpoint:
    """Return the network of a `.safetensors` or `.pth` file; no code in the file is run.

    Raises EngineError("model_not_ready") for a file that cannot be read and where spandrel is missing, and
    EngineError("model_broken") for a damaged one, a network that spandrel does not know, and one that does not enlarge
    RGB pictures.
    """
    with _spandrel() as spandrel:
        try:
            # Detected from names and shapes alone.
            made = spandrel.ModelLoader("cpu").load_from_state_dict(spandrel.canonicalize_state_dict(read(path)))
        except (spandrel.UnsupportedModelError, RuntimeError, KeyError, ValueError) as error:
            raise EngineError("model_broken", f"{path.name} is no network that is known here.") from error
    if not isinstance(made, spandrel.ImageModelDescriptor) or (made.input_channels, made.output_channels) != (3, 3):
        raise EngineError("model_broken", f"{path.name} does not turn an RGB picture into another.")
    if made.scale < 2:
        raise EngineError("model_broken", f"{path.name} makes no picture larger: its factor is {made.scale}.")
    return Checkpoint(made).eval().requires_grad_(False)


@contextmanager
def _spandrel() -> Iterator[Any]:
    """Import spandrel. Two of its networks, for inpainting and for faces, import names of torchvision, which is not
    installed: empty ones stand in for these names while the import runs."""
    with _importing:
        module: Any = sys.modules.get("spandrel")
        if module is None:
            names = _stand_ins()
            try:
                sys.modules.update(names)
                module = importlib.import_module("spandrel")
            except ImportError as error:
                raise EngineError(
                    "model_not_ready", "This model needs spandrel, which is not installed: run `make install`."
                ) from error
            finally:
                for name in names:
                    sys.modules.pop(name, None)
    yield module


def _stand_ins() -> dict[str, ModuleType]:
    """Return the modules that stand in for torchvision; none where the real one can be imported."""
    try:
        importlib.import_module("torchvision.transforms.functional")
    except (ImportError, RuntimeError, AttributeError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        functional = ModuleType("torchvision.transforms.functional")
        for name in ("InterpolationMode", "rotate", "normalize"):
            setattr(functional, name, None)
        parents = {name: ModuleType(name) for name in ("torchvision", "torchvision.transforms")}
        return parents | {functional.__name__: functional}
    return {}
