"""compat="official" against the makers' code, written down here from its formulas: levels, solver, windows, pictures.

https://github.com/SkyworkAI/SkyReels-V2: `diffusion_forcing_pipeline.py`, `text2video_pipeline.py`,
`image2video_pipeline.py`, `fm_solvers_unipc.py` and `clip.py`, as they are at abed76f.
"""

import math

import numpy as np
import pytest
import torch

from tests.workers.conftest import I2V, T2V, picture, tiny_components, tiny_spec, whole
from workers.base import Inputs
from workers.engines.skyreels import cards
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.request.spec import VideoSpec
from workers.engines.skyreels.sampler.schedule import levels

LIMIT = 1e-4
CLIP = np.stack([picture(10 + i) for i in range(9)])


def their_levels(steps, shift):
    """`set_timesteps`: sigmas of a schedule without shift, the ends in float32, then shifted; timesteps cut off."""
    highest, lowest = float(np.float32(1.0 - 1.0 / 1000)), 0.0
    even = np.linspace(highest, lowest, steps + 1)[:-1]
    sigmas = shift * even / (1 + (shift - 1) * even)
    return [*sigmas.astype(np.float32).tolist(), 0.0], [int(sigma * 1000) for sigma in sigmas]


class Unipc:
    """UniPC of second order for a flow, in the form B(h) = expm1(h); `aliased`: its first sample is overwritten."""

    def __init__(self, sigmas, aliased):
        self.sigmas, self.aliased = [torch.tensor(sigma) for sigma in sigmas], aliased
        self.i, self.clean, self.before, self.order = 0, [], None, 1

    def distance(self, i):
        """log(alpha / sigma)"""
        return torch.log(1 - self.sigmas[i]) - torch.log(self.sigmas[i])

    def base(self, x, start, end):
        """What a step from one level to another is without any correction, and h and B(h)."""
        h = self.distance(end) - self.distance(start)
        grown = torch.expm1(-h)
        return self.sigmas[end] / self.sigmas[start] * x - (1 - self.sigmas[end]) * grown * self.clean[-1], h, grown

    def step(self, velocity, x):
        clean = x - self.sigmas[self.i] * velocity
        if self.i > 0:
            x = self.corrected(clean, x)
        self.clean = [*self.clean[-1:], clean]
        last = len(self.sigmas) - 1
        self.order = min(2, last - self.i, self.i + 1)
        moved, h, grown = self.base(x, self.i, self.i + 1)
        if self.order == 2:
            ratio = (self.distance(self.i - 1) - self.distance(self.i)) / h
            moved = moved - (1 - self.sigmas[self.i + 1]) * grown * 0.5 * (self.clean[-2] - clean) / ratio
        self.before = x
        self.i += 1
        return moved.to(x.dtype)

    def corrected(self, clean, x):
        before = x if self.aliased and self.i == 1 else self.before
        moved, h, grown = self.base(before, self.i - 1, self.i)
        change = clean - self.clean[-1]
        if self.order == 1:
            correction = 0.5 * change
        else:
            ratio = (self.distance(self.i - 2) - self.distance(self.i - 1)) / h
            first = grown / -h - 1
            second = first / -h - 0.5
            weights = torch.linalg.solve(
                torch.stack([torch.ones(2), torch.stack([ratio, torch.tensor(1.0)])]),
                torch.stack([first / grown, 2 * second / grown]),
            )
            correction = weights[0] * (self.clean[-2] - self.clean[-1]) / ratio + weights[1] * change
        return moved - (1 - self.sigmas[self.i]) * grown * correction


