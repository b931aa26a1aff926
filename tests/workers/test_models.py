import json
import shutil

import pytest
import torch

from tests.workers.conftest import I2V, picture, repository, tiny_components, tiny_spec, whole
from workers.base import EngineError, Inputs
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.components import load


@pytest.fixture
def folder(tmp_path):
    return repository(tmp_path / I2V, "i2v")


def test_an_image_model_is_read_with_its_picture_encoder(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("CINEVIVID_MODELS", str(folder.parent))
    start = tmp_path / "start.png"
    start.write_bytes(b"decoded already")
    spec = tiny_spec(model=I2V, image=start, steps=1, guidance_scale=1.0, prompt="a")
    engine = SkyReelsEngine(I2V)
    engine.load()
    assert not engine.pool.get(I2V).image_encoder.training
    assert whole(engine.stream(spec, inputs=Inputs(image=picture()))).shape == (9, 32, 32, 3)


def test_a_block_in_the_stored_configuration_does_not_mask_attention(folder):
    path = folder / "transformer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_frame_per_block": 5}))
    assert load(folder).transformer.config.num_frame_per_block == 1


def test_an_image_model_without_its_picture_encoder_says_that_it_is_broken(folder, tmp_path):
    shutil.rmtree(folder / "image_encoder")
    start = tmp_path / "start.png"
    start.write_bytes(b"decoded already")
    engine = SkyReelsEngine(I2V)
    engine.pool.put(I2V, load(folder))
    with pytest.raises(EngineError, match="model_broken"):
        next(engine.stream(tiny_spec(model=I2V, image=start), inputs=Inputs(image=picture())))


def test_damaged_files_are_told_in_a_sentence(folder):
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"half")
    with pytest.raises(EngineError, match="model_broken"):
        load(folder)


def test_weights_come_back_as_they_were_stored(folder):
    stored = tiny_components("i2v").image_encoder.state_dict()
    read = load(folder).image_encoder.state_dict()
    assert all(torch.equal(stored[name], read[name]) for name in stored)
