"""Large pictures in tiles: little memory, and the seams that diffusers' own tiles have."""

import pytest
import torch

from tests.workers.conftest import picture, tiny_components, tiny_spec, whole
from tests.workers.test_vae_stream import raw
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.sampler.vae_stream import StreamDecoder, encode, from_uint8


@pytest.fixture
def models():
    """A small model whose VAE has tiles of 64 pixels, 48 apart."""
    made = tiny_components()
    made.vae.tile_sample_min_height = made.vae.tile_sample_min_width = 64
    made.vae.tile_sample_stride_height = made.vae.tile_sample_stride_width = 48
    return made


def streamed(models, latents, tiling):
    decoder = StreamDecoder(models, tiling=tiling)
    return torch.cat([decoder.push(latents[:, :, i : i + 1]) for i in range(latents.shape[2])], dim=2)


@pytest.mark.parametrize("size", [(10, 12), (8, 12)])
def test_a_film_that_streams_in_tiles_is_that_of_diffusers_tiles(models, size):
    latents = torch.randn((1, 16, 2, *size), generator=torch.Generator().manual_seed(0))
    frames = streamed(models, latents, True)
    models.vae.use_tiling = True
    with torch.no_grad():
        expected = models.vae.decode(raw(models.vae, latents)).sample
    assert frames.shape == expected.shape
    assert (frames - expected).abs().max() < 1e-4


def test_a_picture_of_one_tile_is_as_without(models):
    latents = torch.randn((1, 16, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    assert torch.equal(streamed(models, latents, True), streamed(models, latents, False))


def test_no_call_of_the_decoder_is_larger_than_a_tile(models):
    seen = []
    models.vae.decoder.register_forward_pre_hook(
        lambda module, given, named: seen.append(given[0].shape), with_kwargs=True
    )
    streamed(models, torch.zeros(1, 16, 1, 10, 12), True)
    assert max(shape[3] for shape in seen) == max(shape[4] for shape in seen) == 8


def test_tiles_go_on_from_window_to_window(models):
    """Each tile keeps its own past, so frames do not depend on where a window ends."""
    pool = Pool()
    pool.put("nano", models)
    spec = tiny_spec(num_frames=13, steps=1, width=80, height=80, guidance_scale=1.0)
    windows = list(SkyReelsEngine("nano", pool).stream(spec, run=Execution(vae_tiling=True)))
    tail = windows[-1].checkpoint.latents
    assert tail.shape[2] == 4
    again = (streamed(models, tail, True) * 0.5 + 0.5).clamp(0, 1).mul(255).round()
    shown = torch.from_numpy(whole(windows)).permute(3, 0, 1, 2).float()
    assert (again[0] - shown).abs().max() <= 1


def test_pictures_are_encoded_in_tiles_and_the_setting_does_not_stay(models):
    frames = from_uint8(picture(width=160, height=96)[None])
    tiled, plain = encode(models, frames, tiling=True), encode(models, frames)
    assert tiled.shape == plain.shape and not torch.equal(tiled, plain)
    assert models.vae.use_tiling is False
