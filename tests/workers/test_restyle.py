"""A clip in another look: its latents through the noise, window by window."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import media
from tests.workers.conftest import last_latents, picture, tiny_spec, whole
from tests.workers.test_render import stop_in
from tests.workers.test_upscale_film import heard, talking
from workers.base import Cancelled, EngineError, Inputs
from workers.engines.skyreels import cards
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.nano_lab import paint, score, world
from workers.engines.skyreels.nano_lab.restyling import off
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import effort, plan
from workers.engines.skyreels.request.restyle import frames_within, restyle_request
from workers.engines.skyreels.request.spec import MAX_STRENGTH, SpecError, VideoSpec
from workers.engines.skyreels.sampler import denoise, vae_stream
from workers.keeper import STATE
from workers.media.colours import recoloured
from workers.media.probe import read_comment, read_frames
from workers.render import inputs_of, keep, render

CLIP = np.stack([picture(20 + i) for i in range(25)])
LONG = {"num_frames": 25, "addnoise_condition": 20, "steps": 4, "strength": 0.9}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "clip"
    path.write_bytes(b"decoded already")
    return path


def source(clip=CLIP):
    return lambda first, end: clip[first:end]


def test_only_the_steps_that_the_noise_leaves_are_taken(file):
    of = [
        plan(tiny_spec(source=file, steps=50, strength=strength)).windows[0].steps
        for strength in (0.1, 0.5, 0.9, MAX_STRENGTH)
    ]
    assert of == sorted(of) and 1 <= of[0] < 5 and of[-1] < 50
    spec = tiny_spec(source=file, steps=50, strength=0.5)
    even = 0.999 * (1 - spec.begins_at / 50)
    assert spec.shift * even / (1 + (spec.shift - 1) * even) <= 0.5
    assert plan(spec).windows[0].table[0] == (spec.begins_at + 1,) * 2, "the first frame is given"
    assert tiny_spec(steps=50).begins_at == 0
    card = cards.get("nano")
    asked = restyle_request({"prompt": "a cat", "num_frames": 33, "strength": 0.9}, file)
    assert effort(asked.spec) < 1 and asked.spec.guidance_scale == card.picture["guidance_scale"]


def test_a_film_without_a_source_has_the_name_that_it_had(file):
    plain, other = tiny_spec(), tiny_spec(source=file)
    assert plain.hash() == tiny_spec(strength=0.5).hash() != other.hash()
    assert other.hash() != tiny_spec(source=file, strength=0.5).hash()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"strength": 0.0}, "strength"),
        ({"strength": 1.0}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"video": "x"}, "video"),
        ({"end_image": "x"}, "end_image"),
        ({"ar_step": 1}, "ar_step"),
        ({"teacache": 0.2}, "teacache"),
        ({"compat": "official"}, "compat"),
        ({"model": "SkyReels-V2-T2V-14B-540P"}, "source"),
    ],
)
def test_what_cannot_be_is_refused_on_its_field(file, values, field):
    with pytest.raises(SpecError) as caught:
        tiny_spec(source=file, **values).validate()
    assert caught.value.field == field


def test_a_film_begins_as_its_source_where_hardly_any_noise_is_left(tiny_engine, tiny, file):
    """At the least strength one step of a random model changes little; from much noise, nothing is left of it."""
    spec = tiny_spec(source=file, strength=0.1, steps=100, guidance_scale=1.0)
    asked = vae_stream.encode(tiny, vae_stream.from_uint8(CLIP[:9]))
    faint, loud = (
        (last_latents(tiny_engine, each, Inputs(source=source())) - asked).abs().mean()
        for each in (spec, tiny_spec(source=file, strength=MAX_STRENGTH, steps=3))
    )
    assert faint < 0.6 * loud


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_film_goes_on_bit_for_bit_and_asks_its_source_in_order(tiny_engine, file, overlap):
    asked = []

    def told(first, end):
        asked.append((first, end))
        return CLIP[first:end]

    spec = tiny_spec(source=file, overlap=overlap, **LONG)
    through = list(tiny_engine.stream(spec, inputs=Inputs(source=told)))
    assert whole(through).shape == (25, 32, 32, 3)
    # The first frame is looked at once more for its outlines.
    assert asked == [(0, 9), (0, 1), (4, 13), (8, 17), (12, 21), (16, 25)]
    other = SkyReelsEngine("nano", tiny_engine.pool)
    for saved in (0, 2):
        state = next(part.checkpoint for part in through if part.whole and part.index == saved)
        rest = list(other.stream(spec, resume=state, inputs=Inputs(source=source())))
        assert np.array_equal(whole(rest), whole([part for part in through if part.index > saved]))
        assert torch.equal(rest[-1].checkpoint.latents, through[-1].checkpoint.latents)


def test_another_source_is_another_film_and_a_picture_its_first_frame(tiny_engine, tiny, file):
    spec = tiny_spec(source=file, **LONG)
    one = whole(tiny_engine.stream(spec, inputs=Inputs(source=source())))
    assert not np.array_equal(one, whole(tiny_engine.stream(spec, inputs=Inputs(source=source(CLIP[::-1])))))
    start = picture(1)
    begun = tiny_spec(source=file, image=file, **LONG)
    film = whole(tiny_engine.stream(begun, inputs=Inputs(image=start, source=source())))
    still = vae_stream.encode(tiny, vae_stream.from_uint8(start[None]))
    first = vae_stream.to_uint8(vae_stream.StreamDecoder(tiny).push(still))
    assert np.abs(film[0].astype(int) - first[0]).max() <= 1


def test_a_first_frame_is_edited_alike_by_a_model_that_predicts_the_film_itself(tiny_engine, tiny, file, monkeypatch):
    spec, ask = tiny_spec(source=file, **LONG), denoise._Edit._ask
    flow = next(tiny_engine.stream(spec, inputs=Inputs(source=source()))).frames[0]

    def film(self, name, shown, timestep, text):
        share = min(self.shares, key=lambda share: abs(share - float(timestep.max()) / 1000))
        return self.latents - share * ask(self, name, shown, timestep, text)

    monkeypatch.setattr(denoise._Edit, "_ask", film)
    monkeypatch.setitem(tiny.scheduler_config, "prediction_type", "sample")
    edited = next(tiny_engine.stream(spec, inputs=Inputs(source=source()))).frames[0]
    assert np.abs(edited.astype(int) - flow).max() <= 1


def test_a_source_that_did_not_come_and_several_gpus_are_refused(tiny_engine, file):
    spec = tiny_spec(source=file)
    with pytest.raises(EngineError, match="input_missing"):
        next(tiny_engine.stream(spec))
    with pytest.raises(EngineError, match="ranks_unfit"):
        next(tiny_engine.stream(spec, inputs=Inputs(source=source()), run=Execution(ranks=2)))


def test_a_cancelled_film_leaves_the_engine_ready(tiny_engine, file):
    def stop(progress):
        raise Cancelled

    spec = tiny_spec(source=file, **LONG)
    with pytest.raises(Cancelled):
        next(tiny_engine.stream(spec, stop, inputs=Inputs(source=source())))
    assert len(whole(tiny_engine.stream(spec, inputs=Inputs(source=source())))) == 25


def test_a_source_is_read_once_in_order_and_stands_on_its_last_frame(tmp_path):
    frames = [np.full((64, 64, 3), 8 * i, np.uint8) for i in range(20)]
    clip = media.film(tmp_path / "clip.mp4", frames, rate=24)
    told = inputs_of(tiny_spec(source=clip, width=64, height=64)).source
    assert [round(frame[0, 0, 0] / 8) for frame in told(0, 9)] == list(range(9))
    first = told(8, 17)
    assert first.shape == (9, 64, 64, 3) and np.array_equal(first, told(8, 17)), "asked again, as after short memory"
    late = told(16, 25)
    assert np.array_equal(late[4:], np.stack([late[3]] * 5)) and abs(int(late[3][0, 0, 0]) - 152) < 4
    assert np.array_equal(told(8, 17), first), "read anew"


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_film_that_was_interrupted_twice_is_the_same_file_with_the_sound_of_its_source(
    tiny_engine, tmp_path, overlap
):
    clip = talking(tmp_path / "clip.mp4", count=28, container_rate=24)
    spec = tiny_spec(source=clip, overlap=overlap, **LONG)
    through = render(tiny_engine, spec, tmp_path / "whole", tmp_path / "whole.mp4", comment="x")
    for stop in (stop_in(2), stop_in(4, "decoding")):
        with pytest.raises(Cancelled):
            render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=stop, comment="x")
    made = []
    again = render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_window=made.append, comment="x")
    assert [w.index for w in made] == [3, 4] and again.sha256 == through.sha256 and again.frames == 25
    assert heard(tmp_path / "cut.mp4")[0] == "aac" and read_comment(tmp_path / "cut.mp4") == "x"
    assert not (tmp_path / "cut" / STATE).exists()


def test_a_stopped_film_keeps_its_windows_with_their_sound(tiny_engine, tmp_path):
    spec = tiny_spec(source=talking(tmp_path / "clip.mp4", count=28, container_rate=24), **LONG)
    with pytest.raises(Cancelled):
        render(tiny_engine, spec, tmp_path / "cut", tmp_path / "x.mp4", on_progress=stop_in(4), watermark=True)
    info, windows = keep(spec, tmp_path / "cut", tmp_path / "kept.mp4", watermark=True)
    assert (windows, info.frames) == (3, 17)
    for name in ("kept.mp4", "kept-marked.mp4"):
        assert heard(tmp_path / name)[0] == "aac" and len(list(read_frames(tmp_path / name))) == 17


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.workers.conftest import tiny_components, tiny_spec
from tests.workers.test_restyle import LONG
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Pool
from workers.render import render
folder = Path(sys.argv[1])
pool = Pool()
pool.put("nano", tiny_components())
def die(window):
    if window.index == 2 and window.whole:
        os.kill(os.getpid(), signal.SIGKILL)
spec = tiny_spec(source=folder / "clip.mp4", **LONG)
render(SkyReelsEngine("nano", pool), spec, folder / "cut", folder / "cut.mp4", on_window=die)
"""