def their_table(latents, steps, ar_step, ready, block):
    """`generate_timestep_matrix`: the places of the latents in the schedule, and which of them move."""
    count, end = latents // block, steps + 1
    before = [end] * (ready // block) + [0] * (count - ready // block)
    rows, moves = [], []
    while not all(place >= steps for place in before):
        row = []
        for i, place in enumerate(before):
            row.append(place + 1 if i == 0 or before[i - 1] >= steps else row[i - 1] - ar_step)
        row = [min(max(place, 0), end) for place in row]
        moves.append([new != old and new != end for new, old in zip(row, before, strict=True) for _ in range(block)])
        rows.append([place for place in row for _ in range(block)])
        before = row
    return rows, moves


class Official:
    """The makers' three pipelines with the parts of `models`."""

    def __init__(self, models, spec):
        self.models, self.spec = models, spec
        self.noise = torch.Generator().manual_seed(spec.seed)
        self.added = torch.Generator().manual_seed(spec.seed)  # theirs has no seed at all
        self.sigmas, self.times = their_levels(spec.steps, spec.shift)
        config = models.vae.config
        self.mean = torch.tensor(config.latents_mean).view(1, -1, 1, 1, 1)
        self.scale = 1.0 / torch.tensor(config.latents_std).view(1, -1, 1, 1, 1)

    def encode(self, frames):
        return (self.models.vae.encode(frames).latent_dist.mode() - self.mean) * self.scale

    def decode(self, latents):
        return self.models.vae.decode(latents / self.scale + self.mean).sample.clamp(-1, 1)

    def words(self, text):
        tokens = self.models.tokenizer([text], max_length=self.models.max_sequence_length)
        states = self.models.text_encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
        return (states * tokens.attention_mask.unsqueeze(-1)).to(self.models.transformer.dtype)

    def ask(self, latents, times, prompt, **more):
        return self.models.transformer(
            hidden_states=latents.to(self.models.transformer.dtype),
            timestep=times,
            encoder_hidden_states=self.words(prompt),
            return_dict=False,
            **more,
        )[0].float()

    def velocity(self, always, *asked, **more):
        spec = self.spec
        if spec.guidance_scale <= 1 and not always:
            return self.ask(*asked, spec.prompt, **more)
        cond, uncond = (self.ask(*asked, prompt, **more) for prompt in (spec.prompt, spec.negative_prompt))
        return uncond + spec.guidance_scale * (cond - uncond)

    def shape(self, latents):
        return (1, 16, latents, self.spec.height // 8, self.spec.width // 8)

    @torch.no_grad()
    def single(self, image=None):
        """Text and image models: one window, guidance always."""
        spec, models, more = self.spec, self.models, {}
        latents = (spec.num_frames - 1) // 4 + 1
        x = torch.randn(self.shape(latents), generator=self.noise)
        beside = None
        if image is not None:
            first = image_tensor(image).to(models.transformer.dtype)
            grey = torch.zeros((1, 3, spec.num_frames - 1, spec.height, spec.width))
            encoded = self.encode(torch.cat([first.float(), grey], dim=2))
            known = torch.ones_like(encoded)[:, :4]
            known[:, :, 1:] = 0
            beside = torch.cat([known, encoded], dim=1)
            side, processor = models.image_encoder.config.image_size, models.image_processor
            small = torch.nn.functional.interpolate(first[:, :, 0], (side, side), mode="bicubic", align_corners=False)
            mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (processor.image_mean, processor.image_std))
            seen = models.image_encoder((small * 0.5 + 0.5 - mean) / spread, output_hidden_states=True)
            more["encoder_hidden_states_image"] = seen.hidden_states[-2]
        solver = Unipc(self.sigmas, aliased=False)
        for time in self.times:
            shown = x if beside is None else torch.cat([x, beside], dim=1)
            x = solver.step(self.velocity(True, shown, torch.tensor([time]), **more), x)
        return self.levels(self.decode(x))

    @torch.no_grad()
    def forcing(self, image=None, end=None, clip=None):
        """Diffusion forcing: window after window, each from the frames shown so far."""
        spec = self.spec
        total, overlap = (spec.num_frames - 1) // 4 + 1, (spec.overlap_history - 1) // 4 + 1
        base = (min(spec.base_num_frames, spec.num_frames) - 1) // 4 + 1
        shown = None if clip is None else torch.cat([image_tensor(frame) for frame in clip], dim=2)
        begun, done = (0 if shown is None else shown.shape[2]), 0
        prefix = None if image is None else self.encode(image_tensor(image))
        closing = None if end is None else self.encode(image_tensor(end))
        windows = 1 + (total - base - 1) // (base - overlap) + 1
        for window in range(windows):
            if shown is not None:
                prefix = self.encode(shown[:, :, -spec.overlap_history :])
                prefix = prefix[:, :, : prefix.shape[2] - prefix.shape[2] % spec.causal_block_size]
            length = min(total - done + (overlap if done else 0), base)
            last = window == windows - 1 and closing is not None
            x = self.window(length, prefix, closing if last else None)
            if last and windows == 1:
                # In a long film the window's number has been overwritten by then, and the end picture stays.
                x = x[:, :, :length]
            frames = self.decode(x.float())
            new = frames if shown is None else frames[:, :, spec.overlap_history :]
            shown = new if shown is None else torch.cat([shown, new], dim=2)
            done += length - (overlap if done else 0)
        return self.levels(shown[:, :, begun:])

    def window(self, length, prefix, closing):
        spec, dtype = self.spec, self.models.transformer.dtype
        x = torch.randn(self.shape(length), generator=self.noise, dtype=dtype)
        ready = 0
        if prefix is not None:
            ready = prefix.shape[2]
            x[:, :, :ready] = prefix.to(dtype)
        if closing is not None:
            x = torch.cat([x, closing.to(dtype)], dim=2)
        rows, moves = their_table(x.shape[2], spec.steps, spec.ar_step, ready, spec.causal_block_size)
        template = [999, *self.times, 0]
        solvers = [Unipc(self.sigmas, aliased=True) for _ in range(x.shape[2])]
        for row, moving in zip(rows, moves, strict=True):
            times, given = [template[place] for place in row], x.clone()
            if closing is not None:
                times[-1], moving = 0, [*moving[:-1], False]
            if ready and spec.addnoise_condition:
                share = 0.001 * spec.addnoise_condition
                noise = torch.randn(given[:, :, :ready].shape, generator=self.added).to(dtype)
                given[:, :, :ready] = given[:, :, :ready] * (1 - share) + noise * share
                times[:ready] = [spec.addnoise_condition] * ready
            answer = self.velocity(
                False, given, torch.tensor([times]), enable_diffusion_forcing=True, fps=[0 if spec.fps == 16 else 1]
            )
            for i, moves_now in enumerate(moving):
                if moves_now:
                    x[:, :, i] = solvers[i].step(answer[:, :, i], x[:, :, i])
        return x

    @staticmethod
    def levels(frames):
        return ((frames[0] / 2 + 0.5).clamp(0, 1).permute(1, 2, 3, 0) * 255).numpy()


def image_tensor(image):
    """[1, 3, 1, H, W] in -1..1"""
    return (torch.from_numpy(image).float() / (255.0 / 2.0) - 1.0).permute(2, 0, 1)[None, :, None]


def assert_shown(frames, expected):
    """Rounded down; where float32 in another order falls on the other side of a level, it is one level."""
    assert frames.shape == expected.shape
    down = expected.astype(np.uint8).astype(int)
    differs = np.abs(frames.astype(int) - down)
    assert differs.max() <= 1 and (differs > 0).mean() < 0.01
    assert np.all((differs == 0) | (np.abs(expected - np.round(expected)) < 0.1))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"decoded already")
    return path


