import numpy as np
import pytest
import torch

from tests.workers.conftest import tiny_components
from workers.engines.skyreels.sampler.vae_stream import CpuKernels, StreamDecoder, encode, kernels, to_uint8


@pytest.fixture
def latents():
    return torch.randn((1, 16, 7, 4, 4), generator=torch.Generator().manual_seed(0))


def raw(vae, latents):
    shape = (1, 16, 1, 1, 1)
    std = 1.0 / torch.tensor(vae.config.latents_std).view(shape)
    return latents / std + torch.tensor(vae.config.latents_mean).view(shape)


def test_frames_of_the_stream_are_those_of_the_whole_decode(tiny, latents):
    decoder = StreamDecoder(tiny)
    streamed = torch.cat([decoder.push(latents[:, :, i : i + 1]) for i in range(7)], dim=2)
    assert streamed.shape == (1, 3, 25, 32, 32)
    with torch.no_grad():
        expected = tiny.vae.decode(raw(tiny.vae, latents)).sample
    assert (streamed - expected).abs().max() < 1e-5


def test_a_reset_decoder_begins_again_with_one_frame(tiny, latents):
    decoder = StreamDecoder(tiny)
    first = decoder.push(latents[:, :, :1])
    decoder.push(latents[:, :, 1:2])
    decoder.reset()
    assert torch.equal(decoder.push(latents[:, :, :1]), first)


def test_the_newest_latents_rebuild_the_cache_exactly(tiny):
    models = tiny_components()
    probe = StreamDecoder(models)
    reach = probe.receptive_latents()
    latents = torch.randn((1, 16, reach + 6, 2, 2), generator=torch.Generator().manual_seed(1))
    through = [probe.push(latents[:, :, i : i + 1]) for i in range(reach + 6)]
    warmed = StreamDecoder(models)
    for i in range(5, reach + 5):
        warmed.push(latents[:, :, i : i + 1])
    assert torch.equal(warmed.push(latents[:, :, -1:]), through[-1])


def test_encoding_is_the_inverse_scale_of_decoding_and_takes_no_sample(tiny):
    frames = torch.rand((1, 3, 9, 32, 32), generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents = encode(tiny, frames)
    assert latents.shape == (1, 16, 3, 4, 4)
    with torch.no_grad():
        assert torch.allclose(raw(tiny.vae, latents), tiny.vae.encode(frames).latent_dist.mode(), atol=1e-5)
    assert torch.equal(latents, encode(tiny, frames))


def test_the_quick_kernels_change_no_frame_by_more_than_one_level(nano):
    models = nano.pool.get("nano")
    vae = models.vae
    latents = torch.randn((1, vae.config.z_dim, 3, 8, 8), generator=torch.Generator().manual_seed(2))
    decoder = StreamDecoder(models)
    streamed = torch.cat([decoder.push(latents[:, :, i : i + 1]) for i in range(3)], dim=2)
    std, mean = (
        torch.tensor(values).view(1, -1, 1, 1, 1) for values in (vae.config.latents_std, vae.config.latents_mean)
    )
    with torch.no_grad():
        expected = vae.decode(latents / (1.0 / std) + mean).sample
    assert (streamed - expected).abs().max() < 1e-3
    assert np.abs(to_uint8(streamed).astype(int) - to_uint8(expected)).max() <= 1


def test_the_quick_kernels_are_gone_outside_and_leave_other_devices_alone(tiny):
    states, convolution = torch.ones(1, 3, 3, 4, 4), torch.nn.Conv3d(3, 2, 3)
    with kernels(tiny.device, tiny.vae.dtype) as inside, torch.no_grad():
        assert isinstance(inside, CpuKernels)
        quick = convolution(states)
        short = torch.nn.functional.normalize(torch.zeros(1, 3), dim=1)
    assert torch.allclose(quick, convolution(states), atol=1e-5) and torch.equal(short, torch.zeros(1, 3))
    with kernels(torch.device("meta"), torch.float32) as other:
        assert other is None