def test_a_killed_worker_costs_one_window_and_the_film_is_the_same(tiny_engine, tmp_path):
    clip = talking(tmp_path / "clip.mp4", count=28, container_rate=24)
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment)
    assert killed.returncode == -signal.SIGKILL
    spec, made = tiny_spec(source=clip, **LONG), []
    again = render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_window=made.append)
    assert [window.index for window in made] == [3, 4]
    assert again.sha256 == render(tiny_engine, spec, tmp_path / "b", tmp_path / "b.mp4").sha256


@pytest.mark.parametrize(("seconds", "fps", "frames"), [(4.0, 8, 29), (4.125, 8, 33), (0.1, 8, 1), (5.0, 24, 117)])
def test_as_many_frames_are_shown_as_a_film_can_have(seconds, fps, frames):
    assert frames_within(seconds, fps) == frames
    assert VideoSpec.for_model("nano", "x", num_frames=frames).num_frames <= max(1, round(seconds * fps))


def test_a_damaged_clip_is_told_of(tiny_engine, tmp_path):
    (clip := tmp_path / "clip.mp4").write_bytes(b"no film at all" * 100)
    with pytest.raises(EngineError, match="video_"):
        render(tiny_engine, tiny_spec(source=clip), tmp_path / "a", tmp_path / "a.mp4")
    assert not list((tmp_path / "a").glob("*.mp4"))


