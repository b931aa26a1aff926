"""RIFE's network beside optical flow. No published checkpoint is here: its layers have weights of these tests."""

import numpy as np
import pytest
import torch

from tests import media
from tests.workers.conftest import picture
from workers.base import EngineError
from workers.engines import registry
from workers.engines.interpolation import cards
from workers.engines.interpolation.engine import Flow, Rife
from workers.engines.interpolation.network import IFNet, network
from workers.media.probe import read_frames
from workers.upscale import Upscale, upscale_film
from workers.weights import catalog


def quiet(seed=0):
    """Return the network with random weights whose last layers say nothing: no motion, and either frame as good."""
    torch.manual_seed(seed)
    made = IFNet()
    for block in (made.block0, made.block1, made.block2, made.block3):
        torch.nn.init.zeros_(block.lastconv[0].weight)
        torch.nn.init.zeros_(block.lastconv[0].bias)
    return made.requires_grad_(False)


def tensor(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def published(made, path):
    """Save it as the makers do: from a parallel wrapper, with a layer that only training used."""
    state = {f"module.{name}": value for name, value in made.state_dict().items()}
    torch.save(state | {"module.block_tea.conv0.0.0.weight": torch.zeros(1)}, path)
    return path


@pytest.fixture
def rife(tmp_path, monkeypatch):
    """Put a checkpoint called rife into the catalogue and on this machine."""
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    card = cards.RifeCard(id="rife", title="rife")
    catalog.get(cards.DEFAULT)  # the catalogue is read before something is added to it
    monkeypatch.setitem(catalog._cards, "rife", card)
    (tmp_path / "rife").mkdir()
    published(quiet(), tmp_path / "rife" / "flownet.pkl")
    return card


def test_without_motion_the_frame_between_is_the_mean():
    here, after = (tensor(picture(seed, 70, 50)) for seed in (1, 2))
    with torch.inference_mode():
        made = quiet()(here, after, 0.5)
    assert made.shape == here.shape
    assert torch.allclose(made, (here + after) / 2, atol=1e-4)


@pytest.mark.parametrize("coarser", [1, 2])
def test_both_frames_are_moved_along_their_flows_and_the_mask_says_which_is_seen(coarser):
    net = quiet()
    # Four numbers of the last layer become one channel: flow to the right of the first frame, and the mask.
    net.block3.lastconv[0].bias[0:4] = 3.0 / coarser
    net.block3.lastconv[0].bias[16:20] = 30.0
    here, after = (tensor(picture(seed, 64, 64)) for seed in (1, 2))
    with torch.inference_mode():
        made = net(here, after, 0.5, coarser)
    assert torch.allclose(made[..., :-3], here[..., 3:], atol=1e-4)


def test_large_random_weights_still_give_a_whole_picture_of_any_size():
    torch.manual_seed(3)
    net = IFNet().eval()
    for width, height in ((33, 17), (64, 128), (100, 36)):
        here, after = (tensor(picture(seed, width, height)) for seed in (1, 2))
        with torch.inference_mode():
            made = net(here, after, 0.25)
        assert made.shape == (1, 3, height, width) and bool(torch.isfinite(made).all())


def test_a_published_checkpoint_is_read_and_another_version_is_refused(tmp_path):
    made = quiet(5)
    found = network(published(made, tmp_path / "flownet.pkl"))
    assert all(torch.equal(value, found.state_dict()[name]) for name, value in made.state_dict().items())

    later = made.state_dict()
    later["block0.conv0.0.0.weight"] = torch.zeros(96, 15, 3, 3)  # 4.7 sees features of the pictures, too
    torch.save(later, tmp_path / "later.pkl")
    with pytest.raises(EngineError, match="model_broken") as error:
        network(tmp_path / "later.pkl")
    assert "no checkpoint of RIFE 4.6: its block0.conv0.0.0.weight has the shape" in error.value.public_text

    (tmp_path / "code.pkl").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(EngineError, match="model_broken"):
        network(tmp_path / "code.pkl")
    with pytest.raises(EngineError, match="model_not_ready"):
        network(tmp_path / "none.pkl")


def test_optical_flow_is_the_way_of_the_studio_until_another_is_chosen(rife, monkeypatch):
    assert catalog.chosen("interpolation") == cards.DEFAULT
    assert isinstance(registry.get("interpolation"), Flow) and cards.get(cards.DEFAULT).folder()
    monkeypatch.setenv("CINEVIVID_INTERPOLATION_ENGINE", "rife")
    assert catalog.chosen("interpolation") == "rife" and not catalog.trouble("interpolation")
    monkeypatch.setenv("CINEVIVID_INTERPOLATORS", "rife second=somebody/their-rife")
    assert catalog.named("CINEVIVID_INTERPOLATORS") == [("rife", ""), ("second", "somebody/their-rife")]


def test_the_page_of_models_knows_a_broken_checkpoint(rife, tmp_path):
    rife.check(tmp_path / "rife")
    (tmp_path / "rife" / "flownet.pkl").write_bytes(b"half")
    with pytest.raises(EngineError, match="model_broken"):
        rife.check(tmp_path / "rife")
    (tmp_path / "rife" / "flownet.pkl").unlink()
    assert rife.folder() is None
    with pytest.raises(EngineError, match="model_not_ready"):
        Rife("rife").load()


def test_nothing_is_blended_across_a_cut(rife):
    here, after = picture(1, 96, 64), 255 - picture(9, 96, 64)
    after[10:50, 20:80] = (250, 250, 60)
    made = Rife("rife").between(here, after)
    assert np.array_equal(made.at(0.5), here)


def test_a_film_is_made_smoother_by_the_model_that_was_chosen(rife, tmp_path):
    frames = [np.full((32, 48, 3), 90 + 3 * i, np.uint8) for i in range(5)]
    clip = media.film(tmp_path / "clip.mp4", frames, rate=8)
    asked = Upscale(source=clip, factor=2, fps=16, interpolation="rife")
    info = upscale_film(asked, tmp_path / "work", tmp_path / "out.mp4")
    assert (info.frames, info.fps, info.width) == (10, 16, 96)
    levels = [frame.mean() for frame in read_frames(tmp_path / "out.mp4")]
    assert all(abs(level - 90 - 1.5 * i) < 4 for i, level in enumerate(levels[:9]))