@pytest.mark.parametrize(("steps", "shift"), [(50, 8.0), (50, 5.0), (30, 8.0), (16, 3.0), (200, 8.0), (1, 8.0)])
def test_the_noise_levels_are_those_of_the_makers(tiny, steps, shift):
    sigmas, times = their_levels(steps, shift)
    assert np.allclose(levels(steps, shift), sigmas[:-1], atol=1e-7)
    assert [int(1000 * level) for level in levels(steps, shift)] == times


def test_fifty_steps_end_where_the_note_of_the_makers_has_them():
    assert math.isclose(levels(50, 8.0)[-1], 0.1402, abs_tol=5e-5)
    assert levels(50, 8.0)[0] < 1


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"steps": 6}, id="one window"),
        pytest.param({"num_frames": 29, "base_num_frames": 13, "overlap_history": 9}, id="an overlap of two windows"),
        pytest.param({"num_frames": 21, "addnoise_condition": 20, "fps": 16}, id="noise on the history"),
        pytest.param(
            {"num_frames": 29, "base_num_frames": 29, "causal_block_size": 4, "ar_step": 1, "steps": 4}, id="blocks"
        ),
        pytest.param(
            {"num_frames": 41, "base_num_frames": 29, "overlap_history": 17, "causal_block_size": 4, "ar_step": 2},
            id="a history that is cut",
        ),
        pytest.param({"guidance_scale": 1.0}, id="no guidance"),
    ],
)
def test_diffusion_forcing_is_that_of_the_makers(tiny_engine, tiny, values):
    spec = tiny_spec(compat="official", **values)
    assert_shown(whole(tiny_engine.stream(spec)), Official(tiny, spec).forcing())


