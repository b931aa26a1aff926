"""What a worker can do, by name: each task turns plain parameters into files in a folder. Knows nothing of Django."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.base import OnProgress, Progress, Stopped
from workers.keeper import PROMPT, Keeper, write_whole

if TYPE_CHECKING:
    from workers.engines.skyreels.request.flags import VideoRequest

INPUTS = "inputs"  # where in its folder a task finds the files that it begins with
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
    """Make a film from a prompt, and from the pictures or the clip in `folder`/inputs, each named by its parameter.

    Goes on after the last window that `keeper` has of an earlier attempt. `params` are those of the tool's form. When
    `on_progress` raises Stopped, the film is what is finished of it. Raises EngineError, or Cancelled through
    `on_progress`.
    """
    from workers.engines import registry
    from workers.engines.skyreels.request.plan import plan
    from workers.media.stills import poster, strip
    from workers.render import keep, render

    engine = registry.get("video")
    rushes, out = folder / "render", folder / "film.mp4"
    keeper.fetch(rushes)
    job = film_of(params, inputs_in(folder), rushes / PROMPT, on_progress)
    spec = job.spec
    made_from = recipe("skyreels.t2v", params, spec.model) | _sent(job, params)
    comment = json.dumps(made_from, sort_keys=True)
    windows = of = len(plan(spec).windows)
    told: dict[str, Any] = {"on_progress": on_progress, "keeper": keeper, "comment": comment, "run": job.run}
    try:
        info = render(engine, spec, rushes, out, **told)
    except Stopped:
        info, windows = keep(spec, rushes, out, comment)
        made_from |= {"windows_kept": windows}
    on_progress(Progress(stage="encoding", window=windows, windows=of, step=1, steps=1))
    poster(out, folder / "poster.webp")
    strip(out, folder / "strip.webp")
    facts = {name: getattr(info, name) for name in ("width", "height", "frames", "fps", "seconds", "bytes", "sha256")}
    files = {"file": out, "poster": folder / "poster.webp", "strip": folder / "strip.webp"}
    return Made("video", files, facts, spec.model, made_from, stopped=windows < of)


def film_of(
    params: Mapping[str, Any], inputs: Mapping[str, Path], written: Path, on_progress: OnProgress
) -> VideoRequest:
    """Return what the engine is asked for; a prompt that a model wrote is kept in `written`, and not written twice.

    Raises SpecError, EngineError when the prompt's writer is not there, and what `on_progress` raises.
    """
    from workers.engines.skyreels.request.flags import video_request
    from workers.prompts.enhance import enhance
    from workers.prompts.styles import styled

    prompt = params["prompt"]
    if params.get("prompt_enhancer"):
        if not written.exists():
            on_progress(Progress("loading", 1, 1, 0, 1))
            write_whole(written, enhance(prompt, params["seed"]))
        prompt = written.read_text(encoding="utf-8")
    return video_request({**params, "prompt": styled(prompt, params["style"])}, inputs)


def inputs_in(folder: Path) -> dict[str, Path]:
    """Return the files that the actor brought, by the parameter that named them."""
    return {path.stem: path for path in (folder / INPUTS).glob("*")}


def _sent(job: VideoRequest, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model got: the prompt as it was sent, every value that was left to it, and the inputs' hashes."""
    from workers.engines.skyreels.request.execution import GGUF, stored_form
    from workers.media.probe import sha256
    from workers.prompts.enhance import engine_name

    spec = dataclasses.asdict(job.spec)
    sent: dict[str, Any] = {"prompt_sent": spec.pop("prompt")}
    paths = {name: spec.pop(name) for name in ("image", "end_image", "video")}
    sent |= {"spec": spec, "inputs": {name: sha256(path) for name, path in paths.items() if path}}
    if (form := stored_form(job.spec.model)) != "none":
        # Of a file, the name: where it lies is the operator's business.
        sent["weights"] = f"{GGUF}{Path(form.partition('=')[2]).name}" if form.startswith(GGUF) else form
    return sent | ({"prompt_engine": engine_name()} if params.get("prompt_enhancer") else {})


def recipe(task_name: str, params: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """Everything needed to make it again: parameters with the seed, the model, and the versions of what computed it."""
    return {
        "generator": "CineVivid",
        "task": task_name,
        "model": engine,
        "params": dict(params),
        "versions": {name: version(name) for name in RECIPE_PACKAGES},
    }
