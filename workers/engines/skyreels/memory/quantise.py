"""A transformer whose weights are stored in few bits and computed with in the type of the rest.

"int8" and "fp8" are torchao's weight-only forms (https://github.com/pytorch/ao), made while the model is read;
"gguf:<model>=<file>" is a file that was quantised before (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from diffusers import GGUFQuantizationConfig, SkyReelsV2Transformer3DModel, TorchAoConfig

from workers.base import EngineError
from workers.engines.skyreels.request.execution import GGUF, stored_form

# What stays out of 8 bits: small, and seen by every token. diffusers' own list lacks the frame rate's.
FRAME_RATE = ["fps_embedding", "fps_projection"]
KEPT = ["patch_embedding", "condition_embedder", "proj_out", *FRAME_RATE]


def chosen(model: str) -> str:
    """Return the form that this installation stores a model's transformer in, once it is sure that it can be had.

    Raises EngineError("quantise_unknown") for a form that does not exist and for a package or a file that is missing.
    """
    form = stored_form(model)
    if form == "none":
        return form
    if form in ("int8", "fp8"):
        if find_spec("torchao") is None:
            raise EngineError("quantise_unknown", "Weights in 8 bits need torchao: requirements-quantised.txt has it.")
    elif not form.startswith(f"{GGUF}{model}="):
        raise EngineError("quantise_unknown", "CINEVIVID_QUANTIZE is none, int8, fp8 or gguf:<model>=<file>.")
    elif not Path(_file(form)).is_file():
        raise EngineError("quantise_unknown", "The file that CINEVIVID_QUANTIZE names is not there.")
    return form


def transformer_of(folder: Path, dtype: torch.dtype, form: str) -> Any:
    """Read the transformer of a diffusers folder in a form; of a GGUF file, the folder only says how it is built."""
    # Causal attention is the request's choice (sampler/attention.py), whatever block the stored configuration has.
    plain: dict[str, Any] = {"torch_dtype": dtype, "num_frame_per_block": 1}
    if form.startswith(GGUF):
        return SkyReelsV2Transformer3DModel.from_single_file(
            _file(form),
            config=str(folder),
            subfolder="transformer",
            quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
            **plain,
        )
    if form != "none":
        plain["quantization_config"] = _torchao(form)
    return SkyReelsV2Transformer3DModel.from_pretrained(folder, subfolder="transformer", **plain)


def _file(form: str) -> str:
    return form.partition("=")[2]


def _torchao(form: str) -> Any:
    from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig

    kind = Int8WeightOnlyConfig if form == "int8" else Float8WeightOnlyConfig
    return TorchAoConfig(kind(), modules_to_not_convert=KEPT)
