"""A broken model is found by its headers, without reading the weights."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan, SkyReelsV2Transformer3DModel
from safetensors.torch import load_file, save_file
from transformers import UMT5Config, UMT5EncoderModel

from tests.workers.hub_server import refused
from workers.engines.skyreels import cards
from workers.engines.skyreels.check import check
from workers.engines.skyreels.memory import figures


@pytest.mark.parametrize("part", ["transformer", "vae", "text_encoder"])
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("drop", "1 missing tensors"),
        ("add", "1 unexpected tensors"),
        ("stretch", "1 misshapen tensors"),
        ("cut", "cannot be loaded"),
        ("remove", "cannot be loaded"),
    ],
)
def test_every_kind_of_damage_is_found_without_reading_the_weights(tmp_path, part, damage, sentence):
    shutil.copytree(cards.NANO, tmp_path / "nano")
    (file,) = (tmp_path / "nano" / part).glob("*.safetensors")
    tensors = load_file(file)
    name = sorted(tensors)[3]
    if damage == "drop":
        del tensors[name]
    elif damage == "add":
        tensors["more"] = torch.zeros(2)
    elif damage == "stretch":
        tensors[name] = torch.cat([tensors[name], tensors[name]])
    save_file(tensors, file, metadata={"format": "pt"})
    if damage == "cut":
        os.truncate(file, file.stat().st_size // 2)
    elif damage == "remove":
        file.unlink()
    error = refused(check, tmp_path / "nano")
    assert error.code == "model_broken" and part in error.public_text and sentence in error.public_text


@pytest.mark.slow
def test_the_largest_model_is_checked_in_the_memory_of_its_headers(tmp_path):
    """40 GB of weights that are all holes: files of the true size with the true names and shapes, and no content."""
    peak = subprocess.run(
        [sys.executable, "-c", "from tests.workers.test_check import check_14b; check_14b()", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert peak.returncode == 0, peak.stderr
    gigabytes, megabytes = map(float, peak.stdout.split()[-2:])
    assert gigabytes > 38 and megabytes < 200


def check_14b():
    """Print the GB that were checked and the MB of memory that it took."""
    import resource

    folder = Path(sys.argv[1])
    with torch.device("meta"):
        size = figures.COMMON | figures.TRANSFORMERS["14B"]
        transformer = SkyReelsV2Transformer3DModel(**size)
        vae = AutoencoderKLWan()
        text = UMT5EncoderModel(UMT5Config(**figures.TEXT, feed_forward_proj="gated-gelu"))
    for module, part, dtype in (
        (transformer, "transformer", "BF16"),
        (vae, "vae", "F32"),
        (text, "text_encoder", "BF16"),
    ):
        name = "model.safetensors" if part == "text_encoder" else "diffusion_pytorch_model.safetensors"
        (folder / part).mkdir()
        (module.config.save_pretrained if part == "text_encoder" else module.save_config)(folder / part)
        tied = getattr(module, "all_tied_weights_keys", {})
        holes(folder / part / name, {k: t.shape for k, t in module.state_dict().items() if k not in tied}, dtype)
    for part in ("tokenizer", "scheduler"):
        shutil.copytree(cards.NANO / part, folder / part)
    weight = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check(folder)
    print(weight / 1e9, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3)  # noqa: T201


def holes(path, shapes, dtype):
    """Write a safetensors file that takes no room on the disk."""
    at, header = 0, {"__metadata__": {"format": "pt"}}
    for name, shape in shapes.items():
        end = at + shape.numel() * (2 if dtype == "BF16" else 4)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)