@pytest.mark.parametrize(("frames", "shown"), [(9, 9), (13, 17), (21, 25)])
def test_pictures_give_as_many_frames_as_the_makers_show(tiny_engine, tiny, file, frames, shown):
    """The end picture's own latent is shown where the film has several windows."""
    spec = tiny_spec(compat="official", image=file, end_image=file, num_frames=frames, addnoise_condition=0)
    film = whole(tiny_engine.stream(spec, inputs=Inputs(picture(1), picture(2))))
    assert len(film) == shown
    assert_shown(film, Official(tiny, spec).forcing(picture(1), picture(2)))


def test_a_clip_goes_on_as_the_makers_let_it(tiny_engine, tiny, file):
    spec = tiny_spec(compat="official", video=file, num_frames=17, overlap_history=5)
    film = whole(tiny_engine.stream(spec, inputs=Inputs(video=CLIP)))
    assert_shown(film, Official(tiny, spec).forcing(clip=CLIP))


@pytest.mark.parametrize("guidance", [6.0, 1.0, 0.5])
def test_text_models_are_those_of_the_makers_whatever_the_guidance(tiny_engine, guidance):
    spec = tiny_spec(model=T2V, steps=5, compat="official", guidance_scale=guidance, negative_prompt="rain")
    assert_shown(whole(tiny_engine.stream(spec)), Official(tiny_engine.pool.get(T2V), spec).single())


def test_image_models_see_the_whole_picture(tiny_engine, file):
    spec = tiny_spec(model=I2V, steps=3, compat="official", image=file, width=64)
    image = picture(width=64)
    film = whole(tiny_engine.stream(spec, inputs=Inputs(image=image)))
    assert_shown(film, Official(tiny_engine.pool.get(I2V), spec).single(image))


def test_guidance_is_computed_in_float32_and_forcing_in_the_type_of_the_weights():
    """bfloat16 weights, as on a card: guidance in bfloat16 would be away by hundredths."""
    models = tiny_components()
    models.transformer.to(torch.bfloat16)
    pool = Pool()
    pool.put("nano", models)
    spec = tiny_spec(compat="official", steps=2)
    made = [window.checkpoint.latents for window in SkyReelsEngine("nano", pool).stream(spec)][-1]
    with torch.no_grad():
        expected = Official(models, spec).window(3, None, None)
    assert expected.dtype == torch.bfloat16
    # A hundredth is a step of bfloat16 at these values.
    assert (made - expected.float()).abs().max() <= 0.02


