"""TeaCache skips what changes little, and never what matters."""

import pytest
import torch

from tests.workers.conftest import T2V, tiny_components, tiny_spec
from workers.engines.skyreels import cards
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.sampler.denoise import Condition, denoise_window
from workers.engines.skyreels.sampler.teacache import TeaCache, teacache

EAGER = 1.0  # a threshold that skips all it may


def window(models, spec, index=0, watch=None):
    """Denoise one window; `watch(cache)` is called after each step."""
    embeddings = torch.randn((1, 16, 32), generator=torch.Generator().manual_seed(1))
    condition = Condition(embeddings, torch.zeros_like(embeddings))
    transformer = models.transformer

    def step(i):
        if watch is not None:
            inner = transformer.blocks[0]
            watch(getattr(inner, "cache", None))

    layout = plan(spec).windows[index]
    given = None if not layout.given else torch.zeros((1, 16, layout.given, 4, 4))
    loop = denoise_window(models, spec, layout, condition, given, torch.Generator().manual_seed(3))
    return [(step(i), latents)[1] for i, latents in enumerate(loop)][-1]


def counted(models, spec, index=0):
    """Return what was computed in each step, by prompt."""
    steps = []

    def watch(cache):
        steps.append((cache.computed["cond"], cache.computed["uncond"]))

    latents = window(models, spec, index, watch)
    befores = [(0, 0), *steps]
    return [(now[0] - old[0], now[1] - old[1]) for now, old in zip(steps, befores, strict=False)], latents


@pytest.mark.parametrize("steps", [6, 7])
@pytest.mark.parametrize("model", ["nano", T2V])
def test_both_prompts_skip_the_same_steps_and_the_last_is_computed(tiny, model, steps):
    """The official script counts calls up to the number of steps, and with an odd number swaps the two prompts."""
    models = tiny if model == "nano" else tiny_components("t2v")
    made, _ = counted(models, tiny_spec(model=model, steps=steps, teacache=EAGER))
    assert all(cond == uncond for cond, uncond in made)
    assert made[0] == made[-1] == (1, 1)
    assert (0, 0) in made


def test_each_prompt_reuses_its_own_work(tiny):
    seen = {}

    def watch(cache):
        seen.update({name: added.clone() for name, added in cache._added.items()})

    window(tiny, tiny_spec(steps=7, teacache=EAGER), watch=watch)
    assert set(seen) == {"cond", "uncond"} and not torch.equal(seen["cond"], seen["uncond"])


def test_retained_steps_are_computed(tiny):
    made, _ = counted(tiny, tiny_spec(steps=9, teacache=EAGER, use_ret_steps=True))
    assert [cond for cond, _ in made] == [1, 1, 1, 1, 1, 0, 0, 0, 1]


def test_a_threshold_of_zero_changes_nothing(tiny):
    plain = window(tiny, tiny_spec(steps=5))
    assert torch.equal(window(tiny, tiny_spec(steps=5, teacache=0.0)), plain)
    # A threshold that no step stays under computes every step, to the same latents bit by bit.
    assert torch.equal(window(tiny, tiny_spec(steps=5, teacache=1e-9)), plain)


def test_nothing_is_left_for_the_next_window_or_job(tiny):
    spec = tiny_spec(steps=6, teacache=EAGER)
    blocks = tiny.transformer.blocks
    first = window(tiny, spec)
    assert tiny.transformer.blocks is blocks
    assert not tiny.transformer.condition_embedder.time_proj._forward_hooks
    assert torch.equal(window(tiny, spec), first)


def test_a_job_that_breaks_off_leaves_the_transformer_as_it_was(tiny):
    blocks = tiny.transformer.blocks

    def stop(cache):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        window(tiny, tiny_spec(steps=6, teacache=EAGER), watch=stop)
    assert tiny.transformer.blocks is blocks


def test_history_that_does_not_change_hides_nothing(tiny):
    """The largest change of a latent counts, so a window that is mostly history skips no more than the first."""
    spec = tiny_spec(num_frames=13, overlap_history=5, steps=8, teacache=0.05)
    first, second = (counted(tiny, spec, index)[0] for index in (0, 1))
    assert sum(cond for cond, _ in first) == sum(cond for cond, _ in second)


def test_in_asynchronous_films_every_block_has_its_first_and_last_step(tiny):
    spec = tiny_spec(steps=6, ar_step=2, causal_block_size=1, teacache=EAGER)
    layout = plan(spec).windows[0]
    made, _ = counted(tiny, spec)
    for i, row in enumerate(layout.table):
        before = layout.table[i - 1] if i else (0,) * len(row)
        edge = any(now != old and now in (1, spec.steps) for now, old in zip(row, before, strict=True))
        assert not edge or made[i] == (1, 1)
    assert (0, 0) in made


def test_changes_add_up_until_the_threshold(tiny):
    cache = TeaCache(tiny_spec(steps=10, teacache=0.25))
    told = []
    for i, level in enumerate([1.0, 1.1, 1.2, 1.3, 1.4]):
        cache.begin((i + 1,), (i,))
        cache.see("time_embedder", torch.full((1, 4), level))
        told.append(cache._decide())
    # 10 %, 9 %, 8 % more than the step before: the third makes it more than a quarter.
    assert told == [False, True, True, False, True]


def test_a_polynomial_below_zero_counts_as_no_change():
    cache = TeaCache(tiny_spec(steps=10, teacache=0.1))
    cache.polynomial = (-1.0, 0.0)
    for i, level in enumerate([1.0, 2.0]):
        cache.begin((i + 1,), (i,))
        cache.see("time_embedder", torch.full((1, 4), level))
        cache._decide()
    assert cache._distance == 0


def test_the_frame_rate_counts_where_the_model_knows_it():
    models = tiny_components(inject=True)
    spec = tiny_spec(steps=3, teacache=EAGER, use_ret_steps=True)
    with teacache(models.transformer, spec) as cache, torch.inference_mode():
        cache.begin((1,), (0,))
        models.transformer(
            hidden_states=torch.zeros(1, 16, 2, 4, 4),
            timestep=torch.tensor([[900, 900]]),
            encoder_hidden_states=torch.zeros(1, 16, 32),
            enable_diffusion_forcing=True,
            fps=[1],
            return_dict=False,
        )
        assert cache._seen["fps_projection"].shape[-1] == cache._seen["time_proj"].shape[-1]


def test_polynomials_go_by_the_catalogue_and_not_by_a_path():
    df, t2v, i2v = (cards.get(f"SkyReels-V2-{kind}-540P") for kind in ("DF-1.3B", "T2V-14B", "I2V-1.3B"))
    assert df.teacache[0] == 2396.76752 and t2v.teacache[0] == -5784.54975374
    assert i2v.teacache == cards.get("SkyReels-V2-I2V-14B-540P").teacache != cards.get(f"{i2v.id[:-9]}14B-720P")
    assert all(len(card.teacache) == len(card.teacache_retained) == 5 for card in cards.all() if card.repo)


def test_what_is_to_be_known_is_said():
    warning = cards.get("SkyReels-V2-DF-14B-540P").teacache_warning
    assert "diffusion forcing do not go together" in warning and "polynomial" not in warning
    assert "No polynomial" in cards.get("nano").teacache_warning
    assert cards.get(T2V).teacache_warning == ""
