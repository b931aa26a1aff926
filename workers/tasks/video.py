"""Films by SkyReels-V2: from words, pictures or a clip."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.base import OnProgress, Progress, Stopped
from workers.keeper import PROMPT, write_whole
from workers.tasks.registry import Made, Request, film_asset, recipe, task

if TYPE_CHECKING:
    from workers.engines.skyreels.request.flags import VideoRequest
    from workers.prompts.write import Target


@task("video")
def video(request: Request) -> Made:
    """Make a film from a prompt, and from the pictures or the clip that the request brings.

    Goes on after the last window that the keeper has of an earlier attempt. When `on_progress` raises Stopped, the film
    is what is finished of it, and is not made larger. Raises EngineError, or Cancelled through `on_progress`.
    """
    from workers.engines import registry
    from workers.engines.skyreels.request.plan import plan
    from workers.media.film import marked
    from workers.media.probe import probe
    from workers.render import keep, render
    from workers.tasks.voiceover import heard

    engine = registry.get("video")
    params, folder, on_progress = request.params, request.folder, request.on_progress
    segments, out = folder / "render", folder / "film.mp4"
    request.keeper.fetch(segments)
    inputs = {name: paths[0] for name, paths in request.inputs.items() if paths}
    asked = film_of(params, inputs, segments / PROMPT, on_progress)
    layout = plan(asked.spec)
    made_from = recipe("video", params, asked.spec.model) | sent(asked, layout.files)
    original = params.get("prompt_original") or ""
    if params.get("prompt_enhancer"):
        written = suggested(params, inputs, segments / PROMPT, on_progress)
        made_from |= prompts_of(original or params["prompt"], written)
    elif original:  # a suggestion that was taken by hand
        made_from |= {"prompt_original": original, "prompt_enhanced": params["prompt"]}
    comment = json.dumps(made_from, sort_keys=True)
    windows = of = len(layout.windows)
    told: dict[str, Any] = {"on_progress": on_progress, "keeper": request.keeper, "comment": comment, "run": asked.run}
    told["watermark"] = watermark = request.watermark
    try:
        info, factor = render(engine, layout, segments, out, **told), int(params.get("finish") or 0)
    except Stopped:
        # What is finished is wanted now, as it is.
        (info, windows), factor = keep(layout, segments, out, comment, watermark=watermark), 0
        made_from |= {"windows_kept": windows}
    if factor:
        reported = _in_windows(on_progress, windows, of)
        out = finished(out, folder, factor, made_from, reported, watermark=watermark)
        info = probe(out)
    stopped = windows < of or bool(params.get("finish") and not factor)
    copies = {"file": marked(out)} if watermark else {}
    more = {} if stopped else heard(request, [out, *copies.values()], made_from, _in_windows(on_progress, windows, of))
    if more:
        info = probe(out)
    on_progress(Progress(stage="encoding", step=1, steps=1, window=windows, windows=of))
    film = film_asset(request, out, info, more)
    return Made(assets=[film], engine=asked.spec.model, recipe=made_from, stopped=stopped)


def finished(
    film: Path,
    folder: Path,
    factor: int,
    made_from: dict[str, Any],
    on_progress: OnProgress,
    *,
    watermark: bool = False,
) -> Path:
    """Make a film `factor` times as large, by the model of the tool Upscale; returns the new file.

    A stop is not asked for any more: what is finished of the film is what is made larger.
    """
    from workers.upscale import Upscale, upscale_film
    from workers.weights import catalog

    def report(now: Progress) -> None:
        with suppress(Stopped):
            on_progress(now)

    model = catalog.chosen("upscale")
    made_from["finish"] = {"factor": factor, "model": model}
    out = folder / "finished.mp4"
    asked = Upscale(source=film, factor=factor, model=model)
    comment = json.dumps(made_from, sort_keys=True)
    upscale_film(asked, folder / "finish", out, on_progress=report, comment=comment, watermark=watermark)
    return out


def _in_windows(on_progress: OnProgress, window: int, windows: int) -> OnProgress:
    """Return an `on_progress` for what follows the last window: how much is made does not begin again."""

    def report(now: Progress) -> None:
        done: dict[str, Any] = {"step": 1, "steps": 1} if now.stage == "loading" else {}
        on_progress(dataclasses.replace(now, window=window, windows=windows, **done))

    return report


def film_of(
    params: Mapping[str, Any], inputs: Mapping[str, Path], written: Path, on_progress: OnProgress
) -> VideoRequest:
    """Return what the engine is asked for; a prompt that a model wrote is kept in `written`, and not written twice.

    Raises SpecError, EngineError when the prompt's writer is not there, and what `on_progress` raises.
    """
    from workers.engines.skyreels import cards
    from workers.engines.skyreels.request.flags import video_request
    from workers.prompts.styles import styled
    from workers.weights import catalog

    prompt, card = params["prompt"], cards.get(params.get("model_id") or catalog.chosen("video"))
    if params.get("prompt_enhancer"):
        prompt = suggested(params, inputs, written, on_progress)["prompt"]
    # To a model that does not know them, the words of a look are other things to draw.
    sent = styled(prompt, params["style"]) if params["style"] in card.looks else prompt
    return video_request({**params, "prompt": sent}, inputs)


def suggested(
    params: Mapping[str, Any], inputs: Mapping[str, Path], written: Path, on_progress: OnProgress
) -> dict[str, Any]:
    """Return the longer prompt that the film is made from, with who wrote it and notes; read from `written` if there.

    Its writer's memory is free again afterwards: the video model needs it.
    """
    from workers.enhance import enhance
    from workers.weights import catalog

    if not written.exists():
        on_progress(Progress(stage="loading"))
        target: Target = "i2v" if inputs else "t2v"
        model = params.get("model_id") or catalog.chosen("video")
        told = enhance(
            params["prompt"], params["seed"], target=target, model=model, on_progress=on_progress, keep=False
        )
        kept = {"prompt": told.prompt, "engine": told.engine, "notes": list(told.notes)}
        write_whole(written, json.dumps(kept, ensure_ascii=False))
    text = written.read_text(encoding="utf-8")
    try:
        found: dict[str, Any] = json.loads(text)
        return {"prompt": found["prompt"], "engine": found["engine"], "notes": found["notes"]}
    except (ValueError, KeyError, TypeError):
        return {"prompt": text, "engine": "", "notes": []}  # kept by an earlier release, as it was


def prompts_of(original: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a recipe says of a prompt that was made longer: both of them, who wrote it, and notes."""
    both = {"prompt_original": original, "prompt_enhanced": told["prompt"], "prompt_engine": told["engine"]}
    return both | ({"prompt_notes": list(told["notes"])} if told["notes"] else {})


def sent(asked: VideoRequest, files: Mapping[str, str]) -> dict[str, Any]:
    """Return what the model got: the prompt as it was sent, every value that was left to it, and the hashes of the
    inputs, `files`."""
    from workers.engines.skyreels.request.execution import GGUF, stored_form
    from workers.engines.skyreels.request.spec import INPUTS

    spec = dataclasses.asdict(asked.spec)
    found: dict[str, Any] = {"prompt_sent": spec.pop("prompt")}
    left_out = INPUTS if asked.spec.source else (*INPUTS, "strength")
    found |= {"spec": {name: value for name, value in spec.items() if name not in left_out}, "inputs": dict(files)}
    if (form := stored_form(asked.spec.model)) != "none":
        # Of a file, the name: where it lies is the operator's business.
        found["weights"] = f"{GGUF}{Path(form.partition('=')[2]).name}" if form.startswith(GGUF) else form
    return found