@pytest.mark.parametrize("compat", ["fixed", "official"])
def test_what_is_right_in_the_official_code_is_in_ours(tiny, compat):
    """Levels and guidance are the same; what ours leaves out are the overwritten sample and rounding down."""
    spec = tiny_spec(compat=compat, steps=4, overlap="reencode")
    theirs = Official(tiny, spec)
    x = torch.randn(theirs.shape(3), generator=theirs.noise)
    solver = Unipc(theirs.sigmas, aliased=compat == "official")
    with torch.no_grad():
        for time in theirs.times:
            times = torch.full((1, 3), time)
            x = solver.step(theirs.velocity(False, x, times, enable_diffusion_forcing=True, fps=[1]), x)
    pool = Pool()
    pool.put("nano", tiny)
    (made,) = SkyReelsEngine("nano", pool).stream(spec)
    assert (made.checkpoint.latents - x).abs().max() < LIMIT
    with torch.no_grad():
        expected = theirs.levels(theirs.decode(x))
    rounded = np.round(expected) if compat == "fixed" else np.floor(expected)
    assert (np.abs(made.frames - rounded) > 0).mean() < 0.01


@pytest.mark.parametrize("compat", ["fixed", "official"])
@pytest.mark.parametrize("frames", [21, 25])
def test_the_overlap_is_of_frames_that_were_shown(tiny_engine, tiny, monkeypatch, compat, frames):
    """Also where the history is longer than what the window before it has added."""
    from workers.engines.skyreels.sampler import vae_stream

    spec = tiny_spec(compat=compat, overlap="reencode", num_frames=frames, base_num_frames=13, overlap_history=5)
    seen, encode = [], vae_stream.encode

    def note(models, pixels, **more):
        seen.append(vae_stream.to_uint8(pixels, down=compat == "official"))
        return encode(models, pixels, **more)

    monkeypatch.setattr(vae_stream, "encode", note)
    film = whole(tiny_engine.stream(spec))
    later = plan(spec).windows[1:]
    assert len(seen) == len(later) and any(w.history > 2 for w in later) == (compat == "fixed" and frames == 25)
    for window, pixels in zip(later, seen, strict=True):
        assert np.array_equal(pixels, film[window.first_frame - len(pixels) : window.first_frame])


@pytest.mark.parametrize("overlap_history", [17, 37])
def test_a_state_takes_less_than_20_mb_at_540p(overlap_history):
    """Counted from the shapes of what is kept: the next window's history, and windows that later ones look back at."""
    latent = 16 * (544 // 8) * (960 // 8) * 4
    for frames in range(97, 1458, 4):
        spec = VideoSpec.for_model("SkyReels-V2-DF-1.3B-540P", "x", num_frames=frames, overlap_history=overlap_history)
        layout = plan(spec)
        for window in layout.windows[:-1]:
            needed = layout.needed_from(window.index + 1)
            whole_windows = [w for w in layout.windows[: window.index + 1] if w.first_frame + w.frames > needed]
            kept = layout.windows[window.index + 1].history + sum(w.latents for w in whole_windows)
            assert kept * latent < 20e6


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_film_that_looks_back_over_two_windows_goes_on_bit_for_bit(tiny_engine, after):
    spec = tiny_spec(overlap="reencode", num_frames=49, base_num_frames=21, overlap_history=9, addnoise_condition=20)
    through = list(tiny_engine.stream(spec))
    assert plan(spec).windows[-1].history > 3
    rest = list(tiny_engine.stream(spec, resume=through[after].checkpoint))
    assert [w.index for w in rest] == [w.index for w in through[after + 1 :]]
    for again, first in zip(rest, through[after + 1 :], strict=True):
        assert np.array_equal(again.frames, first.frames)


def test_the_makers_of_each_model_have_their_own_words_for_what_is_not_to_be_seen():
    """`generate_video_df.py` says it in Chinese, `generate_video.py` in English."""
    for card in cards.all():
        if card.released and card.id != "nano":
            chinese = "色调艳丽，过曝，静态" in card.negative_prompt and card.negative_prompt.endswith("倒着走")
            english = card.negative_prompt.startswith("Bright tones, overexposed, static")
            assert (chinese, english) == (card.variant == "df", card.variant != "df")
