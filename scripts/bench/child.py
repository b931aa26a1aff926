"""One measurement in a process of its own; prints JSON. Run by scripts.bench.engine, with a Case as JSON argument."""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

KILOBYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one process does: `jobs` films by `way` on `model`, one after another, or resumed ones.

    `way` is "ours", "singles" (ours, but each job reads its texts anew), "pipeline" (diffusers' own, unmodified),
    "list" (one call of it with all prompts) or "resume".
    Sides are in pixels; where the window is 0, it is the model's own.
    """

    way: str
    model: str
    frames: int
    steps: int
    width: int
    height: int
    base: int = 0
    overlap: int = 0
    jobs: int = 1
    guidance: float = 4.0
    ar_step: int = 0


@dataclass(slots=True)
class Found:
    """What was measured. Times are seconds of a clock that all processes of the machine share.

    `loaded` and `ended` are moments, `first` (the first frames are playable) and `total` (the film is an MP4) are
    counted from the beginning of each job. `peak` is bytes of resident memory above those of the loaded process.
    """

    loaded: float = 0.0
    ended: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    peak: int = 0
    forwards: int = 0
    more: list[dict[str, float]] = field(default_factory=list)


def measure(case: Case) -> Found:
    """Load the model, then do the case's jobs."""
    run = {"ours": _ours, "singles": _ours, "pipeline": _pipeline, "list": _list, "resume": _resume}[case.way]
    return run(case, _spec(case), _load(case.model))


def _load(model: str) -> Any:
    from workers.engines.skyreels import tiny
    from workers.engines.skyreels.memory.pool import Pool

    return tiny.components(layers=4, wide=True) if model == "wide" else Pool().get(model)


def _spec(case: Case, job: int = 0) -> Any:
    from workers.engines.skyreels.request.spec import VideoSpec

    window = {"base_num_frames": case.base, "overlap_history": case.overlap} if case.base else {}
    return VideoSpec.for_model(
        "nano",
        f"a red circle moves right number {job}",
        width=case.width,
        height=case.height,
        num_frames=case.frames,
        steps=case.steps,
        guidance_scale=case.guidance,
        overlap="latent",
        ar_step=case.ar_step,
        seed=job,
        **window,
    )


def _engine(models: Any) -> Any:
    from workers.engines.skyreels.engine import SkyReelsEngine
    from workers.engines.skyreels.memory.pool import Pool

    pool = Pool()
    pool.put("nano", models)
    return SkyReelsEngine("nano", pool)


def _ours(case: Case, spec: Any, models: Any) -> Found:
    from workers.render import render

    engine = _engine(models)
    forwards = 0

    def job(number: int, out: Path, playable: Callable[[], None]) -> None:
        nonlocal forwards
        if case.way == "singles":
            forwards += engine.text.forwards
            engine.text = type(engine.text)()
        render(engine, _spec(case, number), out.with_suffix(""), out, on_window=lambda _: playable())

    found = _jobs(case.jobs, job)
    found.forwards = forwards + engine.text.forwards
    return found


def _pipeline(case: Case, spec: Any, models: Any) -> Found:
    from workers.media.film import write

    pipe, arguments = _of_diffusers(models, spec)

    def job(number: int, out: Path, playable: Callable[[], None]) -> None:
        prompt, generator = _spec(case, number).prompt, _seeded(number)
        (film,) = pipe(prompt=prompt, generator=generator, **arguments).frames
        write(out, _levels(film), spec.width, spec.height, spec.fps)
        playable()

    found = _jobs(case.jobs, job)
    found.forwards = case.jobs * 2
    return found


def _list(case: Case, spec: Any, models: Any) -> Found:
    from workers.media.film import write

    pipe, arguments = _of_diffusers(models, spec)
    numbers = range(case.jobs)

    def job(_: int, out: Path, playable: Callable[[], None]) -> None:
        prompts, generators = [_spec(case, i).prompt for i in numbers], [_seeded(i) for i in numbers]
        for i, film in enumerate(pipe(prompt=prompts, generator=generators, **arguments).frames):
            write(out.with_stem(f"{out.stem}-{i}"), _levels(film), spec.width, spec.height, spec.fps)
        playable()

    return _jobs(1, job)


def _resume(case: Case, spec: Any, models: Any) -> Found:
    """A film once through, then from the saved state of a quarter, half and three quarters of its windows."""
    from workers.engines.skyreels.sampler.checkpoint import Checkpoint

    engine, found = _engine(models), Found(loaded=time.monotonic())
    next(engine.stream(spec))  # what only the first job of a process pays
    began = time.monotonic()
    windows = list(engine.stream(spec))
    found.total.append(time.monotonic() - began)
    with tempfile.TemporaryDirectory() as folder:
        for after in sorted({max(0, math.floor(len(windows) * share) - 1) for share in (0.25, 0.5, 0.75)}):
            path = windows[after].checkpoint.save(Path(folder) / f"{after}.safetensors")
            began = time.monotonic()
            rest = engine.stream(spec, resume=Checkpoint.load(path))
            next(rest)
            first = time.monotonic() - began
            for _ in rest:
                pass
            found.more.append(
                {
                    "windows": len(windows),
                    "kept": after + 1,
                    "first": first,
                    "all": time.monotonic() - began,
                    "window": windows[after + 1].seconds,
                    "rest": sum(window.seconds for window in windows[after + 1 :]),
                    "bytes": path.stat().st_size,
                }
            )
    return found


def _of_diffusers(models: Any, spec: Any) -> tuple[Any, dict[str, Any]]:
    """diffusers' pipeline on these weights as it comes, and the arguments that ask for the film of `spec`."""
    from diffusers import SkyReelsV2DiffusionForcingPipeline

    pipe = SkyReelsV2DiffusionForcingPipeline(
        None, models.text_encoder, models.transformer, models.vae, models.scheduler(spec.shift)
    )
    pipe.tokenizer = models.tokenizer
    pipe.set_progress_bar_config(disable=True)
    long = {"overlap_history": spec.overlap_history} if spec.num_frames > spec.base_num_frames else {}
    return pipe, {
        "negative_prompt": spec.negative_prompt,
        "height": spec.height,
        "width": spec.width,
        "num_frames": spec.num_frames,
        "base_num_frames": spec.base_num_frames,
        "num_inference_steps": spec.steps,
        "guidance_scale": spec.guidance_scale,
        "addnoise_condition": spec.addnoise_condition,
        "fps": spec.fps,
        "max_sequence_length": models.max_sequence_length,
        "output_type": "np",
        **long,
    }


def _seeded(seed: int) -> Any:
    import torch

    return torch.Generator().manual_seed(seed)


def _levels(film: Any) -> Iterator[Any]:
    """Frames of 0..1 as frames of 0..255, one at a time so that no second film is held."""
    for frame in film:
        yield (frame * 255).round().astype("uint8")


def _jobs(count: int, job: Callable[[int, Path, Callable[[], None]], None]) -> Found:
    """Do jobs one after another and note their times and the highest memory of all."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="cinevivid-bench-") as folder:
        # Writing 5 there starts the high-water mark of the resident set anew (man 5 proc).
        Path("/proc/self/clear_refs").write_text("5")
        before, found.loaded = _resident("VmRSS"), time.monotonic()
        for number in range(count):
            began, playable = time.monotonic(), []
            job(number, Path(folder) / f"{number}.mp4", lambda: playable.append(time.monotonic()))  # noqa: B023
            found.ended.append(time.monotonic())
            found.total.append(found.ended[-1] - began)
            found.first.append(playable[0] - began)
        # The kernel counts pages by the processor and adds them up late: a process that needed none can seem smaller.
        found.peak = max(0, _resident("VmHWM") - before) * KILOBYTE
    return found


def _resident(name: str) -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Case(**json.loads(sys.argv[1]))))))
