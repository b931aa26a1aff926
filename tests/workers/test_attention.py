import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.workers.conftest import last_latents, tiny_components, tiny_spec
from workers.engines.skyreels.request.spec import SpecError
from workers.engines.skyreels.sampler.attention import self_attention

TOKENS = 4  # a latent of 4 x 4 in patches of 2 x 2


class Shapes(TorchDispatchMode):
    """Notes the size of every tensor of truth values that is made."""

    def __init__(self):
        super().__init__()
        self.masks = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.dtype == torch.bool:
            self.masks.add(made.numel())
        return made


def ask(models, latents):
    with torch.no_grad():
        return models.transformer(
            hidden_states=latents,
            timestep=torch.full((1, latents.shape[2]), 500),
            encoder_hidden_states=torch.zeros(1, 16, 32),
            enable_diffusion_forcing=True,
            return_dict=False,
        )[0]


@pytest.fixture
def latents():
    return torch.randn((1, 16, 6, 4, 4), generator=torch.Generator().manual_seed(0))


def test_slices_give_what_the_dense_mask_gives(latents):
    dense, sliced = tiny_components(), tiny_components()
    dense.transformer.register_to_config(num_frame_per_block=2)
    with self_attention(sliced.transformer, (2, 2, 2), TOKENS):
        assert torch.allclose(ask(sliced, latents), ask(dense, latents), atol=1e-5)


@pytest.mark.parametrize("blocks", [(2, 2, 2), (1, 5), (3, 3)])
def test_a_block_sees_itself_and_what_came_before_and_nothing_later(latents, blocks):
    models, changed = tiny_components(), latents.clone()
    changed[:, :, -1] += 1
    with self_attention(models.transformer, blocks, TOKENS):
        difference = (ask(models, latents) - ask(models, changed)).abs().amax(dim=(0, 1, 3, 4))
    first = 6 - blocks[-1]
    assert (difference[:first] == 0).all() and (difference[first:] > 0).all()


def test_without_causal_attention_blocks_see_the_whole_window(latents):
    models, changed = tiny_components(), latents.clone()
    changed[:, :, -1] += 1
    assert ((ask(models, latents) - ask(models, changed)).abs().amax(dim=(0, 1, 3, 4)) > 0).all()


def test_no_mask_of_tokens_by_tokens_is_ever_made(latents):
    models = tiny_components()
    with Shapes() as seen, self_attention(models.transformer, (2, 2, 2), TOKENS):
        ask(models, latents)
    assert (6 * TOKENS) ** 2 not in seen.masks


def test_the_model_is_as_it_was_after_a_causal_job_and_after_a_failed_one(tiny_engine, tiny):
    before, config = tiny.transformer.attn_processors, dict(tiny.transformer.config)
    spec = tiny_spec(causal_attention=True, causal_block_size=1)
    assert not torch.equal(last_latents(tiny_engine, spec), last_latents(tiny_engine, tiny_spec()))
    with pytest.raises(KeyError), self_attention(tiny.transformer, (3,), TOKENS):
        raise KeyError
    assert tiny.transformer.attn_processors == before and dict(tiny.transformer.config) == config


def test_a_film_that_cannot_see_ahead_cannot_lead_up_to_a_picture(tmp_path):
    with pytest.raises(SpecError, match="end_image"):
        tiny_spec(causal_attention=True, end_image=tmp_path / "end.png").validate()
