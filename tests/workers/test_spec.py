import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.conftest import tiny_spec
from workers.engines.skyreels import cards
from workers.engines.skyreels.request.spec import (
    SpecError,
    VideoSpec,
    block_sizes,
    frames_for_seconds,
    frames_of,
    latents_of,
    legal_num_frames,
    nearest_frame_counts,
)


def refused(**values):
    with pytest.raises(SpecError) as caught:
        tiny_spec(**values).validate()
    return caught.value


def test_the_web_process_can_check_a_request_without_torch():
    code = (
        "import sys; from workers import base; from workers.engines import registry;"
        "from workers.engines.skyreels.request import plan, spec;"
        "plan.plan(spec.VideoSpec.for_model('nano', 'x')); sys.exit('torch' in sys.modules or 'django' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_whole_windows_are_the_lengths_that_the_makers_recommend():
    lengths = legal_num_frames(97, 17, 1457)
    assert lengths[:3] == [97, 177, 257]
    assert {257, 737, 1457} <= set(lengths)


def test_377_frames_which_is_no_whole_number_of_windows_is_legal_all_the_same():
    VideoSpec.for_model("SkyReels-V2-DF-14B-540P", "x", num_frames=377).validate()


@pytest.mark.parametrize(
    ("values", "field", "nearest"),
    [
        ({"num_frames": 10}, "num_frames", (9, 13)),
        ({"num_frames": 0}, "num_frames", (1,)),
        ({"width": 100}, "width", (96, 112)),
        ({"height": 8}, "height", (32,)),
        ({"steps": 0}, "steps", (1,)),
        ({"steps": 900}, "steps", (200,)),
        ({"addnoise_condition": 51}, "addnoise_condition", (50,)),
        ({"overlap_history": 9, "num_frames": 13}, "overlap_history", (5,)),
        ({"guidance_scale": float("nan")}, "guidance_scale", (0,)),
        ({"seed": -1}, "seed", (0,)),
    ],
)
def test_an_illegal_value_names_its_field_and_the_nearest_legal_ones(values, field, nearest):
    error = refused(**values)
    assert (error.field, error.nearest) == (field, nearest)
    assert error.public_text.endswith(".")


def test_an_empty_prompt_and_an_unknown_or_unreleased_model_are_refused():
    assert refused(prompt="  ").field == "prompt"
    for model in ("SkyReels-V9", "SkyReels-V2-DF-5B-540P"):
        with pytest.raises(SpecError) as caught:
            VideoSpec.for_model(model, "x")
        assert caught.value.field == "model"


def test_blocks_that_do_not_fit_are_refused_with_the_nearest_lengths():
    error = refused(num_frames=33, base_num_frames=33, causal_block_size=5, ar_step=1)
    assert (error.field, error.nearest) == ("num_frames", (21,))
    error = refused(num_frames=93, base_num_frames=97, causal_block_size=5, ar_step=1)
    assert (error.field, error.nearest) == ("num_frames", (81, 97))


def test_a_block_after_the_start_image_is_shortened_instead_of_swallowing_it():
    assert block_sizes(25, 5, ready=1) == (4, 5, 5, 5, 5)
    assert block_sizes(25, 4) == (1, 4, 4, 4, 4, 4, 4)
    assert block_sizes(9, 5) is None


def test_models_that_make_one_window_refuse_more():
    with pytest.raises(SpecError) as caught:
        VideoSpec.for_model("SkyReels-V2-T2V-14B-540P", "x", num_frames=177).validate()
    assert caught.value.nearest == (97,)


@given(st.integers(-10, 3000))
def test_named_frame_counts_are_legal_and_next_to_the_asked_one(frames):
    nearest = nearest_frame_counts(frames)
    assert all(frames_of(latents_of(n)) == n and abs(n - frames) < 4 + max(0, 1 - frames) for n in nearest)


@given(st.floats(0, 200), st.sampled_from([8, 16, 24, 30]))
def test_seconds_become_the_nearest_legal_length(seconds, fps):
    frames = frames_for_seconds(seconds, fps)
    assert frames_of(latents_of(frames)) == frames
    assert abs(frames - seconds * fps) <= 2 or frames == 5


def test_the_hash_sees_every_value_and_the_content_of_files(tmp_path):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    one.write_bytes(b"same")
    two.write_bytes(b"same")
    spec = tiny_spec(image=one)
    assert spec.hash() == dataclasses.replace(spec, image=two).hash()
    assert spec.hash() != dataclasses.replace(spec, seed=8).hash()
    two.write_bytes(b"other")
    assert spec.hash() != dataclasses.replace(spec, image=two).hash()


def test_the_catalogue_has_every_model_of_the_family_with_legal_sizes():
    models = cards.all()
    embedded = [card for card in models if card.embedded]
    assert models[0].id == "nano" and models[: len(embedded)] == (*embedded,) and len(models) - len(embedded) == 18
    assert sum(card.released for card in models) - len(embedded) == 8
    for card in models:
        for ratio in card.ratios:
            if card.released:
                image = Path("start.png") if card.variant == "i2v" else None
                VideoSpec.for_model(card.id, "x", ratio=ratio, image=image).validate()
