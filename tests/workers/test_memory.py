"""Memory does not grow with the length of the film."""

import gc
import tracemalloc

import pytest
import torch

from tests.workers.conftest import tiny_spec
from workers.render import render


def held():
    """Bytes of all tensors that are alive."""
    gc.collect()
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in gc.get_objects() if _is_tensor(t)}
    return sum(storages.values())


def _is_tensor(thing):
    return issubclass(type(thing), torch.Tensor)


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_longer_film_holds_no_more_tensors(tiny_engine, overlap):
    """From where the engine has as many latents as it ever looks back at."""
    small = {"num_frames": 173, "base_num_frames": 33, "steps": 1, "guidance_scale": 1.0}
    after = []
    for window in tiny_engine.stream(tiny_spec(**small, overlap=overlap)):
        if window.index in (3, 4):
            after.append(held())
    assert len(after) == 2 and after[0] == after[1]


def test_a_film_three_times_as_long_keeps_no_more_frames(tiny_engine, tmp_path):
    """What Python and numpy hold at most; `make bench` measures the resident set."""

    def peak(frames):
        spec = tiny_spec(num_frames=frames, base_num_frames=33, steps=1, guidance_scale=1.0, width=64, height=64)
        tracemalloc.start()
        try:
            render(tiny_engine, spec, tmp_path / str(frames), tmp_path / f"{frames}.mp4")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(41)
    assert peak(361) <= 1.15 * peak(121)
