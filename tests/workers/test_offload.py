"""Parts move and weights shrink; what is seen stays."""

import pytest
import torch
from diffusers.hooks.layerwise_casting import LayerwiseCastingHook

from tests.workers.conftest import tiny_components, tiny_spec
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.offload import Turns
from workers.engines.skyreels.memory.pool import Pool

CPU, META = torch.device("cpu"), torch.device("meta")
PARTS = ("text_encoder", "transformer", "vae")


def arranged(memory, device=CPU, kind="df"):
    models = tiny_components(kind)
    turns = Turns(memory, device)
    for name in (*PARTS, "image_encoder"):
        if getattr(models, name) is not None:
            turns.add(name, getattr(models, name))
    object.__setattr__(models, "turns", turns)
    return models


def film(models, **values):
    pool = Pool()
    pool.put("nano", models)
    spec = tiny_spec(num_frames=13, steps=2, **values)
    return list(SkyReelsEngine("nano", pool).stream(spec))[-1].checkpoint.latents


def places(module):
    return {p.device.type for p in module.parameters()}


@pytest.mark.parametrize("memory", ["resident", "aside", "model", "group", "sequential"])
@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_where_the_parts_are_kept_changes_no_bit(tiny, memory, overlap):
    assert torch.equal(film(arranged(memory), overlap=overlap), film(tiny, overlap=overlap))


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_on_the_device_alone(name):
    models = arranged("model", META)
    models.turns.bring(name)
    assert {part: places(module) for part, module in models.turns.parts.items()} == {
        part: {"meta" if part == name else "cpu"} for part in PARTS
    }


def test_parts_are_there_before_they_are_called():
    models = arranged("model")
    at_work = []
    for name, entry in (
        ("text_encoder", models.text_encoder),
        ("transformer", models.transformer),
        ("vae", models.vae.decoder),
    ):
        entry.register_forward_pre_hook(lambda *_, name=name: at_work.append((name, set(models.turns.here))))
    film(models)
    assert {name for name, _ in at_work} == set(PARTS)
    assert all(here == {name} for name, here in at_work)


def test_resident_parts_stay_together_on_the_device():
    models = arranged("resident", META)
    assert models.turns.here == set(PARTS)
    assert all(places(module) == {"meta"} for module in models.turns.parts.values())


def test_blocks_come_to_the_device_one_by_one():
    models = arranged("group")
    blocks = [*models.transformer.blocks, *models.text_encoder.encoder.block]
    groups = [block._diffusers_hook.get_hook("group_offloading").group for block in blocks]
    assert all(group.modules == [block] for group, block in zip(groups, blocks, strict=True))
    assert {group.onload_device for group in groups} == {CPU}


def test_layers_come_to_the_device_one_by_one():
    models = arranged("sequential")
    there = []
    layer = models.transformer.blocks[0].ffn.net[2]
    inner = layer._old_forward
    layer._old_forward = lambda hidden: (there.append(weights_there(models.transformer)), inner(hidden))[1]
    assert weights_there(models.transformer) == []
    film(models)
    # While this layer computes, its own weights are there, and the table that the transformer itself holds.
    assert there and all(set(names) == {"blocks.0.ffn.net.2", "", "blocks.0"} for names in there)
    assert weights_there(models.transformer) == []


def weights_there(module):
    """Name the modules whose own weights are not away."""
    return [
        name
        for name, layer in module.named_modules()
        if any(p.device.type != "meta" for p in layer.parameters(recurse=False))
    ]


def test_8_bits_halve_the_blocks_and_stay_near(tiny):
    models = arranged("fp8")
    assert isinstance(
        models.transformer.blocks[0].ffn.net[2]._diffusers_hook.get_hook("layerwise_casting"), LayerwiseCastingHook
    )
    stored = {p.dtype for n, p in models.transformer.blocks[0].named_parameters() if n.endswith("to_q.weight")}
    assert stored == {torch.float8_e4m3fn} and models.transformer.dtype == torch.float32
    plain, cast = film(tiny, guidance_scale=1.0), film(models, guidance_scale=1.0)
    assert not torch.equal(plain, cast)
    assert (plain - cast).norm() / plain.norm() < 0.05
