"""Training of the nano transformer: what a step sees, and that it goes on where it stopped."""

import random

import torch

from workers.engines.skyreels.nano_lab import captions, export, samples, text, train, world
from workers.engines.skyreels.nano_lab.samples import LATENTS, SQUARE
from workers.prompts import nano_words


def begin(place, **options) -> train.Trainer:
    """A run on the shipped weights with a handful of clips."""
    export.unpack(export.SHIPPED, place)
    return train.Trainer(place, minutes=1, fresh=12, **options)


def test_moments_are_the_surroundings_of_an_object_in_all_or_some_of_its_frames(tmp_path) -> None:
    trainer, seen_times = begin(tmp_path), set()
    share: list[float] = []
    trainer.mean, trainer.std = torch.zeros(12), torch.ones(12)
    for shelf in (*trainer.pool.clips.values(), *trainer.pool.journeys.values()):
        shelf.z[:] = torch.arange(LATENTS + 1)[None, :, None, None, None]
        shelf.end[:] = 99
    for trainer.step in range(60):
        batch = trainer.batch(1, None, stills=0, moments=1)
        ends, h, w = batch.times[-1] == LATENTS, *batch.z.shape[-2:]
        times = batch.times[: len(batch.times) - ends]
        seen_times.add((len(times), ends))
        assert times[0] == 0 and times == sorted(set(times)) and times[-1] < LATENTS
        places = batch.z[:, 0, : len(times), 0, 0]
        assert (places - places[:, :1] == torch.tensor(times)).all() and places[:, 0].max() <= 1
        assert not ends or (batch.z[:, :, -1] == 99).all()
        if len(times) < LATENTS:
            assert float(batch.sigma[:, 0].max()) <= 0.05 and not batch.weight[:, 0].any()
        assert not ends or (not batch.sigma[:, -1].any() and not batch.weight[:, -1].any())
        assert batch.kept is not None and batch.kept.shape == (len(batch.z), len(batch.times), SQUARE**2)
        # Where there is an object the weight is threefold. Most of that is among the tokens that are computed,
        # which are 25 of 60 or 64; two objects do not fit into their square.
        cells = (batch.weight > 2.5).view(*batch.weight.shape[:2], h // 2, 2, w // 2, 2)
        heavy = cells.any(5).any(3).flatten(2)
        computed = torch.zeros_like(heavy).scatter(2, batch.kept, True)
        share.append(float((heavy & computed).sum() / heavy.sum()))
    assert min(share) > 0.3 and sum(share) / len(share) > 0.6
    assert seen_times == {(2, False), (4, False), (LATENTS, False), (2, True), (4, True)}


def test_a_step_of_every_kind_teaches_the_transformer_and_the_reader(tmp_path) -> None:
    trainer, kinds = begin(tmp_path, half=True), set()
    for trainer.step in range(60):
        batch = trainer.batch(2, None, stills=0.2, moments=0.6)
        kind = len(batch.times)
        if kind in kinds:
            continue
        kinds.add(kind)
        trainer.model.zero_grad()
        trainer.encoder.zero_grad()
        loss = trainer.loss(batch, compiled=False)
        loss.backward()
        assert 0 < float(loss.detach()) < 2
        assert all(p.grad is not None and p.grad.isfinite().all() for p in trainer.every)
        assert trainer.encoder.shared.weight.grad.norm() > 0
    assert kinds == {1, 2, 3, 4, 5, LATENTS, LATENTS + 1}


def test_training_goes_on_where_it_stopped_and_exports_what_it_learned(tmp_path) -> None:
    first = begin(tmp_path)
    first.run(until=0.001, compiled=False)
    second = train.Trainer(tmp_path, minutes=1, fresh=6)
    assert second.step == first.step >= 1 and second.seconds == first.seconds > 0
    averages = [{**t.average, **t.reader}.values() for t in (second, first)]
    for mine, theirs in [*zip(second.every, first.every, strict=True), *zip(*averages, strict=True)]:
        assert torch.equal(mine, theirs)
    assert torch.equal(second.muon.buffers[0], first.muon.buffers[0])
    shipped = text.train(tmp_path / "text.pt").shared.weight
    learned = export.pipeline(tmp_path).text_encoder.shared.weight
    assert torch.equal(learned, first.reader["shared.weight"]) and not torch.equal(learned, shipped)


def test_of_what_a_picture_shows_the_words_are_often_silent_or_wrong() -> None:
    rng = random.Random(4)
    spec = world.Spec("green", "ring", "left", "sea")

    def right(seen: bool) -> float:
        words = [train._sentence(spec, captions.ALL, rng, 0.0, seen).lower().split() for _ in range(400)]
        shapes = {w for phrase in nano_words.SHAPE_WORDS["ring"] for w in phrase.split()}
        return sum(bool(shapes & {w.strip(",.") for w in each}) for each in words) / len(words)

    assert right(False) > 0.99 and 0.4 < right(True) < 0.7


def test_some_clips_have_two_objects_or_a_moving_camera(tmp_path) -> None:
    pool = begin(tmp_path).pool
    for _ in range(30):
        pool.add()
    specs = [spec for shelf in pool.clips.values() for spec in shelf.specs]
    assert 0 < sum(not s.plain for s in specs) < len(specs) * 2 * samples.RICH
    assert not any(s.held_out or (s.second and s.second.held_out) for s in specs)
    for shelf in pool.clips.values():
        for i, spec in enumerate(shelf.specs):
            assert bool(shelf.near[i].all()) == (spec.camera != "fixed")
