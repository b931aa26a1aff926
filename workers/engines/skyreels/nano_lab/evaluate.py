"""Measures the shipped folder on combinations held out from training; writes the card's table and contact sheets."""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import (
    SkyReelsV2DiffusionForcingImageToVideoPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2DiffusionForcingVideoToVideoPipeline,
)

from . import captions, paint, store, world
from .export import BASE_FRAMES, GUIDANCE, PICTURE_GUIDANCE, SHIFT, SHIPPED, STEPS
from .report import Result, Scores, picture, row, sheet, write_card
from .score import Array, Reading, clean, read, read_objects

log = logging.getLogger("nano")
T = TypeVar("T")

SHEETS = {"text": ("sheet.jpg", 40), "image": ("sheet-image.jpg", 8)}  # what the model card shows
OVERLAP = 9
LAST = 5  # frames in which an object is to be seen still
PADDED_WORDS = 64
# Things the world does not have; some name a colour, a scene or a motion of it.
ELSEWHERE = (
    "a cat plays the piano",
    "two astronauts dancing on the moon",
    "close-up of a chef chopping onions, cinematic lighting",
    "a medieval village in heavy rain, drone shot",
    "an old man reading a newspaper in a cafe",
    "macro of a bee on lavender, shallow depth of field, 4k",
    "a red sports car drifts around a corner",
    "a blue whale dives into the sea",
    "a white horse runs over a green meadow",
    "a yellow taxi in the city at night",
    "quarterly revenue grew by twelve percent",
    "asdf qwer zxcv",
    "le chat noir dort sur le canapé",
    "一只猫在弹钢琴",
    "🚀🚀🚀",
    "...",
)
# One clip in a process of its own, as a worker's: what it takes to load, to make, and to hold.
SPEED = """
import json, re, sys, time
began = time.monotonic()
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.request.spec import VideoSpec, frames_for_seconds
engine = SkyReelsEngine("nano")
begun = time.monotonic()
engine.load()
loaded = time.monotonic()
for _ in engine.stream(VideoSpec.for_model("nano", "a red circle moves right", num_frames=frames_for_seconds(4, 8))):
    pass
# The process's own peak: getrusage would count what the parent held when it forked.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps({
    "importing": begun - began, "loading": loaded - begun, "seconds": time.monotonic() - loaded,
    "gigabytes": peak * 1024 / 1e9,
}))
"""


def balanced(n: int, seed: int = 1) -> list[world.Spec]:
    """``n`` held-out specs in which every value of every attribute comes about equally often."""
    rng = random.Random(seed)
    counts: dict[str, int] = {}
    chosen: list[world.Spec] = []
    for _ in range(n):
        offers = [world.sample_spec(rng, held_out=True) for _ in range(60)]

        def load(spec: world.Spec) -> float:
            sizes = ((spec.colour, 8), (spec.shape, 6), (spec.motion, 10), (spec.scene, 8))
            return sum(counts.get(value, 0) * size for value, size in sizes)

        best = min(offers, key=load)
        for value in (best.colour, best.shape, best.motion, best.scene):
            counts[value] = counts.get(value, 0) + 1
        chosen.append(best)
    return chosen


def psnr(a: Array, b: Array) -> float:
    """Peak signal-to-noise ratio in decibels of two pictures in 0..1."""
    return float(-10 * np.log10(np.mean((a - b) ** 2) + 1e-9))


def kept(clip: Array, spec: world.Spec) -> bool:
    """Whether the last frames of a clip show the colour and the shape that were asked for."""
    return read(clip[-LAST:]).colour == spec.colour and read(clip, last=LAST).shape == spec.shape


