"""Transformers in few bits make nearly the same latents."""

from importlib.util import find_spec

import gguf
import pytest
import torch

from tests.workers.conftest import tiny_components, tiny_spec
from tests.workers.test_pool import MODELS, on_disk, stored  # noqa: F401
from workers.base import EngineError
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory import quantise
from workers.engines.skyreels.memory.pool import Key, Pool
from workers.engines.skyreels.request.execution import Execution

# The names of the makers' checkpoint, which such files have; diffusers knows them backwards.
NAMES = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "attn2": "cross_attn",
    "attn1": "self_attn",
    ".to_out.0.": ".o.",
    ".to_q.": ".q.",
    ".to_k.": ".k.",
    ".to_v.": ".v.",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    "proj_out": "head.head",
}


@pytest.fixture
def file(tmp_path):
    """The tiny transformer as a GGUF file, what can be in 8 bits in 8 bits."""
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "wan")
    for name, tensor in tiny_components().transformer.state_dict().items():
        if name == "scale_shift_table":
            name = "head.modulation"
        name = name.replace("scale_shift_table", "modulation")
        name = name.replace("norm2", "norm_3").replace("norm3", "norm2").replace("norm_3", "norm3")
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        array = tensor.float().numpy()
        if array.ndim == 2 and array.shape[1] % 32 == 0 and "ffn" in name:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def latents(form, monkeypatch, memory="auto"):
    monkeypatch.setenv("CINEVIVID_QUANTIZE", form)
    engine = SkyReelsEngine(MODELS[0], Pool())
    spec = tiny_spec(model=MODELS[0], steps=2, guidance_scale=1.0, prompt="a")
    made = list(engine.stream(spec, run=Execution(memory=memory)))[-1].checkpoint.latents
    way = "resident" if memory == "auto" else memory
    return made, engine.pool.get(Key(MODELS[0], way, form)).transformer


@pytest.mark.skipif(find_spec("torchao") is None, reason="requirements-quantised.txt is not installed")
@pytest.mark.parametrize("form", ["int8", "fp8"])
@pytest.mark.parametrize("memory", ["auto", "model", "group"])
def test_weights_in_8_bits_by_torchao(on_disk, monkeypatch, form, memory):  # noqa: F811
    plain, _ = latents("none", monkeypatch)
    made, transformer = latents(form, monkeypatch, memory)
    from torchao.utils import TorchAOBaseTensor

    assert isinstance(transformer.blocks[0].ffn.net[2].weight, TorchAOBaseTensor)
    assert not isinstance(transformer.proj_out.weight, TorchAOBaseTensor)
    assert not torch.equal(made, plain) and (made - plain).norm() / plain.norm() < 0.05


@pytest.mark.parametrize("memory", ["auto", "model", "group"])
def test_a_file_that_was_quantised_before(on_disk, monkeypatch, file, memory):  # noqa: F811
    plain, _ = latents("none", monkeypatch)
    made, transformer = latents(f"gguf:{MODELS[0]}={file}", monkeypatch, memory)
    assert transformer.blocks[0].ffn.net[2].weight.dtype == torch.uint8
    assert not torch.equal(made, plain) and (made - plain).norm() / plain.norm() < 0.05


def test_a_file_is_of_one_model(monkeypatch, file):
    monkeypatch.setenv("CINEVIVID_QUANTIZE", f"gguf:{MODELS[0]}={file}")
    assert (quantise.chosen(MODELS[0]), quantise.chosen("nano")) == (f"gguf:{MODELS[0]}={file}", "none")


@pytest.mark.parametrize(
    ("form", "told"), [("int3", "none, int8"), ("gguf:/a.gguf", "<model>="), ("gguf:nano=/nowhere.gguf", "not there")]
)
def test_a_form_that_cannot_be_is_refused(monkeypatch, form, told):
    monkeypatch.setenv("CINEVIVID_QUANTIZE", form)
    with pytest.raises(EngineError, match=told):
        quantise.chosen("nano")


@pytest.mark.skipif(find_spec("torchao") is not None, reason="torchao is installed")
def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("CINEVIVID_QUANTIZE", "int8")
    with pytest.raises(EngineError, match=r"requirements-quantised\.txt"):
        quantise.chosen("nano")
