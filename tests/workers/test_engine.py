import json
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.workers.conftest import tiny_spec, whole
from tests.workers.test_denoise import latents_of
from workers.base import Cancelled, EngineError, Inputs
from workers.engines import registry
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Key, Pool
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.spec import SpecError, VideoSpec
from workers.engines.skyreels.sampler.checkpoint import Checkpoint

LONG = {"num_frames": 25, "base_num_frames": 9, "overlap_history": 5}


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_windows_give_every_frame_once(tiny_engine, overlap):
    windows = list(tiny_engine.stream(tiny_spec(**LONG, overlap=overlap)))
    assert [w.first_frame for w in windows] == [0, 9, 13, 17, 21]
    assert [len(w.frames) for w in windows] == [9, 4, 4, 4, 4]
    assert windows[-1].last and not windows[0].last
    assert whole(windows).shape == (25, 32, 32, 3) and whole(windows).dtype == np.uint8


def test_streamed_windows_are_one_continuous_decode_of_all_latents(tiny_engine, tiny):
    windows = list(tiny_engine.stream(tiny_spec(**LONG)))
    latents = windows[-1].checkpoint.latents  # short enough to hold the whole film
    assert latents.shape[2] == 7
    shape = (1, 16, 1, 1, 1)
    std = 1.0 / torch.tensor(tiny.vae.config.latents_std).view(shape)
    with torch.no_grad():
        pixels = tiny.vae.decode(latents / std + torch.tensor(tiny.vae.config.latents_mean).view(shape)).sample
    expected = ((pixels[0] / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 3, 0).numpy().astype(int)
    assert np.abs(whole(windows).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
@pytest.mark.parametrize("after", [0, 2])
def test_a_job_resumed_from_its_saved_state_goes_on_bit_for_bit(tiny_engine, tiny, tmp_path, overlap, after):
    spec = tiny_spec(**LONG, addnoise_condition=20, overlap=overlap)
    through = list(tiny_engine.stream(spec))
    saved = through[after].checkpoint.save(tmp_path / "state.safetensors")
    other = SkyReelsEngine("nano", tiny_engine.pool)
    rest = list(other.stream(spec, resume=Checkpoint.load(saved)))
    assert [w.index for w in rest] == list(range(after + 1, 5))
    for again, first in zip(rest, through[after + 1 :], strict=True):
        assert np.array_equal(again.frames, first.frames)
        assert torch.equal(again.checkpoint.latents, first.checkpoint.latents)


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_state_holds_latents_and_no_frames(tiny_engine, tmp_path, overlap):
    first = next(tiny_engine.stream(tiny_spec(**LONG, overlap=overlap))).checkpoint
    given = {"given"} if overlap == "reencode" else set()
    assert set(load_file(first.save(tmp_path / "state"))) == {"latents", "generator"} | given
    assert first.latents.shape[2] == 3


def test_after_the_last_window_nothing_is_loaded_or_made(tiny_engine):
    *_, last = tiny_engine.stream(tiny_spec(**LONG))
    without_models = SkyReelsEngine("nano", Pool())
    assert list(without_models.stream(tiny_spec(**LONG), resume=last.checkpoint)) == []
    assert not without_models.pool.has(Key("nano"))


def test_a_film_that_goes_on_with_other_rounding_says_so(tiny_engine, caplog):
    first = next(tiny_engine.stream(tiny_spec(**LONG)))
    assert (
        len(list(tiny_engine.stream(tiny_spec(**LONG), resume=first.checkpoint, run=Execution(vae_tiling=True)))) == 4
    )
    assert "goes on as 'tiles'" in caplog.text


def test_a_state_of_an_older_version_is_refused(tiny_engine, tmp_path):
    first = next(tiny_engine.stream(tiny_spec(**LONG))).checkpoint
    path = first.save(tmp_path / "state")
    save_file(load_file(path), path, metadata={"spec": json.dumps({"hash": first.spec_hash, "index": 0})})
    with pytest.raises(EngineError, match="checkpoint_broken"):
        Checkpoint.load(path)


def test_a_state_of_another_request_is_refused(tiny_engine):
    (window,) = tiny_engine.stream(tiny_spec())
    with pytest.raises(EngineError, match="checkpoint_foreign"):
        next(tiny_engine.stream(tiny_spec(seed=8), resume=window.checkpoint))


def test_a_damaged_state_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"half")
    with pytest.raises(EngineError, match="checkpoint_broken"):
        Checkpoint.load(path)


def test_progress_counts_windows_and_steps_from_one_and_ends_with_nothing_left(tiny_engine):
    seen = []
    list(tiny_engine.stream(tiny_spec(num_frames=13, base_num_frames=9), seen.append))
    steps = [(p.window, p.step) for p in seen if p.stage == "denoising"]
    assert steps == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert {p.windows for p in seen} == {2} and {p.steps for p in seen if p.stage == "denoising"} == {3}
    assert seen[1].seconds_left > 0 and seen[-1].seconds_left == 0


@pytest.mark.parametrize("stage", ["denoising", "decoding"])
def test_a_cancelled_job_leaves_the_engine_as_good_as_new(tiny_engine, stage):
    spec = tiny_spec(**LONG)
    expected = whole(tiny_engine.stream(spec))

    def cancel(progress):
        if progress.stage == stage and progress.window == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(tiny_engine.stream(spec, cancel))
    assert np.array_equal(whole(tiny_engine.stream(spec)), expected)


def test_a_second_job_waits_for_the_device_and_can_be_cancelled_while_it_waits(tiny_engine):
    first = tiny_engine.stream(tiny_spec(**LONG))
    next(first)
    outcome = []

    def second():
        def cancel(progress):
            raise Cancelled

        try:
            list(tiny_engine.stream(tiny_spec(), cancel))
        except Cancelled:
            outcome.append("cancelled")

    thread = threading.Thread(target=second)
    thread.start()
    thread.join(60)
    assert outcome == ["cancelled"]
    first.close()
    assert len(list(tiny_engine.stream(tiny_spec()))) == 1


def test_yielding_leaves_no_inference_mode_behind_in_the_callers_thread(tiny_engine):
    for _ in tiny_engine.stream(tiny_spec(**LONG)):
        assert not torch.is_inference_mode_enabled()


def test_a_model_that_is_not_here_and_a_bad_spec_say_so_before_anything_runs(tiny_engine):
    absent = VideoSpec.for_model("SkyReels-V2-DF-14B-540P", "x")
    with pytest.raises(EngineError) as caught:
        next(tiny_engine.stream(absent))
    assert caught.value.code == "model_not_ready"
    with pytest.raises(SpecError):
        next(tiny_engine.stream(tiny_spec(num_frames=10)))


def test_a_picture_that_is_named_but_does_not_arrive_is_refused_and_not_left_out(tiny_engine, tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"")
    with pytest.raises(EngineError, match="input_missing"):
        next(tiny_engine.stream(tiny_spec(image=picture)))
    with pytest.raises(EngineError, match="input_size"):
        next(tiny_engine.stream(tiny_spec(image=picture), inputs=Inputs(image=np.zeros((64, 32, 3), np.uint8))))


def test_the_registry_makes_one_engine_per_process(monkeypatch):
    monkeypatch.setattr(registry, "_engines", {})
    made = []
    threads = [threading.Thread(target=lambda: made.append(registry.get("video"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(engine) for engine in made}) == 1 and made[0].name == "nano"
    with pytest.raises(EngineError):
        registry.get("smell")


def test_prompts_are_encoded_once(tiny_engine):
    for seed in range(4):
        list(tiny_engine.stream(tiny_spec(seed=seed)))
    assert tiny_engine.text.forwards == 2


def foreground(frames, like):
    """Return the share of pixels whose colour is nearer to `like` than 80 of 255 on every channel."""
    return (np.abs(frames.astype(int) - like).max(axis=-1) < 80).mean()


@pytest.mark.parametrize(("colour", "rgb"), [("red", (225, 40, 40)), ("green", (40, 190, 60)), ("blue", (45, 80, 225))])
def test_the_nano_model_shows_the_colour_that_was_asked_for(nano, colour, rgb):
    spec = VideoSpec.for_model("nano", f"a {colour} circle moves right on a black background", ratio="1:1", seed=5)
    film = whole(nano.stream(spec))
    shares = {other: foreground(film, other) for other in ((225, 40, 40), (40, 190, 60), (45, 80, 225))}
    assert max(shares, key=shares.get) == rgb and shares[rgb] > 0.02


def test_streaming_gives_the_latents_of_the_whole_computation_bit_for_bit(tiny_engine, tiny):
    spec = tiny_spec(**LONG, addnoise_condition=20)
    latents = list(tiny_engine.stream(spec))[-1].checkpoint.latents  # short enough to hold the whole film
    assert torch.equal(latents, latents_of(tiny, spec))


def test_the_first_frames_of_a_long_film_cost_one_window_and_nothing_else(tiny_engine, tiny):
    """What the transformer and the decoder do before the first window is out, counted: as for a film of one window."""
    asked, decoded = [], []
    hooks = [
        tiny.transformer.register_forward_hook(lambda *_: asked.append(1)),
        tiny.vae.decoder.register_forward_hook(lambda *_: decoded.append(1)),
    ]
    try:
        counts = []
        for frames in (9, 1457):
            film = tiny_engine.stream(tiny_spec(num_frames=frames))
            next(film)
            film.close()
            counts.append((len(asked), len(decoded)))
            asked.clear(), decoded.clear()
    finally:
        for hook in hooks:
            hook.remove()
    assert counts[0] == counts[1] == (6, 3)