def test_a_picture_takes_the_colours_of_another_and_keeps_its_outlines():
    picture = np.full((64, 64, 3), (20, 60, 120), np.uint8)
    picture[20:40, 20:40] = (228, 38, 38)
    like = np.full((64, 64, 3), (30, 70, 130), np.uint8)
    like[20:40, 27:47] = (48, 84, 245)
    made = recoloured(picture, like)
    assert (made[20:40, 20:40] == (48, 84, 245)).all(), "though it stands a third of its width to the right"
    made[20:40, 20:40] = (30, 70, 130)
    assert (made == (30, 70, 130)).all()
    assert np.array_equal(recoloured(picture, picture), picture)


def test_nano_recolours_what_moves_where_it_moves(nano, file):
    spec = world.Spec("red", "circle", "right", "sea")
    drawn, _ = paint.film(spec, 21, (128, 128), random.Random(4))
    clip = vae_stream.to_uint8(drawn)
    asked = VideoSpec.for_model(
        "nano", "a blue circle moves right over the sea", ratio="1:1", seed=1, source=file, strength=0.9,
        guidance_scale=2.5,
    )  # fmt: skip
    made = whole(nano.stream(asked, inputs=Inputs(source=source(clip))))
    before, after = (score.read(each.astype(np.float32) / 255) for each in (clip, made))
    assert (after.colour, after.motion, after.scene) == ("blue", "right", "sea")
    assert off(clip, made) < 4
    assert abs(before.dx - after.dx) < 0.06


def test_a_window_needs_what_one_of_a_new_film_needs(file):
    model = "SkyReels-V2-DF-14B-540P"
    new = VideoSpec.for_model(model, "x", num_frames=257)
    other = VideoSpec.for_model(model, "x", num_frames=257, source=file, strength=0.9)
    card = cards.get(model)
    assert planner.options(card, other) == planner.options(card, new)
    assert planner.options(card, other) == planner.options(card, VideoSpec.for_model(model, "x", num_frames=1217))
