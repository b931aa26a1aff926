"""The engines that make pictures: the real classes in miniature, nano's one frame, and what they need of a card."""

import numpy as np
import pytest
import torch
from diffusers import ZImageTransformer2DModel

from workers.base import Cancelled, EngineError
from workers.engines.image import cards, plan, tiny
from workers.engines.image.engine import Painter
from workers.engines.image.noise import blended, drawn
from workers.engines.image.request import Noise, NoiseError, Picture
from workers.engines.skyreels.memory.planner import WORDS
from workers.weights import catalog, store

MODELS = ("Z-Image", "Z-Image-Turbo", "FLUX.2-klein-4B")


@pytest.fixture(scope="session")
def painters():
    """A tiny pipeline with random weights for each model, of the class that the released weights are for."""
    made = {name: tiny.pipeline(name) for name in ("ZImagePipeline", "Flux2KleinPipeline")}
    return {name: Painter(name, made[cards.get(name).pipeline]) for name in MODELS}


def asked(name, **values):
    usual = {"prompt": "a red boat", "width": 48, "height": 32, "steps": 2, "noise": Noise(1)}
    return Picture(model=name, **usual | {"guidance_scale": cards.get(name).guidance_scale} | values)


def paint(painter, told=None, **values):
    return painter.paint(asked(painter.card.id, **values), (told if told is not None else []).append)


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_makes_the_same_picture_and_another_seed_another(painters, name):
    told = []
    first = paint(painters[name], told)
    assert first.shape == (32, 48, 3) and first.dtype == np.uint8
    assert [(now.stage, now.step) for now in told][1:] == [("denoising", step) for step in (0, 1, 2)]
    assert (first == paint(painters[name])).all()
    assert (first != paint(painters[name], noise=Noise(2))).any()
    assert (first != paint(painters[name], prompt="a blue boat")).any()
    little, much = (paint(painters[name], noise=Noise(1).towards(2, percent)) for percent in (5, 100))
    assert (little != first).any() and (much == paint(painters[name], noise=Noise(2))).mean() > 0.99


def test_a_negative_prompt_counts_only_where_there_is_guidance(painters):
    base = painters["Z-Image"]
    assert (paint(base) != paint(base, negative_prompt="zzz")).any()
    assert (paint(base, guidance_scale=1.0) == paint(base, guidance_scale=1.0, negative_prompt="zzz")).all()
    for name in ("Z-Image-Turbo", "FLUX.2-klein-4B"):
        assert (paint(painters[name]) == paint(painters[name], negative_prompt="zzz")).all(), "it is ignored"
        assert {"negative_prompt", "guidance_scale", "quality"} == set(cards.get(name).ignores)


@pytest.mark.parametrize(("guidance", "passes"), [(1.0, 1), (1.5, 2), (5.0, 2)])
def test_guidance_is_counted_as_others_count_it_and_one_is_half_the_cost(painters, guidance, passes, monkeypatch):
    base = painters["Z-Image"]
    pipe, batches = base._pipe, []
    forward = pipe.transformer.forward
    monkeypatch.setattr(
        pipe.transformer, "forward", lambda x, *rest, **more: batches.append(len(x)) or forward(x, *rest, **more)
    )
    paint(base, guidance_scale=guidance)
    assert batches == [passes] * 2 and pipe.guidance_scale == guidance - 1
    assert cards.get("Z-Image").passes(70, guidance) == 41 * passes


def test_a_prompt_is_read_once_for_all_pictures_of_a_job(painters, monkeypatch):
    base, read = painters["Z-Image"], []
    forward = base._pipe.text_encoder.forward
    monkeypatch.setattr(base._pipe.text_encoder, "forward", lambda **more: read.append(1) or forward(**more))
    for seed in range(3):
        paint(base, prompt="a new prompt", negative_prompt="new words", noise=Noise(seed))
    assert len(read) == 2, "what should be seen, and what should not"


def test_a_batch_reads_each_text_once(painters, monkeypatch):
    base, read = painters["Z-Image"], []
    forward = base._pipe.text_encoder.forward
    monkeypatch.setattr(base._pipe.text_encoder, "forward", lambda **more: read.append(1) or forward(**more))
    prompts = ["a first prompt", "a second prompt", "a third prompt"]
    pictures = [paint(base, prompt=prompt, negative_prompt="grain", noise=Noise(1)) for prompt in prompts * 2]
    assert len(read) == 4, "three prompts, and what none of them should show"
    assert all((pictures[place] == pictures[place + 3]).all() for place in range(3))


