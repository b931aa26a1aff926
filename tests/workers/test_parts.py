"""Windows that come in parts: with asynchronous blocks the first latents are clean while later ones are at work."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.conftest import picture, tiny_components, tiny_spec, whole
from workers.base import Cancelled, EngineError, Inputs
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.offload import Turns
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.request import plan as planning
from workers.engines.skyreels.request.plan import Plan, part_frames, plan
from workers.engines.skyreels.request.spec import VideoSpec, frames_of
from workers.media.probe import read_frames
from workers.render import keep, render

ASYNC = {"num_frames": 37, "base_num_frames": 21, "overlap_history": 9, "ar_step": 2, "fps": 8}


def in_one_piece(spec):
    """Return the plan of a film whose windows are decoded when they are whole."""
    layout = plan(spec)
    ends = (dataclasses.replace(window, parts=window.parts[-1:]) for window in layout.windows)
    return Plan(spec, tuple(ends))


@given(
    st.integers(2, 26),
    st.integers(1, 25),
    st.integers(1, 120),
    st.sampled_from([0, 1, 3]),
    st.sampled_from([8, 24]),
    st.sampled_from(["fixed", "official", "diffusers"]),
)
def test_parts_cover_every_frame_once_and_in_order(base, overlap, total, ar_step, fps, compat):
    overlap = min(overlap, base - 1)
    spec = tiny_spec(
        num_frames=frames_of(total),
        base_num_frames=frames_of(base),
        overlap_history=frames_of(overlap),
        ar_step=ar_step,
        fps=fps,
        compat=compat,
    )
    for window in plan(spec).windows:
        frames = part_frames(window)
        assert sum(frames) == window.frames and min(frames) > 0
        iterations = [i for i, _ in window.parts]
        assert iterations == sorted(set(iterations)) and iterations[-1] == window.steps - 1
        assert ar_step or len(frames) == 1
        for i, clean in window.parts:
            moving = np.cumsum(window.blocks) + window.denoised_from <= clean
            assert all(place >= spec.steps for place, done in zip(window.table[i], moving, strict=True) if done)
        # After the very first frames a part is worth a segment of its own.
        assert all(2 * count >= fps for count in frames[window.index == 0 : -1])


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
@pytest.mark.parametrize("values", [{}, {"causal_block_size": 2}, {"video": True}], ids=["plain", "blocks", "clip"])
def test_a_film_in_parts_is_the_film_in_one_piece_bit_for_bit(tiny_engine, tmp_path, overlap, values):
    if values.get("video"):
        (values := {"video": tmp_path / "clip"})["video"].write_bytes(b"decoded already")
    inputs = Inputs(video=np.stack([picture(i) for i in range(9)]) if "video" in values else None)
    spec = tiny_spec(**ASYNC | values, overlap=overlap, addnoise_condition=20)
    parts = list(tiny_engine.stream(spec, inputs=inputs))
    assert len(parts) > len(plan(spec).windows)
    assert [part.first_frame for part in parts][1:] == [p.first_frame + len(p.frames) for p in parts][:-1]
    assert [p.last for p in parts] == [False] * (len(parts) - 1) + [True]
    pieces = list(tiny_engine.stream(in_one_piece(spec), inputs=inputs))
    assert len(pieces) == len(plan(spec).windows)
    assert np.array_equal(whole(parts), whole(pieces))
    assert all((p.checkpoint is None) != p.whole for p in parts)


def test_the_first_frames_come_while_later_latents_are_at_work(tiny_engine, tiny):
    asked = []
    hook = tiny.transformer.register_forward_hook(lambda *_: asked.append(1))
    film = tiny_engine.stream(tiny_spec(**ASYNC, steps=5))
    with hook:
        first = next(film)
        early = len(asked)
        film.close()
    assert len(first.frames) == 1 and early == 2 * 5 and plan(tiny_spec(**ASYNC, steps=5)).windows[0].steps > 10


def test_the_first_frames_of_a_long_film_take_less_than_3_percent_of_it():
    """Counted in steps of the sampler, for nano in windows of 97 frames; in one piece the first takes 6.6 %."""
    spec = VideoSpec.for_model(
        "nano", "a red circle", num_frames=1457, base_num_frames=97, overlap_history=17, ar_step=1
    )
    layout = plan(spec)
    first = layout.windows[0].parts[0][0] + 1
    assert first / layout.steps < 0.03
    decoded = layout.windows[0].parts[0][1]
    assert decoded / layout.latents < 0.03


def test_where_the_transformer_would_have_to_leave_the_card_parts_come_at_the_end_of_the_window():
    models = tiny_components()
    turns = Turns("model", models.device)
    for name in ("vae", "transformer", "text_encoder"):
        turns.add(name, getattr(models, name))
    object.__setattr__(models, "turns", turns)
    pool = Pool()
    pool.put("nano", models)
    moved = []
    bring = turns.bring

    def note(name):
        if name not in turns.here:
            moved.append(name)
        bring(name)

    turns.bring = note
    spec = tiny_spec(**ASYNC)
    frames = whole(SkyReelsEngine("nano", pool).stream(spec))
    assert moved.count("transformer") == len(plan(spec).windows)
    other = Pool()
    other.put("nano", tiny_components())
    assert np.array_equal(frames, whole(SkyReelsEngine("nano", other).stream(spec)))


def test_progress_within_a_window_never_goes_back(tiny_engine):
    seen = []
    list(tiny_engine.stream(tiny_spec(**ASYNC), seen.append))
    for window in (1, 2):
        steps = [p.step for p in seen if p.window == window and p.stage == "denoising"]
        assert steps == sorted(steps)
        stages = [p.stage for p in seen if p.window == window]
        # Once the window is denoised, and not before, its last latents are told as decoded.
        assert stages == sorted(stages, key=["denoising", "decoding"].index)
    assert seen[-1].seconds_left == 0


def stop_at(window, step):
    def stop(progress):
        if (progress.window, progress.stage, progress.step) == (window, "denoising", step):
            raise Cancelled

    return stop


@pytest.mark.parametrize("overlap", ["latent", "reencode"])
def test_a_film_in_parts_that_was_cut_off_is_the_same_file(tiny_engine, tmp_path, overlap):
    spec = tiny_spec(**ASYNC, overlap=overlap)
    through = render(tiny_engine, spec, tmp_path / "whole", tmp_path / "whole.mp4")
    seen = []
    for step in (4, 6):
        with pytest.raises(Cancelled):
            render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=stop_at(2, step))
        seen.append((tmp_path / "cut" / "hls" / "index.m3u8").read_text().count("EXTINF"))
    # What a player has seen of the window that was lost stays in its playlist.
    assert plan(spec).windows[0].parts and seen[0] > len(plan(spec).windows[0].parts) and seen == sorted(seen)
    again = render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4")
    assert (again.sha256, again.frames) == (through.sha256, 37)
    for path in sorted((tmp_path / "whole" / "hls").iterdir()):
        assert path.read_bytes() == (tmp_path / "cut" / "hls" / path.name).read_bytes()


def test_a_stop_keeps_whole_windows_only(tiny_engine, tmp_path):
    spec = tiny_spec(**ASYNC)
    with pytest.raises(EngineError, match="nothing_to_keep"):
        keep(spec, tmp_path / "cut", tmp_path / "kept.mp4")
    kept = []

    class Keeper:
        def fetch(self, folder):
            pass

        def keep(self, folder, made):
            kept.append((made.windows, made.parts))

    with pytest.raises(Cancelled):
        render(tiny_engine, spec, tmp_path / "cut", tmp_path / "cut.mp4", on_progress=stop_at(2, 4), keeper=Keeper())
    first = len(plan(spec).windows[0].parts)
    assert kept[:first] == [*((0, i + 1) for i in range(first - 1)), (1, 0)] and kept[first:] == [(1, 1)]
    info, windows = keep(spec, tmp_path / "cut", tmp_path / "kept.mp4")
    assert (windows, info.frames) == (1, 21)
    film = render(tiny_engine, spec, tmp_path / "whole", tmp_path / "whole.mp4")
    assert film.frames == 37
    assert np.array_equal(list(read_frames(tmp_path / "kept.mp4")), list(read_frames(tmp_path / "whole.mp4"))[:21])


def test_a_film_is_laid_out_once_and_its_files_are_read_once(tiny_engine, tmp_path, monkeypatch):
    from PIL import Image

    start = tmp_path / "start.png"
    Image.fromarray(picture()).save(start)
    laid, read = [], []
    lay_out, files = planning._lay_out, VideoSpec.files
    monkeypatch.setattr(planning, "_lay_out", lambda spec: (laid.append(spec), lay_out(spec))[1])
    monkeypatch.setattr(VideoSpec, "files", lambda spec: (read.append(spec), files(spec))[1])
    spec = tiny_spec(image=start, num_frames=25)
    with pytest.raises(Cancelled):
        render(tiny_engine, spec, tmp_path / "a", tmp_path / "a.mp4", on_progress=stop_at(3, 1))
    assert len(laid) == len(read) == 1
    render(tiny_engine, plan(spec), tmp_path / "a", tmp_path / "a.mp4")
    assert len(laid) == len(read) == 2
