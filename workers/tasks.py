"""What a worker can do, by name: each task turns plain parameters into files in a folder. Knows nothing of Django."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workers.engines.base import OnProgress, Progress, Stopped
from workers.kept import Keeper

RECIPE_PACKAGES = ("torch", "diffusers", "transformers")


@dataclass(frozen=True, slots=True)
class Made:
    """What a task made. `files` maps asset file fields (file, poster, strip) to paths; `facts` are asset columns:
    width and height in pixels, frames, fps, seconds, bytes, sha256. `stopped` when it is not all that was asked for."""

    kind: str
    files: dict[str, Path]
    facts: dict[str, Any]
    engine: str
    recipe: dict[str, Any]
    stopped: bool = False


Task = Callable[[Mapping[str, Any], Path, OnProgress, Keeper], Made]
TASKS: dict[str, Task] = {}


def task(name: str) -> Callable[[Task], Task]:
    """Register a task under the name that a tool gives in `Tool.task`."""

    def add(function: Task) -> Task:
        TASKS[name] = function
        return function

    return add


@task("skyreels.t2v")
def text_to_video(params: Mapping[str, Any], folder: Path, on_progress: OnProgress, keeper: Keeper) -> Made:
    """Make a film from a prompt; go on after the last window that `keeper` has of an earlier attempt.

    `params` are those of the text-to-video form. When `on_progress` raises Stopped, the film is what is finished of it.
    Raises EngineError, or Cancelled through `on_progress`.
    """
    from workers.engines import registry
    from workers.engines.skyreels.plan import plan
    from workers.engines.skyreels.spec import VideoSpec
    from workers.media.stills import poster, strip
    from workers.prompts.styles import styled
    from workers.render import keep, render

    engine = registry.get("video")
    values = {key: params[key] for key in ("num_frames", "negative_prompt", "steps", "guidance_scale", "shift", "seed")}
    prompt = styled(params["prompt"], params["style"])
    spec = VideoSpec.for_model(engine.name, prompt, ratio=params["ratio"], **values)
    made_from = recipe("skyreels.t2v", params, engine.name) | {"prompt_sent": prompt}
    out = folder / "film.mp4"
    comment = json.dumps(made_from, sort_keys=True)
    windows = of = len(plan(spec).windows)
    try:
        info = render(engine, spec, folder / "render", out, on_progress=on_progress, keeper=keeper, comment=comment)
    except Stopped:
        info, windows = keep(spec, folder / "render", out, comment)
        made_from |= {"windows_kept": windows}
    on_progress(Progress(stage="encoding", window=windows, windows=of, step=1, steps=1))
    poster(out, folder / "poster.webp")
    strip(out, folder / "strip.webp")
    facts = {name: getattr(info, name) for name in ("width", "height", "frames", "fps", "seconds", "bytes", "sha256")}
    files = {"file": out, "poster": folder / "poster.webp", "strip": folder / "strip.webp"}
    return Made("video", files, facts, engine.name, made_from, stopped=windows < of)


def recipe(task_name: str, params: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """Everything needed to make it again: parameters with the seed, the model, and the versions of what computed it."""
    return {
        "generator": "CineVivid",
        "task": task_name,
        "model": engine,
        "params": dict(params),
        "versions": {name: version(name) for name in RECIPE_PACKAGES},
    }
