"""A clip in another look, by a video model or by a filter."""

from __future__ import annotations

import json
from typing import Any

from workers.base import EngineError, Progress, Stopped
from workers.tasks.registry import Made, Request, film_asset, recipe, task


@task("restyle")
def restyle(request: Request) -> Made:
    """Show the clip `video` in another look, window by window; `image` is its first frame in that look, if it is there.

    Goes on after the last window that the keeper has of an earlier attempt. When `on_progress` raises Stopped, the film
    is what is finished of it. Raises EngineError, or Cancelled through `on_progress`.
    """
    from workers.engines import registry
    from workers.engines.skyreels import cards
    from workers.engines.skyreels.request.plan import plan
    from workers.engines.skyreels.request.restyle import restyle_request
    from workers.prompts.styles import styled
    from workers.render import keep, render
    from workers.tasks.video import sent
    from workers.weights import catalog

    params, source = request.params, request.input("video")
    if source is None:
        raise EngineError("input_missing", "There is no video to restyle.")
    card = cards.get(params.get("model_id") or catalog.chosen("video"))
    look = params.get("style") or ""
    prompt = styled(params["prompt"], look) if look in card.looks else params["prompt"]
    asked = restyle_request({**params, "prompt": prompt}, source, request.input("image"))
    layout = plan(asked.spec)
    made_from = recipe("restyle", params, asked.spec.model) | sent(asked, layout.files)
    segments, out = request.folder / "render", request.folder / "film.mp4"
    told: dict[str, Any] = {"comment": json.dumps(made_from, sort_keys=True), "watermark": request.watermark}
    windows, stopped = len(layout.windows), False
    try:
        info = render(
            registry.get("video"),
            layout,
            segments,
            out,
            on_progress=request.on_progress,
            keeper=request.keeper,
            run=asked.run,
            **told,
        )
    except Stopped:
        info, kept = keep(layout, segments, out, **told)
        made_from, stopped = made_from | {"windows_kept": kept}, True
    request.on_progress(Progress(stage="encoding", step=1, steps=1, window=windows, windows=windows))
    return Made(assets=[film_asset(request, out, info)], engine=asked.spec.model, recipe=made_from, stopped=stopped)


@task("look")
def look(request: Request) -> Made:
    """Put the filter `look` over the clip `video`, by segments that are kept; no model is asked.

    When `on_progress` raises Stopped, the film is what is finished of it. Raises EngineError, or Cancelled through
    `on_progress`.
    """
    from workers.looks import Look, keep_film, look_film

    params, source = request.params, request.input("video")
    if source is None:
        raise EngineError("input_missing", "There is no video to put a look on.")
    asked = Look(source=source, name=params["look"], amount=params["amount"] / 100, seed=params["seed"])
    made_from = recipe("look", params, "", inputs=request.inputs, packages=("av", "numpy"))
    segments, out, stopped = request.folder / "render", request.folder / "film.mp4", False
    told: dict[str, Any] = {"comment": json.dumps(made_from, sort_keys=True), "watermark": request.watermark}
    try:
        info = look_film(asked, segments, out, on_progress=request.on_progress, keeper=request.keeper, **told)
    except Stopped:
        info, kept = keep_film(asked, segments, out, **told)
        made_from, stopped = made_from | {"segments_kept": kept}, True
    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    return Made(assets=[film_asset(request, out, info)], engine="", recipe=made_from, stopped=stopped)
