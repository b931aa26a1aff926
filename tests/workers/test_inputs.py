"""Films that begin with a picture, lead up to one, or go on with a clip."""

import numpy as np
import pytest
import torch

from tests.workers.conftest import I2V, T2V, last_latents, picture, tiny_spec, whole
from workers.base import EngineError, Inputs
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.request.spec import SpecError
from workers.engines.skyreels.sampler import vae_stream

START, END = picture(1), picture(2)
CLIP = np.stack([picture(10 + i) for i in range(9)])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"decoded already")
    return path


def still(tiny, image):
    return vae_stream.encode(tiny, vae_stream.from_uint8(image[None]))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"num_frames": 25},
        {"num_frames": 33, "base_num_frames": 33, "causal_block_size": 4, "ar_step": 1},
        {"num_frames": 33, "base_num_frames": 17, "causal_block_size": 5, "ar_step": 1, "overlap": "reencode"},
    ],
    ids=["one window", "long", "in blocks", "in blocks that do not end with the picture"],
)
def test_the_start_picture_is_the_first_frame(tiny_engine, tiny, file, values):
    """Others denoise over it where blocks have more than one latent."""
    windows = list(tiny_engine.stream(tiny_spec(image=file, **values), inputs=Inputs(image=START)))
    spec = tiny_spec(image=file, **values)
    assert whole(windows).shape[0] == spec.num_frames
    decoder = vae_stream.StreamDecoder(tiny)
    first = vae_stream.to_uint8(decoder.push(still(tiny, START)))
    assert np.abs(whole(windows)[0].astype(int) - first[0]).max() <= 1


@pytest.mark.parametrize("total", [9, 13, 25, 29])
@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_start_and_end_pictures_give_a_film_of_the_length_asked_for(tiny_engine, file, total, overlap):
    """Others fail on most lengths, or keep the end picture's own latent in a long film."""
    spec = tiny_spec(image=file, end_image=file, num_frames=total, overlap=overlap)
    film = whole(tiny_engine.stream(spec, inputs=Inputs(START, END)))
    assert film.shape == (total, 32, 32, 3)


def test_blocks_lead_up_to_an_end_picture_too(tiny_engine, file):
    spec = tiny_spec(end_image=file, num_frames=33, base_num_frames=33, causal_block_size=4, ar_step=1)
    made = [last_latents(tiny_engine, spec, Inputs(end_image=image)) for image in (END, START)]
    assert made[0].shape[2] == 9 and not torch.equal(*made)


def test_the_end_picture_is_seen_by_the_last_window_only(tiny_engine, file):
    spec = tiny_spec(end_image=file, num_frames=25)
    assert [w.closing for w in plan(spec).windows] == [False] * 4 + [True]
    one, other = (list(tiny_engine.stream(spec, inputs=Inputs(end_image=image))) for image in (END, START))
    for mine, yours in zip(one[:-1], other[:-1], strict=True):
        assert np.array_equal(mine.frames, yours.frames)
    assert not torch.equal(one[-1].checkpoint.latents, other[-1].checkpoint.latents)


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_clip_goes_on_without_its_last_frames_twice(tiny_engine, file, overlap):
    spec = tiny_spec(video=file, num_frames=21, overlap_history=5, overlap=overlap)
    windows = list(tiny_engine.stream(spec, inputs=Inputs(video=CLIP)))
    assert whole(windows).shape[0] == spec.new_frames == 16
    assert [w.first_frame for w in windows] == [5, 9, 13, 17]


def test_only_the_end_of_a_clip_counts_and_it_stays_as_it_is(tiny_engine, tiny, file):
    spec = tiny_spec(video=file, num_frames=13, base_num_frames=13, overlap_history=5)
    latents = last_latents(tiny_engine, spec, Inputs(video=CLIP))
    assert torch.equal(latents, last_latents(tiny_engine, spec, Inputs(video=CLIP[-5:])))
    assert torch.equal(latents[:, :, :2], vae_stream.encode(tiny, vae_stream.from_uint8(CLIP[-5:])))


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_an_extension_towards_a_picture_is_resumed_bit_for_bit(tiny_engine, file, overlap):
    spec = tiny_spec(video=file, end_image=file, num_frames=21, overlap=overlap, addnoise_condition=20)
    inputs = Inputs(video=CLIP, end_image=END)
    through = list(tiny_engine.stream(spec, inputs=inputs))
    other = SkyReelsEngine("nano", tiny_engine.pool)
    rest = list(other.stream(spec, resume=through[1].checkpoint, inputs=inputs))
    for again, first in zip(rest, through[2:], strict=True):
        assert np.array_equal(again.frames, first.frames)
    assert torch.equal(rest[-1].checkpoint.latents, through[-1].checkpoint.latents)


def test_a_clip_shorter_than_the_overlap_is_refused_with_the_length_needed(tiny_engine, file):
    with pytest.raises(EngineError) as caught:
        next(tiny_engine.stream(tiny_spec(video=file, num_frames=13), inputs=Inputs(video=CLIP[:4])))
    assert caught.value.code == "video_short" and "0.2 s" in caught.value.public_text


def test_an_image_model_depends_on_its_picture_and_shows_all_frames(tiny_engine, file):
    spec = tiny_spec(model=I2V, image=file)
    windows = list(tiny_engine.stream(spec, inputs=Inputs(image=START)))
    assert whole(windows).shape == (9, 32, 32, 3)
    assert not np.array_equal(whole(windows), whole(tiny_engine.stream(spec, inputs=Inputs(image=END))))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"image": True, "video": True}, "image"),
        ({"model": I2V}, "image"),
        ({"model": T2V, "image": True}, "image"),
        ({"model": T2V, "end_image": True}, "end_image"),
        ({"model": I2V, "image": True, "end_image": True}, "end_image"),
        ({"model": T2V, "video": True, "num_frames": 13}, "video"),
        ({"model": T2V, "ar_step": 1}, "ar_step"),
        ({"model": T2V, "causal_block_size": 3}, "causal_block_size"),
        ({"model": T2V, "causal_attention": True}, "causal_attention"),
        ({"video": True, "num_frames": 5}, "num_frames"),
    ],
)
def test_what_a_model_cannot_do_is_refused_in_words(file, values, field):
    paths = {name: file for name in ("image", "end_image", "video") if values.get(name)}
    with pytest.raises(SpecError) as caught:
        tiny_spec(**(values | paths)).validate()
    assert caught.value.field == field and caught.value.public_text.endswith(".")
