import pytest
import torch
from diffusers import SkyReelsV2DiffusionForcingPipeline

from tests.workers.conftest import tiny_components, tiny_spec
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.sampler.denoise import Condition, denoise_window, draw
from workers.engines.skyreels.sampler.text import TextEncoder


def latents_of(models, spec, on_step=lambda i: None):
    """Return the latents of a whole film by our loop, history sliced from latents."""
    generator, text = torch.Generator().manual_seed(spec.seed), TextEncoder()
    condition = Condition(text(models, spec.prompt), text(models, spec.negative_prompt))
    film = None
    for window in plan(spec).windows:
        history = film[:, :, -window.history :][:, :, : window.given] if window.history else None
        loop = denoise_window(models, spec, window, condition, history, generator)
        made = [(on_step(i), latents)[1] for i, latents in enumerate(loop)][-1]
        film = made if film is None else torch.cat([film, made[:, :, window.history :]], dim=2)
    return film


def diffusers_latents(models, spec, **more):
    pipe = SkyReelsV2DiffusionForcingPipeline(
        None, models.text_encoder, models.transformer, models.vae, models.scheduler(spec.shift)
    )
    pipe.tokenizer = models.tokenizer
    pipe.set_progress_bar_config(disable=True)
    long = {"overlap_history": spec.overlap_history} if spec.num_frames > spec.base_num_frames else {}
    return pipe(
        prompt=spec.prompt,
        height=spec.height,
        width=spec.width,
        num_frames=spec.num_frames,
        num_inference_steps=spec.steps,
        guidance_scale=spec.guidance_scale,
        base_num_frames=spec.base_num_frames,
        max_sequence_length=models.max_sequence_length,
        generator=torch.Generator().manual_seed(spec.seed),
        fps=spec.fps,
        output_type="latent",
        **long,
        **more,
    ).frames


def test_the_first_step_is_that_of_diffusers(tiny):
    """From the second step on diffusers' scheduler corrects a sample that it has overwritten itself."""
    spec = tiny_spec(steps=1, addnoise_condition=0, compat="diffusers")
    assert torch.allclose(latents_of(tiny, spec), diffusers_latents(tiny, spec), atol=1e-5)


def test_the_same_seed_gives_the_same_latents_with_noise_on_the_history(tiny):
    spec = tiny_spec(num_frames=25, addnoise_condition=20)
    torch.manual_seed(1)
    first = latents_of(tiny, spec)
    torch.manual_seed(2)
    assert torch.equal(first, latents_of(tiny, spec))


def test_the_global_generator_is_left_alone(tiny):
    before = torch.get_rng_state()
    latents_of(tiny, tiny_spec(num_frames=13, addnoise_condition=20))
    assert torch.equal(before, torch.get_rng_state())


def test_a_job_leaves_nothing_in_the_models_configuration(tiny):
    before = dict(tiny.transformer.config)
    latents_of(tiny, tiny_spec(num_frames=13, base_num_frames=13, causal_block_size=2, ar_step=1))
    assert dict(tiny.transformer.config) == before


def test_no_latent_stays_noise_where_the_block_does_not_divide(tiny):
    """diffusers leaves four of nine latents as they were drawn (its issue 13609); ours makes a block of one first."""
    spec = tiny_spec(num_frames=33, base_num_frames=33, causal_block_size=4, ar_step=1)
    generator = torch.Generator().manual_seed(spec.seed)
    noise = torch.randn((1, 16, 9, 4, 4), generator=generator)
    changed = (latents_of(tiny, spec) - noise).abs().amax(dim=(0, 1, 3, 4))
    assert (changed > 1e-3).all()


def test_the_1_3b_kind_with_frame_rates_runs(tiny):
    models = tiny_components(inject=True)
    assert not torch.equal(latents_of(models, tiny_spec(fps=16)), latents_of(models, tiny_spec(fps=24)))


def test_asynchronous_blocks_with_no_lag_equal_the_synchronous_mode(tiny):
    one = latents_of(tiny, tiny_spec(num_frames=13, base_num_frames=13))
    blocks = latents_of(tiny, tiny_spec(num_frames=13, base_num_frames=13, causal_block_size=2))
    assert torch.equal(one, blocks)


def test_what_the_callback_raises_goes_through(tiny):
    def stop(i):
        raise KeyError(i)

    with pytest.raises(KeyError):
        latents_of(tiny, tiny_spec(), stop)


def test_the_scheduler_corrects_the_sample_that_it_was_given(tiny):
    """Others hand it a view and overwrite it, so that every first correction starts from the wrong place."""
    spec = tiny_spec(steps=6, guidance_scale=1.0)
    condition = Condition(TextEncoder()(tiny, spec.prompt), None)
    latents = draw(torch.Generator().manual_seed(spec.seed), tiny, spec, 3)
    # The makers' noise levels: evenly from 0.999 down to, and without, 0, then shifted.
    even = 0.999 * (1 - torch.arange(spec.steps, dtype=torch.float64) / spec.steps)
    levels = spec.shift * even / (1 + (spec.shift - 1) * even)
    scheduler = tiny.scheduler(spec.shift)
    scheduler.set_timesteps(spec.steps)
    scheduler.sigmas = torch.cat([levels, torch.zeros(1)]).float()
    scheduler.timesteps = (levels * 1000).long()
    scheduler.set_begin_index(0)
    with torch.no_grad():
        for time in scheduler.timesteps:
            velocity = tiny.transformer(
                hidden_states=latents,
                timestep=time.expand(1, 3),
                encoder_hidden_states=condition.positive,
                enable_diffusion_forcing=True,
                return_dict=False,
            )[0]
            latents = scheduler.step(velocity, time, latents, return_dict=False)[0]
    assert torch.allclose(latents_of(tiny, spec), latents, atol=1e-6)
    assert not torch.allclose(diffusers_latents(tiny, spec), latents, atol=1e-6)


def test_latents_that_are_given_come_back_as_they_were(tiny):
    spec = tiny_spec(num_frames=13, base_num_frames=9, overlap_history=5)
    window, text = plan(spec).windows[1], TextEncoder()
    given = torch.randn((1, 16, 2, 4, 4), generator=torch.Generator().manual_seed(3))
    condition = Condition(text(tiny, spec.prompt), text(tiny, ""))
    *_, made = denoise_window(tiny, spec, window, condition, given, torch.Generator())
    assert made.shape[2] == 3 and torch.equal(made[:, :, :2], given)


def test_many_prompts_on_the_1_3b_kind_are_each_as_if_alone():
    """In one batch diffusers fails on that model; here jobs follow one another on the model in memory."""
    models = tiny_components(inject=True)
    prompts = [tiny_spec(prompt=prompt, fps=16) for prompt in ("a cat", "a dog")]
    together = [latents_of(models, spec) for spec in prompts]
    assert torch.equal(together[1], latents_of(tiny_components(inject=True), prompts[1]))


def test_a_job_in_blocks_does_not_change_the_job_after_it(tiny):
    expected = latents_of(tiny, tiny_spec())
    latents_of(tiny, tiny_spec(num_frames=13, base_num_frames=13, causal_block_size=2, ar_step=1))
    assert torch.equal(latents_of(tiny, tiny_spec()), expected)


def test_a_stopped_job_asks_the_model_nothing_more(tiny):
    asked = []
    hook = tiny.transformer.register_forward_hook(lambda *_: asked.append(1))
    with pytest.raises(KeyError), hook:
        latents_of(tiny, tiny_spec(num_frames=25), {}.__getitem__)
    assert len(asked) == 2  # with the prompt and without, once
