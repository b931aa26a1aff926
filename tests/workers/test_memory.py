"""Memory does not grow with the length of the film."""

import gc
import sys

import pytest
import torch

from scripts.bench_memory import peak_in_a_process
from tests.workers.conftest import tiny_spec


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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_peak_of_a_film_three_times_as_long_is_not_higher():
    short, long = (peak_in_a_process(frames, side=64, base_num_frames=25) for frames in (121, 361))
    assert long <= 1.15 * short
