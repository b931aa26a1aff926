"""The training code computes what the library computes, and the shipped folder is a diffusers folder of legal size."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from diffusers import SkyReelsV2DiffusionForcingPipeline
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.nano_lab import captions, export, paint, samples, text, train, transformer, vae, world
from workers.engines.skyreels.nano_lab.evaluate import psnr
from workers.engines.skyreels.nano_lab.export import SHIPPED
from workers.engines.skyreels.nano_lab.report import picture
from workers.engines.skyreels.request.flags import video_request
from workers.render import inputs_of

ROOT = Path(__file__).resolve().parents[2]


def test_fast_autoencoder_equals_the_chunked_one() -> None:
    net = vae.build(seed=0)
    clip, z = torch.randn(1, 3, 9, 32, 32), torch.randn(1, vae.CHANNELS, 3, 4, 4)
    with torch.no_grad():
        assert torch.allclose(net.encode(clip).latent_dist.parameters, vae.encode(net, clip), atol=1e-4)
        assert torch.allclose(net._decode(z).sample, vae.decode(net, z).clamp(-1, 1), atol=1e-4)


def test_a_polished_encoder_stays_near_its_former_latents_as_strongly_as_it_is_tied(tmp_path) -> None:
    clip, _ = vae.crops(2, random.Random(3))
    moved = {}
    for tie in (None, 0.02, 50.0):
        (tmp_path / str(tie)).mkdir()
        export.unpack(SHIPPED, tmp_path / str(tie))
        path = tmp_path / str(tie) / "vae.pt"
        before = vae.load(path)
        vae.polish(path, 5, tie=tie)
        after = vae.load(path)
        assert not torch.equal(before.decoder.conv_out.weight, after.decoder.conv_out.weight)
        with torch.no_grad():
            change = vae.encode(after, clip)[:, : vae.CHANNELS] - vae.encode(before, clip)[:, : vae.CHANNELS]
        moved[tie] = float(change.square().mean())
    assert moved[None] == 0 < moved[50.0] < moved[0.02]


@pytest.mark.parametrize("block", [1, 2])
def test_fast_transformer_equals_the_library(block: int) -> None:
    net = transformer.build(seed=0)
    z, t, words = torch.randn(2, vae.CHANNELS, 4, 8, 12), torch.rand(2, 4) * 1000, torch.randn(2, 9, text.WIDTH)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p) * 0.02)
        if block > 1:
            net._set_ar_attention(block)
        theirs = net(z, t, words, enable_diffusion_forcing=True, return_dict=False)[0]
        turn, causal = transformer.rotation(net, range(4), 8, 12), transformer.causal_mask(4, 24, block)
        ours = transformer.forward(net, z, t, words, torch.zeros(2, 1, 1, 9), turn, causal)
        kept = torch.arange(24)[None, None].expand(2, 4, 24)
        again = transformer.forward(net, z, t, words, torch.zeros(2, 1, 1, 9), turn, causal, kept)
    assert torch.allclose(theirs, ours, atol=1e-4)
    assert torch.allclose(ours, again, atol=1e-5)


def test_bfloat16_is_for_products_only() -> None:
    net = transformer.build(seed=0, layers=2)
    z, t, words = torch.randn(2, vae.CHANNELS, 3, 4, 4), torch.rand(2, 3) * 1000, torch.randn(2, 9, text.WIDTH)
    torch.nn.init.normal_(net.proj_out.weight, std=0.05)
    given = (net, z, t, words, torch.zeros(2, 1, 1, 9), transformer.rotation(net, range(3), 4, 4))
    with torch.no_grad():
        whole = transformer.forward(*given)
        with torch.autocast("cpu", torch.bfloat16):
            half = transformer.forward(*given)
    assert half.dtype == torch.float32
    assert 1e-4 < float((half - whole).norm() / whole.norm()) < 0.02


def test_some_frames_of_a_clip_keep_their_places_in_it() -> None:
    net = transformer.build(seed=0, layers=1)
    some, every = transformer.rotation(net, [0, 4], 4, 6), transformer.rotation(net, range(5), 4, 6)
    assert torch.equal(some, every[:, [*range(6), *range(24, 30)]])


def test_a_grown_transformer_begins_as_the_shallow_one() -> None:
    shallow, deep = transformer.build(seed=0, layers=2), transformer.build(seed=1, layers=3)
    torch.nn.init.normal_(shallow.proj_out.weight)
    transformer.grow(deep, shallow.state_dict())
    z, t, words = torch.randn(1, vae.CHANNELS, 2, 4, 4), torch.rand(1, 2) * 1000, torch.randn(1, 5, text.WIDTH)
    with torch.no_grad():
        one, two = (net(z, t, words, enable_diffusion_forcing=True, return_dict=False)[0] for net in (shallow, deep))
    assert torch.allclose(one, two, atol=1e-5)


def test_history_and_ends_are_clean_and_blocks_share_their_noise() -> None:
    rng = random.Random(0)
    for _ in range(50):
        history = samples.draw_noise("history", 5, 1, rng)
        assert 1 <= history.clean <= 4 and max(history.sigma[: history.clean]) <= 0.05
        ends = samples.draw_noise("both_ends", 6, 1, rng)
        assert 1 <= ends.clean <= 4 and max(ends.sigma[: ends.clean]) <= 0.05 and ends.sigma[-1] == 0
        stairs = samples.draw_noise("stairs", 6, 2, rng)
        assert stairs.sigma[0] == stairs.sigma[1] and stairs.sigma[2] == stairs.sigma[3]
        rising = samples.draw_noise("stairs", 6, 1, rng)
        assert rising.sigma[rising.clean :] == sorted(rising.sigma[rising.clean :])
        assert len(set(samples.draw_noise("sync", 5, 1, rng).sigma)) == 1


@given(st.integers(0, 15), st.integers(0, 9), st.integers(1, 8), st.integers(1, 8), st.randoms(use_true_random=False))
def test_a_square_of_tokens_lies_in_the_picture_and_holds_the_object(x, y, wide, high, rng) -> None:
    near = torch.zeros(12, 20, dtype=torch.bool)
    near[y : y + high, x : x + wide] = True
    tokens = samples.square(near, rng)
    assert len(set(tokens.tolist())) == samples.SQUARE**2 and tokens.min() >= 0 and tokens.max() < 6 * 10
    seen = torch.zeros(60, dtype=torch.bool)
    seen[tokens] = True
    assert seen.view(6, 1, 10, 1).expand(6, 2, 10, 2).reshape(12, 20)[near].all()


def test_unknown_words_become_one_token() -> None:
    tok = text.tokenizer()
    one, two = tok("a red Zeppelin rises")["input_ids"], tok("a red quagga rises")["input_ids"]
    assert one == two and one[-1] == tok.eos_token_id
    assert tok(captions.canonical(world.Spec("orange", "star", "up", "sea")))["input_ids"].count(tok.unk_token_id) == 0


def test_shipped_folder_is_small_and_float16() -> None:
    assert sum(f.stat().st_size for f in SHIPPED.rglob("*.safetensors")) <= 25e6
    for part in ("transformer", "vae", "text_encoder", "tokenizer", "scheduler"):
        assert (SHIPPED / part).is_dir()


@pytest.mark.slow
def test_the_unmodified_pipeline_shows_the_colour_and_scene_asked_for() -> None:
    from workers.engines.skyreels.nano_lab.evaluate import Bench

    specs = [
        world.Spec("red", "circle", "right", "black"),
        world.Spec("yellow", "square", "up", "night"),
        world.Spec("cyan", "star", "grow", "sunset"),
        world.Spec("white", "heart", "down", "sea"),
    ]
    bench = Bench()
    from workers.engines.skyreels.nano_lab.score import read

    right = [read(clip).matches(spec) for spec, clip, _ in bench.text_to_video(specs, (128, 128))]
    assert sum(r["colour"] for r in right) >= 3
    assert sum(r["scene"] for r in right) >= 3


@pytest.mark.slow
def test_two_processes_train_on_from_the_shipped_folder_as_one(tmp_path) -> None:
    def nano(*arguments: str) -> None:
        command = [sys.executable, "-m", "workers.engines.skyreels.nano_lab", *arguments]
        environment = os.environ | {"NANO_DIR": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    nano("unpack")
    before = torch.load(tmp_path / "transformer.pt", weights_only=True)
    short = ["--minutes", "0.1", "--full", "0", "--fresh", "6", "--eager", "--processes", "2"]
    nano("train", *short, "--folder", str(tmp_path / "out"))
    after = torch.load(tmp_path / "transformer.pt", weights_only=True)
    assert after["step"] > 0
    assert not torch.equal(after["raw"]["proj_out.weight"], before["raw"]["proj_out.weight"])
    pipe = SkyReelsV2DiffusionForcingPipeline.from_pretrained(tmp_path / "out")
    assert pipe.transformer.config.num_layers == transformer.LAYERS


def one_step(rank: int, folder: str, gradients: list[float], elapsed: list[float]) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    weight = torch.nn.Linear(1, 1, bias=False)
    weight.weight.grad = torch.full((1, 1), gradients[rank])
    trainer = train.Trainer.__new__(train.Trainer)
    trainer.every, trainer.ranks = [weight.weight], 2
    assert (trainer._agree(elapsed[rank]), float(weight.weight.grad)) == (3.0, 2.0)
    dist.destroy_process_group()


@pytest.mark.slow
def test_processes_take_the_mean_of_their_gradients_and_of_their_clocks(tmp_path) -> None:
    torch.multiprocessing.spawn(one_step, args=(str(tmp_path), [1.0, 3.0], [2.0, 4.0]), nprocs=2)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["a red circle in the sky", "a red circle moves left in the sky"])
def test_a_film_ends_nearer_to_its_last_picture_also_where_the_words_say_otherwise(tmp_path, words) -> None:
    spec = world.Spec("red", "circle", "still", "sky")
    ends = np.array([[40, 64, 24, 0], [88, 64, 24, 0]], np.float32)
    pictures = {}
    for name, frame in zip(("image", "end_image"), paint.draw([spec], [ends], (128, 128))[0][0].unbind(1), strict=True):
        pictures[name] = tmp_path / f"{name}.png"
        picture(((frame + 1) / 2).permute(1, 2, 0).numpy()).save(pictures[name])
    engine = SkyReelsEngine("nano")

    def decibels(**given: Path) -> float:
        """Of the last frame, against the last picture."""
        asked = video_request({"prompt": words, "ratio": "1:1", "seed": 3}, given).spec
        last = list(engine.stream(asked, inputs=inputs_of(asked)))[-1].frames[-1]
        return psnr(last / 255, np.asarray(Image.open(pictures["end_image"])) / 255)

    without, reached = decibels(image=pictures["image"]), decibels(**pictures)
    assert reached > without + 3
