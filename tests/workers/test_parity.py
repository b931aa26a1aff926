"""Same seed and weights as the unmodified pipelines of diffusers: the same latents, wherever those run at all."""

import pytest
import torch
from diffusers import (
    SkyReelsV2DiffusionForcingImageToVideoPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2DiffusionForcingVideoToVideoPipeline,
    SkyReelsV2ImageToVideoPipeline,
    SkyReelsV2Pipeline,
)
from PIL import Image

from tests.workers.conftest import I2V, T2V, last_latents, picture, tiny_components, tiny_spec
from workers.base import Inputs
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.request.spec import VideoSpec

LIMIT = 1e-4
BLOCKS = {"num_frames": 29, "base_num_frames": 29, "causal_block_size": 4, "ar_step": 1}


def theirs(kind, models, spec, **more):
    """Return the latents of a pipeline; its noise on the history comes from the global generator."""
    extra = {}
    if kind is SkyReelsV2ImageToVideoPipeline:
        extra = {"image_encoder": models.image_encoder, "image_processor": models.image_processor}
    pipe = kind(
        tokenizer=None,
        text_encoder=models.text_encoder,
        transformer=models.transformer,
        vae=models.vae,
        scheduler=models.scheduler(spec.shift),
        **extra,
    )
    pipe.tokenizer = models.tokenizer
    pipe.set_progress_bar_config(disable=True)
    if kind not in (SkyReelsV2Pipeline, SkyReelsV2ImageToVideoPipeline):
        more |= {"base_num_frames": spec.base_num_frames, "fps": spec.fps, "ar_step": spec.ar_step}
        more |= {"addnoise_condition": spec.addnoise_condition}
        if spec.num_frames > spec.base_num_frames or spec.video:
            more |= {"overlap_history": spec.overlap_history}
        if spec.causal_block_size > 1:
            more |= {"causal_block_size": spec.causal_block_size}
    torch.manual_seed(spec.seed)
    try:
        return pipe(
            prompt=spec.prompt,
            negative_prompt=spec.negative_prompt,
            height=spec.height,
            width=spec.width,
            num_frames=spec.num_frames,
            num_inference_steps=spec.steps,
            guidance_scale=spec.guidance_scale,
            max_sequence_length=models.max_sequence_length,
            generator=torch.Generator().manual_seed(spec.seed),
            output_type="latent",
            **more,
        ).frames
    finally:
        models.transformer.register_to_config(num_frame_per_block=1)


def distance(ours, other):
    assert ours.shape == other.shape
    return (ours - other).abs().max().item()


@pytest.fixture
def file(tmp_path):
    """A path for specs whose picture or clip is given decoded."""
    path = tmp_path / "input"
    path.write_bytes(b"decoded already")
    return path


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="one window"),
        pytest.param({"num_frames": 29, "addnoise_condition": 0}, id="long"),
        pytest.param({"num_frames": 25, "base_num_frames": 13, "addnoise_condition": 20}, id="long with noise"),
        pytest.param(BLOCKS, id="asynchronous in blocks"),
        pytest.param(
            {**BLOCKS, "ar_step": 2, "num_frames": 45, "overlap_history": 13, "addnoise_condition": 20},
            id="long blocks",
        ),
        pytest.param(
            {**BLOCKS, "num_frames": 41, "overlap_history": 17, "addnoise_condition": 20}, id="history cut to a block"
        ),
        pytest.param({"num_frames": 13, "base_num_frames": 13, "ar_step": 1}, id="asynchronous latents"),
        pytest.param({"guidance_scale": 1.0, "steps": 6}, id="no guidance"),
    ],
)
def test_diffusion_forcing_is_that_of_diffusers(tiny_engine, tiny, values):
    spec = tiny_spec(compat="diffusers", **values)
    assert distance(last_latents(tiny_engine, spec), theirs(SkyReelsV2DiffusionForcingPipeline, tiny, spec)) <= LIMIT


