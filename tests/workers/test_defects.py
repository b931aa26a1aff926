"""What other implementations of SkyReels-V2 do wrong, and ours must not: one test a fault.

D1 to D11 are faults of diffusers 0.42.1's pipelines, O1 to O7 of the official script. Where a test elsewhere already
holds the promise, the list says which; TeaCache's counting (O5, O6) is in test_cache.py, the ranks (O4) in
test_parallel.py.

D2 test_denoise: many prompts on the 1.3B kind · D3 test_denoise: no latent stays noise, test_spec: blocks that do not
fit · D4 test_denoise: nothing in the model's configuration · D8 test_denoise: the same seed with noise on the history
· D9 test_denoise: a stopped job asks nothing more · D10 test_attention: no mask of tokens by tokens · D11
test_denoise: the scheduler corrects the sample it was given, and below · O2 test_inputs: the start picture is the
first frame · O7 test_plan: the last window is as long as the model was trained for.
"""

import numpy as np
import pytest
import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline

from tests.workers.conftest import last_latents, picture, tiny_spec, whole
from tests.workers.test_denoise import latents_of
from workers.base import Inputs
from workers.engines.skyreels import cards
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.sampler import vae_stream

ASYNC = {"num_frames": 33, "base_num_frames": 33, "causal_block_size": 3, "ar_step": 2}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"decoded already")
    return path


def test_d1_latents_that_were_kept_can_be_given_again(tiny_engine):
    """diffusers fails on `latents=`; what ours has made, it takes back and goes on from."""
    spec = tiny_spec(num_frames=17)
    first, *rest = tiny_engine.stream(spec)
    again = list(tiny_engine.stream(spec, resume=first.checkpoint))
    assert torch.equal(again[-1].checkpoint.latents, rest[-1].checkpoint.latents)


@pytest.mark.parametrize("total", [13, 17, 21, 25])
def test_d5_a_start_picture_begins_a_long_film_of_any_length(tiny_engine, file, total):
    """diffusers raises IndexError unless windows fit exactly, and RuntimeError with an end picture."""
    spec = tiny_spec(image=file, num_frames=total, base_num_frames=13)
    assert len(whole(tiny_engine.stream(spec, inputs=Inputs(image=picture())))) == total
    spec = tiny_spec(image=file, end_image=file, num_frames=total, base_num_frames=13)
    assert len(whole(tiny_engine.stream(spec, inputs=Inputs(picture(), picture(1))))) == total


@pytest.mark.parametrize("total", [9, 33])
def test_d6_a_clip_that_goes_on_shows_no_frame_twice(tiny_engine, file, total):
    """diffusers gives 50 frames for 17 and 33 with an overlap of 17, and fails without an overlap."""
    clip = np.stack([picture(i) for i in range(17)])
    spec = tiny_spec(video=file, num_frames=total, base_num_frames=33, overlap_history=5)
    film = whole(tiny_engine.stream(spec, inputs=Inputs(video=clip)))
    assert len(clip) + len(film) == 17 + total - 5 == 17 + spec.new_frames


def test_d7_a_start_picture_stays_in_asynchronous_blocks(tiny_engine, tiny, file):
    """diffusers rounds the one given latent down to no block, and draws noise over it."""
    spec = tiny_spec(image=file, **ASYNC)
    latents = last_latents(tiny_engine, spec, Inputs(image=picture()))
    expected = vae_stream.encode(tiny, vae_stream.from_uint8(picture()[None]))
    assert torch.equal(latents[:, :, :1], expected)


def test_d8_noise_on_the_history_comes_from_the_seed_alone(tiny_engine):
    """diffusers draws it from the global generator, so the same seed gives two films."""
    spec = tiny_spec(num_frames=17, addnoise_condition=20)
    films = []
    for state in (1, 2):
        torch.manual_seed(state)
        films.append(whole(tiny_engine.stream(spec)))
    assert np.array_equal(*films)


def test_d9_a_stopped_film_is_not_decoded_to_its_end(tiny_engine, tiny):
    """diffusers walks through all windows after an interrupt and decodes noise."""
    decoded = []
    hook = tiny.vae.decoder.register_forward_hook(lambda *_: decoded.append(1))

    def stop(progress):
        if progress.window == 2:
            raise KeyError

    with hook, pytest.raises(KeyError):
        list(tiny_engine.stream(tiny_spec(num_frames=25), stop))
    assert len(decoded) == 3  # the latents of the first window


def test_d11_blocks_in_time_are_not_blocks_in_attention(tiny_engine, tiny):
    """diffusers masks attention as soon as there are blocks, which no released weights were trained for."""
    assert [window.attention for window in plan(tiny_spec(**ASYNC)).windows] == [None]
    spec = tiny_spec(num_frames=13, base_num_frames=13, causal_block_size=2)
    masked = tiny_spec(num_frames=13, base_num_frames=13, causal_block_size=2, causal_attention=True)
    assert torch.equal(latents_of(tiny, spec), latents_of(tiny, tiny_spec(num_frames=13, base_num_frames=13)))
    assert not torch.equal(latents_of(tiny, spec), latents_of(tiny, masked))


def test_d11_each_step_moves_all_latents_by_one_call(tiny, monkeypatch):
    """diffusers keeps a scheduler for every latent; where they move together one call gives the same."""
    spec, calls = tiny_spec(steps=4), []
    kind = type(tiny.scheduler(spec.shift))
    step = kind.step
    monkeypatch.setattr(kind, "step", lambda *args, **more: calls.append(1) or step(*args, **more))
    latents_of(tiny, spec)
    assert len(calls) == 4


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_o1_the_end_pictures_own_latent_is_never_shown(tiny_engine, tiny, file, overlap):
    """The official loop reuses its counter, so a long film keeps the end picture's latent as its tail."""
    spec = tiny_spec(end_image=file, num_frames=25, base_num_frames=13, overlap=overlap)
    windows = list(tiny_engine.stream(spec, inputs=Inputs(end_image=picture(1))))
    end = vae_stream.encode(tiny, vae_stream.from_uint8(picture(1)[None]))
    assert len(whole(windows)) == 25
    assert not torch.allclose(windows[-1].checkpoint.latents[:, :, -1:], end)


def test_o3_every_model_has_an_upright_size_of_its_own_resolution():
    """The official script's portrait branch sets the same side twice."""
    for card in cards.all():
        wide, tall = card.sizes["16:9"], card.sizes["9:16"]
        assert wide == tall[::-1] and wide[0] > wide[1]


def test_faults_of_diffusers_are_still_there():
    """When this fails, a newer diffusers has mended one, and the list above wants a look."""
    pipe = SkyReelsV2DiffusionForcingPipeline.__new__(SkyReelsV2DiffusionForcingPipeline)
    _, _, mask, _ = pipe.generate_timestep_matrix(9, torch.arange(900, 897, -1), 9, 1, 0, 5)
    assert mask.shape[1] == 5  # D3: four of nine latents are in no block
