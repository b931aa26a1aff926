"""A VAE whose convolutions look at no earlier frame decodes as 2D convolutions, and nothing else does."""

import pytest
import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d

from tests.workers.conftest import tiny_components, tiny_spec, whole
from tests.workers.test_tiling import streamed
from tests.workers.test_vae_stream import raw
from workers.engines.skyreels import cards
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.sampler import flat
from workers.engines.skyreels.sampler.vae_stream import StreamDecoder

EMBEDDED = [card for card in cards.all() if card.embedded]


@pytest.fixture
def models():
    """A small model that decodes each latent by itself; its attention is at work."""
    made = tiny_components()
    with torch.no_grad():
        for part in made.vae.decoder.modules():
            if isinstance(part, WanCausalConv3d):
                part.weight[:, :, :-1] = 0
    return made


@pytest.fixture
def latents():
    return torch.randn((1, 16, 5, 10, 12), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def calls(monkeypatch):
    """How many latents were decoded as 2D convolutions."""
    seen, decode = [], flat.decode
    monkeypatch.setattr(flat, "decode", lambda *given: seen.append(len(given[1])) or decode(*given))
    return seen


def test_frames_of_the_stream_are_those_of_the_whole_decode(models, latents, calls):
    frames = streamed(models, latents, False)
    with torch.no_grad():
        expected = models.vae.decode(raw(models.vae, latents)).sample
    assert calls == [1] * 5 and frames.shape == expected.shape == (1, 3, 17, 80, 96)
    assert (frames - expected).abs().max() < 1e-5


def test_several_films_are_decoded_at_once(models, latents):
    films = torch.cat([latents, latents.flip(2)])
    with torch.no_grad():
        expected = torch.cat([models.vae.decode(film[None]).sample for film in films])
        images = torch.cat([films[:, :, 0], films[:, :, 1:].transpose(1, 2).flatten(0, 1)])
        found = flat.decode(models.vae, images, 2).clamp(-1, 1)
    assert (found[:2] - expected[:, :, 0]).abs().max() < 1e-5
    rest = found[2:].unflatten(0, (2, 16)).transpose(1, 2)
    assert (rest - expected[:, :, 1:]).abs().max() < 1e-5


def test_a_film_in_tiles_is_that_of_diffusers_tiles(models, latents, calls):
    vae = models.vae
    vae.tile_sample_min_height = vae.tile_sample_min_width = 64
    vae.tile_sample_stride_height = vae.tile_sample_stride_width = 48
    frames, vae.use_tiling = streamed(models, latents, True), True
    with torch.no_grad():
        expected = vae.decode(raw(vae, latents)).sample
    assert len(calls) == 20 and (frames - expected).abs().max() < 1e-4


def test_the_newest_latent_is_enough_to_go_on(models, latents):
    through = streamed(models, latents, False)
    decoder = StreamDecoder(models)
    assert decoder.receptive_latents() == 1
    decoder.push(latents[:, :, 2:3])
    assert torch.equal(decoder.push(latents[:, :, 3:4]), through[:, :, -8:-4])
    decoder.reset()
    assert torch.equal(decoder.push(latents[:, :, :1]), through[:, :, :1])


def test_a_film_that_is_gone_on_with_is_the_same_film(models, calls):
    pool = Pool()
    pool.put("nano", models)
    engine, spec = SkyReelsEngine("nano", pool), tiny_spec(num_frames=17)
    windows = list(engine.stream(spec))
    again = whole(engine.stream(spec, resume=windows[0].checkpoint))
    assert calls and len(windows) > 2
    assert (again == whole(windows[1:])).all()


@pytest.mark.parametrize("tap", [0, 1])
def test_one_number_for_an_earlier_frame_is_enough_to_decode_as_the_library_does(models, latents, calls, tap):
    kernel = models.vae.decoder.up_blocks[1].upsamplers[0].time_conv.weight
    with torch.no_grad():
        kernel[0, 0, tap] = 0.5
    assert not flat.is_flat(models.vae) and not flat.is_flat(tiny_components().vae)
    frames = streamed(models, latents, False)
    with torch.no_grad():
        expected = models.vae.decode(raw(models.vae, latents)).sample
    assert not calls and (frames - expected).abs().max() < 1e-5


def test_off_the_cpu_and_in_half_precision_the_library_decodes(models, calls):
    models.vae.to(torch.bfloat16)
    assert StreamDecoder(models).push(torch.zeros(1, 16, 1, 4, 4)).shape == (1, 3, 1, 32, 32)
    assert not calls


@pytest.mark.parametrize("card", EMBEDDED, ids=lambda card: card.id)
def test_the_embedded_models_decode_so(card):
    vae = AutoencoderKLWan.from_pretrained(card.embedded, subfolder="vae", torch_dtype=torch.float32)
    assert flat.is_flat(vae)
    latents = torch.randn((1, vae.config.z_dim, 3, 8, 8), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = vae.decode(latents).sample
        images = flat.decode(vae, latents[0].transpose(0, 1), 1).clamp(-1, 1)
    assert (images.transpose(0, 1) - expected[0]).abs().max() < 1e-4