def test_a_stopped_picture_leaves_the_engine_usable(painters):
    def stop(now):
        if now.step:
            raise Cancelled

    base = painters["Z-Image"]
    first = paint(base)
    with pytest.raises(Cancelled):
        base.paint(asked("Z-Image"), stop)
    assert (paint(base) == first).all()


def test_a_folder_in_diffusers_layout_is_checked_and_read(painters, tmp_path, monkeypatch):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    folder = tmp_path / "Z-Image"
    with pytest.raises(EngineError, match="models download Z-Image"):
        Painter("Z-Image").load()
    painters["Z-Image"]._pipe.save_pretrained(folder)
    card = cards.get("Z-Image")
    card.check(folder)
    made = Painter("Z-Image")
    assert (paint(made) == paint(painters["Z-Image"])).all() and made.loads == 1
    made.release()
    with pytest.raises(EngineError, match="not a Flux2KleinPipeline"):
        cards.get("FLUX.2-klein-4B").check(folder)
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(EngineError, match="transformer cannot be loaded"):
        card.check(folder)


def test_noise_has_a_text_and_a_variation_is_noise_of_the_same_strength():
    noise = Noise(7).towards(12, 30)
    assert str(noise) == "7 12@30" and Noise.parse("7 12@30") == noise
    for text in ("", "x", "7 12", "7@30", "7 12@0", "7 12@101", "99999999999", "1 " + "2@3 " * 9):
        with pytest.raises(NoiseError):
            Noise.parse(text)
    shape = (1, 4, 32, 32)
    assert abs(float(drawn(noise, shape).std()) - 1) < 0.05
    first, second = drawn(Noise(7), shape), drawn(Noise(12), shape)
    assert torch.allclose(blended(first, second, 0.0), first) and torch.allclose(blended(first, second, 1.0), second)
    many = noise
    for seed in range(20):
        many = many.towards(seed, 10)
    assert Noise.parse(str(many)) == many, "a variation of a variation can always be varied"


def test_every_row_says_how_it_fits_into_a_card():
    rows = dict(plan.table([4, 8, 16, 24, 48]))
    assert rows["Z-Image"] == ["sequential 2.7 GB"] * 2 + ["model 15.0 GB"] * 2 + ["resident 24.3 GB"]
    assert rows["FLUX.2 klein 4B"][2:4] == ["model 9.7 GB", "resident 19.4 GB"]
    assert len(rows) == len(cards.all()) and all("-" not in row for row in rows.values())
    for card in cards.all():
        needs = [option.card_gb for option in plan.options(card)]
        assert needs == sorted(needs, reverse=True) and all(option.mode in WORDS for option in plan.options(card))
    with pytest.raises(EngineError, match=r"needs 2.7 GB for a picture, and 2 GB are there"):
        plan.planned(cards.get("Z-Image"), 2)
    assert plan.sentence(cards.get("Z-Image"), None) == "" and "9.3 GB" in plan.sentence(cards.get("Z-Image"), 12)


def test_the_figures_are_those_of_the_configurations():
    kept = plan.figures()
    assert set(kept) == {card.id for card in cards.all() if not card.of}
    with torch.device("meta"):
        known = ZImageTransformer2DModel()
    assert sum(p.numel() for p in known.parameters()) * 2 == kept["Z-Image"].transformer_bytes
    assert len(known.layers) == kept["Z-Image"].blocks
    sizes = {name: (found.transformer_bytes + found.text_bytes + found.vae_bytes) / 1e9 for name, found in kept.items()}
    assert sizes["FLUX.2-klein-4B"] == pytest.approx(cards.get("FLUX.2-klein-4B").disk_gb, rel=0.01)


def test_what_has_no_files_of_its_own_is_not_downloaded():
    frames = [card for card in cards.all() if card.of]
    assert (
        frames[0].id == catalog.chosen("image") == "nano-image" and frames[0].folder() == catalog.get("nano").folder()
    )
    listed = {now.card.id for now in store.statuses()}
    assert not listed & {card.id for card in frames} and set(MODELS) <= listed


def test_quality_is_a_number_of_steps():
    assert [cards.get("Z-Image").steps(quality) for quality in (30, 70, 100)] == [28, 41, 50]
    assert [cards.get("nano-image").steps(quality) for quality in (30, 70, 100)] == [10, 18, 24]
    assert {cards.get("Z-Image-Turbo").steps(quality) for quality in (30, 100)} == {8}
