import itertools

import pytest
import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.conftest import tiny_spec
from workers.engines.skyreels.request.plan import plan, step_table
from workers.engines.skyreels.request.spec import frames_of


@given(st.integers(2, 26), st.integers(1, 25), st.integers(1, 120), st.sampled_from(["fixed", "official", "diffusers"]))
def test_windows_cover_every_frame_once(base, overlap, total, compat):
    overlap = min(overlap, base - 1)
    spec = tiny_spec(
        num_frames=frames_of(total), base_num_frames=frames_of(base), overlap_history=frames_of(overlap), compat=compat
    )
    windows = plan(spec).windows
    shown = [frame for w in windows for frame in range(w.first_frame, w.first_frame + w.frames)]
    assert shown == list(range(spec.num_frames))
    for before, window in itertools.pairwise(windows):
        assert window.first_latent + window.history == before.first_latent + before.latents
        assert window.history >= overlap


def test_the_last_window_is_as_long_as_the_model_was_trained_for():
    spec = tiny_spec(num_frames=377, base_num_frames=97, overlap_history=17)
    assert [w.latents for w in plan(spec).windows] == [25, 25, 25, 25, 25]
    assert plan(spec).windows[-1].frames == 40


@pytest.mark.parametrize(
    ("latents", "block", "ready", "ar_step", "steps"),
    [(6, 1, 0, 0, 4), (6, 2, 0, 3, 7), (10, 5, 5, 2, 6), (25, 5, 5, 5, 30), (6, 1, 0, 2, 3), (9, 3, 0, 1, 1)],
)
def test_the_step_table_is_the_official_one(latents, block, ready, ar_step, steps):
    times = torch.arange(900, 900 - steps, -1)
    _matrix, index, mask, _ = SkyReelsV2DiffusionForcingPipeline.generate_timestep_matrix(
        None, latents, times, latents, ar_step, ready, block
    )
    table = step_table((latents - ready) // block, steps, ar_step)
    assert torch.equal(torch.tensor(table).repeat_interleave(block, 1), index[:, ready:])
    before = ((0,) * len(table[0]), *table)
    moved = [
        [now != was and now <= steps for was, now in zip(*rows, strict=True)]
        for rows in zip(before, table, strict=False)
    ]
    assert torch.equal(torch.tensor(moved).repeat_interleave(block, 1), mask[:, ready:])