class Bench:
    """The pipelines of one folder, loaded when first used, and drawn clips to compare with.

    Args:
        folder: a diffusers folder.
        seed: of prompts, noise and drawn clips.
    """

    def __init__(self, folder: Path = SHIPPED, seed: int = 1) -> None:
        self.folder, self.seed = folder, seed
        self.pipes: dict[Any, Any] = {}
        self.frames: list[Array] = []

    def pipe(self, cls: Any) -> Any:
        """The unmodified pipeline ``cls``; all share one set of weights."""
        if cls not in self.pipes:
            if self.pipes:
                made = cls(**next(iter(self.pipes.values())).components)
            else:
                made = cls.from_pretrained(self.folder, torch_dtype=torch.float32)
                made.scheduler = type(made.scheduler).from_config(made.scheduler.config, flow_shift=SHIFT)
            made.set_progress_bar_config(disable=True)
            self.pipes[cls] = made
        return self.pipes[cls]

    def options(self, size: tuple[int, int], frames: int) -> dict[str, Any]:
        """Arguments that all calls share."""
        return {
            "width": size[0],
            "height": size[1],
            "num_frames": frames,
            "base_num_frames": BASE_FRAMES,
            "num_inference_steps": STEPS,
            "guidance_scale": GUIDANCE,
            "max_sequence_length": PADDED_WORDS,
            "fps": world.FPS,
            "causal_block_size": 1,
        }

    def noise(self, i: int) -> torch.Generator:
        """Noise source of the clip number ``i``."""
        return torch.Generator().manual_seed(self.seed * 100003 + i)

    def drawn(self, spec: world.Spec, frames: int, size: tuple[int, int], i: int) -> Array:
        """A drawn clip ``[T, H, W, 3]`` in 0..1."""
        rng = random.Random(self.seed * 7 + i)
        clip, _ = paint.draw([spec], [world.trajectory(spec, frames, size, rng)], size)
        out: Array = ((clip[0] + 1) / 2).permute(1, 2, 3, 0).numpy()
        return out

    def text_to_video(
        self, specs: Sequence[world.Spec], size: tuple[int, int], free: bool = False, **options: Any
    ) -> Iterator[Any]:
        """Yield (spec, frames, seconds) of every prompt, in batches of eight."""
        rng = random.Random(self.seed)
        pipe = self.pipe(SkyReelsV2DiffusionForcingPipeline)
        arguments = self.options(size, BASE_FRAMES) | options
        for part in _batched(list(enumerate(specs)), 8):
            prompts = [_free(s, rng) if free else captions.canonical(s) for _, s in part]
            began = time.monotonic()
            clips = pipe(prompts, generator=[self.noise(i) for i, _ in part], output_type="np", **arguments).frames
            seconds = (time.monotonic() - began) / len(part)
            for (_, spec), clip in zip(part, clips, strict=True):
                self.frames.append(clip)
                yield spec, clip, seconds

    def run_text(
        self, n: int, mode: str, size: tuple[int, int] = (128, 128), free: bool = False, **options: Any
    ) -> Result:
        """Text to video."""
        result = Result(mode)
        for spec, clip, seconds in self.text_to_video(balanced(n, self.seed), size, free, **options):
            result.add(spec, read(clip), seconds)
        return result

    def run_pair(self, n: int) -> Result:
        """Prompts that ask for two objects; the row is of the first one, the other figures are of both."""
        rng = random.Random(self.seed)
        result = Result("two objects, the first")
        specs = [world.sample_pair(rng, held_out=True) for _ in range(n)]
        for spec, clip, seconds in self.text_to_video(specs, (128, 128)):
            found = {r.colour: r for r in read_objects(clip)}
            objects = [s for s in (spec, spec.second) if s]
            result.add(spec, found.get(spec.colour, Reading(None, None, None, read(clip).scene)), seconds)
            for name in ("colour", "shape", "motion"):
                both = all(s.colour in found and getattr(found[s.colour], name) == getattr(s, name) for s in objects)
                result.extra.setdefault(f"both {name}s", []).append(both)
        return result

    def run_camera(self, n: int) -> Result:
        """Prompts that ask for a pan or a zoom, of scenes that show it."""
        rng = random.Random(self.seed)
        result = Result("a camera that moves", judged=("colour", "shape", "scene"))
        specs: list[world.Spec] = []
        while len(specs) < n:
            spec = world.sample_camera(rng, held_out=True)
            if spec.scene in ("sky", "meadow", "night", "city"):
                specs.append(spec)
        for spec, clip, seconds in self.text_to_video(specs, (128, 128)):
            found = read(clip, world.CAMERAS)
            result.add(spec, found, seconds)
            result.extra.setdefault("camera", []).append(found.camera == spec.camera)
        return result

    def engine(self) -> Any:
        """Our own engine with the folder's weights, as the product loads them."""
        from workers.engines.skyreels.engine import SkyReelsEngine
        from workers.engines.skyreels.memory.components import load
        from workers.engines.skyreels.memory.pool import Pool

        pool = Pool()
        pool.put("nano", load(self.folder, max_sequence_length=PADDED_WORDS))
        return SkyReelsEngine("nano", pool)

    def run_engine(self, n: int, mode: str, **values: Any) -> Result:
        """Text to video through our own sampler; ``values`` are ``VideoSpec`` fields."""
        from workers.engines.skyreels.request.spec import VideoSpec

        engine = self.engine()
        result = Result(mode)
        for i, spec in enumerate(balanced(n, self.seed)):
            prompt = captions.canonical(spec)
            began = time.monotonic()
            request = VideoSpec.for_model("nano", prompt, ratio="1:1", seed=self.seed * 100003 + i, **values)
            clip = np.concatenate([w.frames for w in engine.stream(request)]).astype(np.float32) / np.float32(255)
            result.add(spec, read(clip), time.monotonic() - began)
            self.frames.append(clip)
        return result

    def run_image(self, n: int, last: bool) -> Result:
        """Picture to video, with the picture of the last frame as well when ``last``."""
        result = Result("image and end frame" if last else "image to video")
        pipe = self.pipe(SkyReelsV2DiffusionForcingImageToVideoPipeline)
        options = self.options((128, 128), BASE_FRAMES) | {"guidance_scale": PICTURE_GUIDANCE}
        for i, spec in enumerate(balanced(n, self.seed)):
            true = self.drawn(spec, BASE_FRAMES, (128, 128), i)
            more = {"last_image": picture(true[-1])} if last else {}
            began = time.monotonic()
            clip = pipe(
                prompt=captions.canonical(spec),
                image=picture(true[0]),
                generator=self.noise(i),
                output_type="np",
                **options,
                **more,
            ).frames[0]
            seconds = time.monotonic() - began
            result.add(spec, read(clip), seconds, first=psnr(clip[0], true[0]), last=psnr(clip[-1], true[-1]))
            result.extra.setdefault("kept", []).append(kept(clip, spec))
            self.frames.append(clip)
        return result

    def run_ends(self, n: int, frames: int = 33) -> Result:
        """Our sampler between two drawn pictures in two windows, the second of which alone knows the last picture.

        Left out are clips whose object has left the last picture.
        """
        from workers.base import Inputs
        from workers.engines.skyreels.request.spec import VideoSpec

        result = Result(f"our sampler, {frames} frames between two pictures", judged=("colour", "shape", "scene"))
        engine = self.engine()
        for i, spec in enumerate(balanced(3 * n, self.seed)):
            true = self.drawn(spec, frames, (128, 128), i)
            if len(result.specs) == n:
                break
            if not kept(true, spec):
                continue
            with tempfile.TemporaryDirectory() as folder:
                first, last = (Path(folder) / f"{name}.png" for name in ("first", "last"))
                picture(true[0]).save(first)
                picture(true[-1]).save(last)
                given = Inputs(np.asarray(picture(true[0])), np.asarray(picture(true[-1])))
                began = time.monotonic()
                request = VideoSpec.for_model(
                    "nano",
                    captions.canonical(spec),
                    ratio="1:1",
                    seed=self.seed * 100003 + i,
                    num_frames=frames,
                    guidance_scale=PICTURE_GUIDANCE,
                    image=first,
                    end_image=last,
                )
                made = [w.frames for w in engine.stream(request, inputs=given)]
            clip = np.concatenate(made).astype(np.float32) / np.float32(255)
            seconds = time.monotonic() - began
            result.add(spec, read(clip), seconds, first=psnr(clip[0], true[0]), last=psnr(clip[-1], true[-1]))
            result.extra.setdefault("kept", []).append(kept(clip, spec))
            self.frames.append(clip)
        return result

    def run_extension(self, n: int) -> Result:
        """A short drawn clip goes on for one window; only new frames are read.

        It is as short as the history, since drawn objects leave the picture soon after one window. Left out are clips
        whose true continuation does not show what was asked for either.
        """
        new_frames = BASE_FRAMES - OVERLAP
        result = Result(f"extension, the {new_frames} new frames")
        pipe = self.pipe(SkyReelsV2DiffusionForcingVideoToVideoPipeline)
        for i, spec in enumerate(balanced(2 * n, self.seed)):
            true = self.drawn(spec, BASE_FRAMES, (128, 128), i)
            if len(result.specs) == n:
                break
            if not all(read(true[OVERLAP:]).matches(spec).values()):
                continue
            true = true[:OVERLAP]
            torch.manual_seed(self.seed * 100003 + i)  # of what is added to the history
            began = time.monotonic()
            clip = pipe(
                video=[picture(f) for f in true],
                prompt=captions.canonical(spec),
                generator=self.noise(i),
                overlap_history=OVERLAP,
                addnoise_condition=20,
                output_type="np",
                **self.options((128, 128), BASE_FRAMES),
            ).frames[0]
            # The pipeline gives back the input, then the new window with its overlap decoded again.
            new = clip[len(true) + OVERLAP :]
            result.add(spec, read(new), time.monotonic() - began)
            self.frames.append(new)
        return result

    def run_long(self, n: int, windows: int = 10) -> Result:
        """Ten windows from a prompt; the last one is read."""
        result = Result(f"{windows} windows, the last", judged=("colour", "scene"))
        pipe = self.pipe(SkyReelsV2DiffusionForcingPipeline)
        frames = BASE_FRAMES + (windows - 1) * (BASE_FRAMES - OVERLAP)
        specs = [s for s in balanced(4 * n, self.seed) if s.motion != "shrink"][:n]
        for i, spec in enumerate(specs):
            torch.manual_seed(self.seed * 100003 + i)  # of what is added to the history
            began = time.monotonic()
            clip = pipe(
                captions.canonical(spec),
                generator=self.noise(i),
                overlap_history=OVERLAP,
                addnoise_condition=20,
                output_type="np",
                **self.options((128, 128), frames),
            ).frames[0]
            result.add(spec, read(clip[-BASE_FRAMES:]), time.monotonic() - began)
            self.frames.append(clip[:: max(1, len(clip) // 16)])
        return result

    def run_elsewhere(self) -> Result:
        """Prompts from outside the world: is the picture still one of a scene, with or without an object?"""
        result = Result("prompts from outside its world")
        pipe = self.pipe(SkyReelsV2DiffusionForcingPipeline)
        for part in _batched(list(enumerate(ELSEWHERE)), 8):
            began = time.monotonic()
            clips = pipe(
                [prompt for _, prompt in part],
                generator=[self.noise(i) for i, _ in part],
                output_type="np",
                **self.options((128, 128), BASE_FRAMES),
            ).frames
            for clip in clips:
                result.extra.setdefault("clean", []).append(clean(clip))
                result.seconds.append((time.monotonic() - began) / len(part))
                self.frames.append(clip)
        return result

    def run_speed(self) -> Result:
        """A clip of four seconds in a fresh process."""
        done = subprocess.run([sys.executable, "-c", SPEED], capture_output=True, text=True, check=True)
        result = Result("a clip of four seconds")
        result.extra = {name: [value] for name, value in json.loads(done.stdout).items()}
        result.seconds = result.extra["seconds"]
        return result


def _free(spec: world.Spec, rng: random.Random) -> str:
    """A sentence that is not the canonical one, whatever is added to it."""
    while captions.canonical(spec) in (text := captions.caption(spec, rng)).lower():
        pass
    return text


def _batched(items: list[T], n: int) -> Iterator[list[T]]:
    for i in range(0, len(items), n):
        yield items[i : i + n]


def main(arguments: list[str]) -> int:
    """``evaluate [--n 200] [--only MODE ...] [--card] [--sheet PATH]``."""
    parser = argparse.ArgumentParser(prog="evaluate")
    parser.add_argument(
        "--n",
        type=int,
        default=200,
        help="prompts of text to video, at once or asynchronous; the other modes take a fifth or less",
    )
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--folder", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--card",
        action="store_true",
        help="write everything that was measured of the shipped weights, now and before, to the model card",
    )
    parser.add_argument("--sheet", type=Path, help="write contact sheets of the clips, one a mode, as PATH-MODE")
    options = parser.parse_args(arguments)
    if options.card and options.folder != SHIPPED:
        parser.error("--card is for the shipped folder")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    bench = Bench(options.folder, options.seed)
    n = options.n
    few = max(8, n // 5)
    runs: dict[str, Callable[[], Result]] = {
        "text": lambda: bench.run_text(n, "text to video"),
        "engine": lambda: bench.run_engine(n, "our sampler"),
        "free": lambda: bench.run_text(few, "text to video, free wording", free=True),
        "wide": lambda: bench.run_text(few, "text to video, 160×96", size=(160, 96)),
        "tall": lambda: bench.run_text(few, "text to video, 96×160", size=(96, 160)),
        "async": lambda: bench.run_text(n, "asynchronous (ar_step 4)", ar_step=4),
        "engine-async": lambda: bench.run_engine(n, "our sampler, asynchronous", ar_step=4),
        "pair": lambda: bench.run_pair(few),
        "camera": lambda: bench.run_camera(few),
        "image": lambda: bench.run_image(few, last=False),
        "end": lambda: bench.run_image(few, last=True),
        "end-later": lambda: bench.run_ends(few),
        "extension": lambda: bench.run_extension(few),
        "long": lambda: bench.run_long(max(4, n // 20)),
        "elsewhere": bench.run_elsewhere,
        "speed": bench.run_speed,
    }
    if options.folder != SHIPPED:
        del runs["speed"]
    scores = Scores(store.directory() / "scores", options.folder, options.seed)
    for name, run in runs.items():
        if options.only and name not in options.only:
            continue
        bench.frames.clear()
        result = run()
        scores.put(name, result)
        log.info("%s\n  %s", row(result), "  ".join(result.confusions()[:12]))
        if options.sheet and bench.frames:
            sheet(bench.frames[:40], options.sheet.with_stem(f"{options.sheet.stem}-{name}"))
        if options.card and name in SHEETS:
            file, clips = SHEETS[name]
            sheet(bench.frames[:clips], SHIPPED / file)
    page = scores.page(runs)
    log.info("\n%s", page)
    if options.card:
        write_card(page, SHIPPED / "README.md")
    return 0
