"""The storybook's networks and their training: what the library computes, and that runs go on where they stopped."""

import random
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline

from workers.engines.skyreels.nano_lab import train as plain
from workers.engines.skyreels.nano_lab import transformer as lean
from workers.engines.skyreels.nano_lab.export import unpack
from workers.engines.skyreels.nano_lab.store import pause
from workers.engines.skyreels.storybook_lab import crops, evaluate, export, samples, text, transformer, vae, world


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A training directory whose networks have hardly learned."""
    root = tmp_path_factory.mktemp("storybook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crops, "SHELF", 8)
        patch.setattr(crops, "FIRST", 1)
        patch.setattr(samples, "CLIPS", 40)
        patch.setattr(samples, "STILLS", 40)
        vae.train(root, 4, until=0)
        text.train(root / "text.pt", steps=2)
        yield root


def test_the_autoencoder_computes_what_the_library_computes() -> None:
    network = vae.build(3).eval()
    clip = torch.rand(1, 3, 9, 64, 96) * 2 - 1
    with torch.no_grad():
        posterior = network.encode(clip).latent_dist
        mean = vae.encode(network, clip)[:, : vae.CHANNELS]
        assert torch.allclose(posterior.mean, mean, atol=2e-5)
        assert torch.allclose(network.decode(mean).sample, vae.decode(network, mean).clamp(-1, 1), atol=1e-4)
    assert mean.shape == (1, vae.CHANNELS, 3, 8, 12)


def test_the_transformer_computes_what_the_library_computes() -> None:
    model = transformer.build(1, layers=1).eval()
    torch.nn.init.normal_(model.proj_out.weight, std=0.1)
    z, words = torch.randn(2, vae.CHANNELS, 3, 8, 12), torch.randn(2, 5, 128)
    levels = torch.tensor([[0.0, 300.0, 900.0], [500.0, 500.0, 500.0]])
    with torch.no_grad():
        theirs = model(z, levels, words, enable_diffusion_forcing=True, return_dict=False)[0]
        turn = lean.rotation(model, [0, 1, 2], 8, 12)
        mine = lean.forward(model, z, levels, words, torch.zeros(2, 1, 1, 5), turn)
    assert torch.allclose(theirs, mine, atol=1e-5)


@pytest.mark.slow
def test_another_machine_goes_on_with_what_is_shipped(place, tmp_path) -> None:
    state = torch.load(place / "vae.pt", weights_only=True)
    plain.Trainer(place, 1, fresh=6, layers=1, lab=samples.storybook).save()
    export.export(place, tmp_path / "model")
    unpack(tmp_path / "model", tmp_path, 40)
    assert vae.steps_of(tmp_path / "vae.pt") == 40
    assert vae.train(tmp_path, 41)  # one step, the first of a rate that rises: the average hardly moves
    found = torch.load(tmp_path / "vae.pt", weights_only=True)
    assert found["step"] == 41
    for name, value in state["average"].items():
        assert torch.allclose(found["average"][name], value, atol=0.05), name
    there = torch.load(place / "transformer.pt", weights_only=True)
    here = plain.Trainer(tmp_path, 1, fresh=6, layers=1, lab=samples.storybook)
    for name, value in there["average"].items():
        assert torch.allclose(here.average[name], value, atol=1e-3), name
    assert torch.allclose(here.mean, there["mean"]) and torch.allclose(here.std, there["std"])


@pytest.mark.slow
def test_the_autoencoder_goes_on_where_it_stopped(place, tmp_path) -> None:
    assert not vae.train(tmp_path, 6, until=0)
    whole = torch.load(tmp_path / "vae.pt", weights_only=True)["step"]
    assert whole == 0
    torch.set_num_threads(1)
    assert vae.train(tmp_path, 2)
    at_once = torch.load(tmp_path / "vae.pt", weights_only=True)
    (tmp_path / "vae.pt").unlink()
    vae.train(tmp_path, 2, goals=(0, 0), until=1e-6)
    vae.train(tmp_path, 2)
    in_parts = torch.load(tmp_path / "vae.pt", weights_only=True)
    assert at_once["step"] == in_parts["step"] == 2
    for name, value in at_once["average"].items():
        assert torch.allclose(value, in_parts["average"][name], atol=1e-5), name


def test_few_tokens_attend_in_bfloat16_as_they_do_in_float32() -> None:
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 4, n, 64) for n in (30, lean.FEW, lean.FEW))
    bias = torch.where(torch.rand(2, 1, 1, lean.FEW) < 0.5, 0.0, -1e9)
    exact = lean._attend(q, k, v, bias)
    with torch.autocast("cpu", torch.bfloat16):
        found = lean._attend(q, k, v, bias)
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), exact, atol=0.03)


@pytest.mark.slow
def test_whoever_predicts_the_very_clip_has_nothing_to_learn(place, monkeypatch) -> None:
    trainer = plain.Trainer(place, 1, fresh=6, layers=1, lab=samples.storybook)
    batch = trainer.batch(2, None, 0.0, 0.0)
    monkeypatch.setattr(lean, "forward", lambda *_: batch.z)
    assert float(trainer.loss(batch, compiled=False)) == 0
    monkeypatch.setattr(lean, "forward", lambda *_: batch.z + 0.1)
    level = batch.sigma.clamp(min=plain.LEAST_NOISE)[:, :, None, None]
    error = ((0.1 / level) ** 2 * batch.weight).sum() / batch.weight.sum()
    assert float(trainer.loss(batch, compiled=False)) == pytest.approx(float(error), rel=1e-4)


def test_training_waits_while_a_file_exists(tmp_path) -> None:
    file = tmp_path / "PAUSE"
    assert pause(None) < 1 and pause(file) < 1
    file.touch()
    waiting = threading.Thread(target=pause, args=[file])
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    file.unlink()
    waiting.join(60)
    assert not waiting.is_alive()


def test_every_lesson_has_labels_for_every_token() -> None:
    tok, rng, seen = text.tokenizer(), random.Random(1), set()
    for _ in range(200):
        sentence, labels, whole = text.lesson(tok, rng)
        assert len(labels) == len(tok(sentence).input_ids)
        assert all(len(label) == len(text.TABLES) + 1 for label in [*labels, whole])
        for values in zip(*labels, strict=True):
            assert len(set(values)) <= 3
        for i, table in enumerate(text.TABLES.values()):
            assert all(label[i] == text.UNTOLD or 0 <= label[i] <= len(table) for label in labels)
        seen.add(whole[-1])
    assert seen == {text.ALONE, text.UNTOLD}


@pytest.mark.slow
def test_the_transformer_learns_goes_on_and_is_shipped_as_a_folder_that_the_library_runs(place, tmp_path) -> None:
    first = plain.Trainer(place, 1, fresh=6, layers=1, lab=samples.storybook)
    first.run(until=0.001, compiled=False)
    specs = [spec for shelf in first.pool.clips.values() for spec in shelf.specs]
    assert len(specs) >= 6 and not any(spec.held_out for spec in specs)
    again = plain.Trainer(place, 1, fresh=6, layers=1, lab=samples.storybook)
    assert again.step == first.step >= 1
    for mine, theirs in zip(again.every, first.every, strict=True):
        assert torch.equal(mine, theirs)
    for size, shelf in again.pool.clips.items():  # what was drawn is not drawn again
        assert shelf.specs == first.pool.clips[size].specs and torch.equal(shelf.z, first.pool.clips[size].z)
    made = [again.batch(8, 9, 0.4, 0.3) for again.step in range(24)]
    partly = [batch for batch in made if batch.kept is not None]
    for batch in partly:  # in strong noise nothing would tell where in the picture a token lies
        begun = (batch.weight[:, 0].flatten(1) == 0).all(1)
        assert (batch.sigma[~begun] <= again.lab.faint).all()
    assert 0 < len(partly) < len(made)
    kinds = set()
    for again.step in range(40):
        batch = again.batch(2, None, 0.4, 0.3)
        if len(batch.times) not in kinds:
            kinds.add(len(batch.times))
            assert 0 < float(again.loss(batch, compiled=False).detach()) < 2 / plain.LEAST_NOISE**2
    assert {1, 6} <= kinds
    assert export.export(place, tmp_path) < 60e6
    pipe = SkyReelsV2DiffusionForcingPipeline.from_pretrained(tmp_path, torch_dtype=torch.float32)
    made = pipe(
        prompt=world.EXAMPLES[0],
        height=64,
        width=96,
        num_frames=9,
        base_num_frames=9,
        num_inference_steps=2,
        max_sequence_length=64,
        output_type="np",
    ).frames
    assert np.asarray(made).shape == (1, 9, 64, 96, 3) and np.isfinite(made).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["free", "image", "end", "extension", "long", "sheet"])
def test_every_use_of_a_folder_is_measured(name, monkeypatch) -> None:
    monkeypatch.setattr(evaluate, "STEPS", 1)
    monkeypatch.setattr(evaluate, "SIZE", (64, 64))
    monkeypatch.setitem(evaluate.MODES, "long", replace(evaluate.MODES["long"], frames=world.WINDOW + 12))
    given, mode = [], evaluate.MODES[name]
    monkeypatch.setattr(evaluate.score, "read", lambda clip: given.append(clip))
    scores = evaluate.measure(export.BEGUN, name, 1)
    frames = {"extension": world.WINDOW - evaluate.OVERLAP}.get(name, world.WINDOW)
    assert [clip.shape for clip in given] == [(frames, 64, 64, 3)] * (2 if name == "sheet" else 1)
    assert ("first dB" in scores) == (mode.given in ("image", "end")) and ("last dB" in scores) == (name == "end")
    assert ("same" in scores) == (name == "sheet") and scores["all"] == 0
    if "first dB" in scores:
        assert scores["first dB"] > 20, "the picture that is given comes back"


@pytest.mark.slow
def test_several_processes_draw_what_one_draws(place, tmp_path) -> None:
    network = vae.load(place / "vae.pt")
    one, two = (samples.Pool(network, random.Random(3), tmp_path / name) for name in "ab")
    one.fill(4, processes=2)
    assert one.count == 4 and one.still_count == 4 * samples.STILLS_A_CLIP
    two.fill(4, processes=1)
    for size, shelf in one.clips.items():
        assert shelf.specs == two.clips[size].specs and torch.equal(shelf.z, two.clips[size].z)
    ahead, later = crops.Shelves(tmp_path / "c", 1), crops.Shelves(tmp_path / "d", 1)
    ahead.draw(0, 1, processes=2)
    drawn = sorted(path.name for path in (tmp_path / "c").iterdir())
    assert drawn == ["1-00000.npy"]
    assert torch.equal(ahead.batch(0, 2)[0], later.batch(0, 2)[0])
