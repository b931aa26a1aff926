import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from workers.engines.skyreels import cards
from workers.engines.skyreels.request.flags import FLAGS, add_flags, flags_of, nearest_ratio, request
from workers.engines.skyreels.request.spec import SpecError

# As the makers' own description of the two scripts has them.
BOTH = {
    *("prompt", "image", "resolution", "num_frames", "inference_steps", "fps", "shift", "guidance_scale", "seed"),
    *("offload", "use_usp", "outdir", "prompt_enhancer", "teacache", "teacache_thresh", "use_ret_steps", "model_id"),
}
FORCING = {"ar_step", "base_num_frames", "overlap_history", "addnoise_condition", "causal_block_size"}
FORCING |= {"video_path", "end_image", "causal_attention"}
OURS = {"negative_prompt", "ratio"}


def parsed(command, line, **more):
    parser = argparse.ArgumentParser()
    add_flags(parser, command)
    return request(vars(parser.parse_args(["--prompt", "a swan", *line.split()])), command, **more)


def df(line="", **more):
    return parsed("generate_video_df", line, **more)


def test_every_flag_of_the_two_scripts_is_there():
    assert {flag.name for flag in flags_of("generate_video")} == BOTH | OURS
    assert {flag.name for flag in FLAGS} == BOTH | FORCING | OURS | {"overlap"}


def test_nothing_of_torch_is_loaded():
    code = "import sys; import workers.engines.skyreels.request.flags; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--model_id Skywork/SkyReels-V2-DF-14B-540P", (960, 544, 97, 50, 6.0, 8.0, 97, 17, 20, 24)),
        ("--model_id SkyReels-V2-DF-14B-720P-Diffusers", (1280, 720, 121, 50, 6.0, 8.0, 121, 17, 20, 24)),
        ("--model_id Skywork/SkyReels-V2-DF-1.3B-540P --image a.png", (960, 544, 97, 50, 5.0, 5.0, 97, 17, 20, 24)),
    ],
)
def test_what_is_left_out_is_what_the_makers_recommend(line, expected):
    spec = df(line).spec
    assert expected == (
        *(spec.width, spec.height, spec.num_frames, spec.steps, spec.guidance_scale, spec.shift),
        *(spec.base_num_frames, spec.overlap_history, spec.addnoise_condition, spec.fps),
    )


@pytest.mark.parametrize("flag", [flag.name for flag in FLAGS if flag.forcing])
def test_a_model_without_diffusion_forcing_says_what_it_cannot_do(flag):
    value = {"overlap": "latent", "end_image": Path("a.png"), "video_path": Path("b.mp4")}.get(flag, 5)
    with pytest.raises(SpecError) as caught:
        request({"prompt": "a swan", "model_id": "SkyReels-V2-T2V-14B-540P", flag: value})
    assert caught.value.field == flag and "diffusion forcing" in caught.value.public_text


@pytest.mark.parametrize(
    ("model", "word"), [("SkyReels-V2-DF-14B-540P", "最差质量"), ("SkyReels-V2-T2V-14B-720P", "worst quality")]
)
def test_what_the_makers_never_want_to_see_is_excluded_unless_told_otherwise(model, word):
    def negative(**more):
        return request({"prompt": "a swan", "model_id": model} | more).spec.negative_prompt

    assert word in negative()
    assert (negative(negative_prompt="rain"), negative(negative_prompt="")) == ("rain", "")
    assert df().spec.negative_prompt == "", "nano knows nothing of it"


def test_image_models_have_values_of_their_own():
    made = parsed("generate_video", "--model_id Skywork/SkyReels-V2-I2V-14B-540P --image a.png")
    assert (made.spec.guidance_scale, made.spec.shift) == (5.0, 5.0)
    made = parsed("generate_video", "--model_id Skywork/SkyReels-V2-T2V-14B-720P --guidance_scale 7 --offload")
    assert (made.spec.guidance_scale, made.spec.shift, made.spec.num_frames) == (7.0, 8.0, 121)
    assert made.run.memory == "model" and made.spec.teacache == 0


def test_the_makers_own_commands_are_understood():
    line = (
        "--model_id Skywork/SkyReels-V2-DF-14B-540P --resolution 540P --ar_step 5 --causal_block_size 5 "
        "--base_num_frames 97 --num_frames 737 --overlap_history 17 --addnoise_condition 20 --offload"
    )
    spec = df(line).spec
    assert (spec.num_frames, spec.ar_step, spec.causal_block_size) == (737, 5, 5)
    line = (
        "--model_id Skywork/SkyReels-V2-DF-14B-540P --teacache --use_ret_steps --teacache_thresh 0.3 --num-frames 257"
    )
    made = df(line)
    assert made.spec.teacache == 0.3 and made.spec.use_ret_steps


def test_asynchronous_blocks_have_five_latents_unless_told_otherwise():
    large = "--model_id SkyReels-V2-DF-14B-540P --ar_step 5"
    assert df(large).spec.causal_block_size == 5 and df("--ar_step 0").spec.causal_block_size == 1
    assert df("--model_id nano --ar_step 4").spec.causal_block_size == 1, "it has learned no longer blocks"


def test_a_seed_is_drawn_once_and_kept_in_the_job():
    assert df("--seed 5").spec.seed == 5
    assert len({df().spec.seed for _ in range(4)}) > 1


@pytest.mark.parametrize(("size", "ratio"), [((3000, 4000), "9:16"), ((4000, 2250), "16:9"), ((500, 500), "1:1")])
def test_a_picture_held_upright_makes_a_video_held_upright(size, ratio):
    card = cards.get("SkyReels-V2-DF-14B-540P")
    assert nearest_ratio(card, *size) == ratio
    spec = df(f"--model_id {card.id} --image a.png", picture_size=size).spec
    assert (spec.width, spec.height) == card.sizes[ratio]
    assert df(f"--model_id {card.id} --image a.png --ratio 4:3", picture_size=size).spec.width == 720


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("--num_frames 120", "num_frames"),
        ("--model_id nothing", "model_id"),
        ("--model_id SkyReels-V2-T2V-14B-540P", "model_id"),
        ("--model_id SkyReels-V2-DF-5B-540P", "model_id"),
        ("--resolution 720P --model_id SkyReels-V2-DF-14B-540P", "resolution"),
        ("--image a.png --video_path b.mp4", "image"),
        ("--inference_steps 0", "inference_steps"),
        ("--video_path b.mp4 --num_frames 5", "num_frames"),
        ("--prompt_enhancer --use_usp", "prompt_enhancer"),
        ("--teacache --teacache_thresh 3", "teacache_thresh"),
        ("--ratio 3:1", "ratio"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_the_flag(line, field):
    with pytest.raises(SpecError) as caught:
        df(line)
    assert caught.value.field == field and caught.value.public_text.endswith(".")