def test_a_model_that_predicts_the_film_itself_is_sampled_as_diffusers_does():
    pool = Pool()
    pool.put("nano", models := tiny_components())
    models.scheduler_config["prediction_type"] = "sample"
    spec = tiny_spec(compat="diffusers", num_frames=13)
    expected = theirs(SkyReelsV2DiffusionForcingPipeline, models, spec)
    assert distance(last_latents(SkyReelsEngine("nano", pool), spec), expected) <= LIMIT


def test_the_1_3b_kind_is_that_of_diffusers():
    pool = Pool()
    pool.put("nano", models := tiny_components(inject=True))
    spec = tiny_spec(compat="diffusers", fps=16)
    expected = theirs(SkyReelsV2DiffusionForcingPipeline, models, spec)
    assert distance(last_latents(SkyReelsEngine("nano", pool), spec), expected) <= LIMIT


@pytest.mark.parametrize("values", [{}, {"num_frames": 25, "addnoise_condition": 20}, BLOCKS])
def test_a_start_picture_is_that_of_diffusers(tiny_engine, tiny, file, values):
    spec = tiny_spec(compat="diffusers", image=file, **values)
    expected = theirs(SkyReelsV2DiffusionForcingImageToVideoPipeline, tiny, spec, image=Image.fromarray(picture()))
    assert distance(last_latents(tiny_engine, spec, Inputs(image=picture())), expected) <= LIMIT


def test_an_end_picture_is_that_of_diffusers(tiny_engine, tiny, file):
    spec = tiny_spec(compat="diffusers", image=file, end_image=file)
    inputs = Inputs(image=picture(), end_image=picture(1))
    images = {"image": Image.fromarray(picture()), "last_image": Image.fromarray(picture(1))}
    expected = theirs(SkyReelsV2DiffusionForcingImageToVideoPipeline, tiny, spec, **images)
    assert distance(last_latents(tiny_engine, spec, inputs), expected[:, :, :-1]) <= LIMIT


@pytest.mark.parametrize(
    "values", [{"num_frames": 13, "base_num_frames": 13}, {"num_frames": 21, "addnoise_condition": 20}]
)
def test_a_clip_that_goes_on_is_that_of_diffusers(tiny_engine, tiny, file, values):
    spec = tiny_spec(compat="diffusers", video=file, **values)
    clip = [picture(i) for i in range(7)]
    inputs = Inputs(video=torch.stack([torch.from_numpy(frame) for frame in clip]).numpy())
    expected = theirs(
        SkyReelsV2DiffusionForcingVideoToVideoPipeline, tiny, spec, video=[Image.fromarray(frame) for frame in clip]
    )
    assert distance(last_latents(tiny_engine, spec, inputs), expected) <= LIMIT


def test_text_models_are_those_of_diffusers(tiny_engine):
    models = tiny_engine.pool.get(T2V)
    spec = tiny_spec(model=T2V, steps=5, compat="diffusers")
    assert distance(last_latents(tiny_engine, spec), theirs(SkyReelsV2Pipeline, models, spec)) <= LIMIT


def test_image_models_are_those_of_diffusers(tiny_engine, file):
    models = tiny_engine.pool.get(I2V)
    spec = tiny_spec(model=I2V, steps=5, compat="diffusers", image=file)
    expected = theirs(SkyReelsV2ImageToVideoPipeline, models, spec, image=Image.fromarray(picture()))
    assert distance(last_latents(tiny_engine, spec, Inputs(image=picture())), expected) <= LIMIT


@pytest.mark.parametrize("values", [{}, {"causal_block_size": 3, "ar_step": 1}], ids=["together", "in blocks"])
def test_the_nano_model_is_that_of_diffusers(nano, values):
    small = {"num_frames": 21, "steps": 4, "compat": "diffusers", "seed": 3}
    spec = VideoSpec.for_model("nano", "a red circle moves right", ratio="1:1", **small, **values)
    expected = theirs(SkyReelsV2DiffusionForcingPipeline, nano.pool.get("nano"), spec)
    assert distance(last_latents(nano, spec), expected) <= LIMIT
