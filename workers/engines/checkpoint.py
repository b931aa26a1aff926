"""Reading one file of weights, of whatever network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from workers.base import EngineError


def read(path: Path) -> dict[str, Any]:
    """Return the tensors of a `.safetensors`, `.pth` or `.pkl` file by their names; no code in the file is run.

    Raises EngineError("model_not_ready") for a file that cannot be read and EngineError("model_broken") for a damaged
    one, or one that holds more than weights.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError as error:
        raise EngineError("model_not_ready", f"The weights {path.name} cannot be read.") from error
    except Exception as error:  # unpicklers and safetensors raise whatever a damaged file makes them meet
        raise EngineError("model_broken", f"The weights {path.name} are damaged, or hold more than weights.") from error
