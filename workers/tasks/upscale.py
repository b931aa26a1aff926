"""Pictures and films made larger, and films made smoother."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workers.base import EngineError, Progress, Stopped
from workers.tasks.registry import Made, MadeAsset, Request, film_asset, recipe, task

if TYPE_CHECKING:
    from workers.upscale import Upscale


@task("upscale")
def upscale(request: Request) -> Made:
    """Make the picture or film `source` larger, by a factor or to a height; a film by segments that are kept.

    When `on_progress` raises Stopped, a film is what is finished of it. Raises EngineError, or Cancelled through
    `on_progress`.
    """
    from workers.upscale import Upscale
    from workers.weights import catalog

    params, source = request.params, request.input("source")
    if source is None:
        raise EngineError("input_missing", "There is nothing to make larger.")
    factor, height, fps = (int(params.get(name) or 0) or None for name in ("factor", "height", "fps"))
    model = params.get("model_id") or catalog.chosen("upscale")
    between = catalog.chosen("interpolation")
    asked = Upscale(source=source, factor=factor, height=height, fps=fps, model=model, interpolation=between)
    made_from = recipe("upscale", params, model, inputs=request.inputs)
    if fps:
        made_from["interpolation"] = between
    return _picture(request, asked, made_from) if params["kind"] == "image" else _film(request, asked, made_from)


def _picture(request: Request, asked: Upscale, made_from: dict[str, Any]) -> Made:
    import numpy as np

    from workers.media.facts import sha256
    from workers.media.stills import poster, read_picture
    from workers.upscale import upscale_picture

    out = request.folder / "picture.png"
    width, height = upscale_picture(asked, out, on_progress=request.on_progress)
    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    poster([np.asarray(read_picture(out))], request.folder / "poster.webp")
    facts = {"width": width, "height": height, "bytes": out.stat().st_size, "sha256": sha256(out)}
    files = {"file": out, "poster": request.folder / "poster.webp"}
    return Made(assets=[MadeAsset(kind="image", files=files, facts=facts)], engine=asked.model, recipe=made_from)


def _film(request: Request, asked: Upscale, made_from: dict[str, Any]) -> Made:
    from workers.media.film import marked
    from workers.media.probe import probe
    from workers.tasks.voiceover import heard
    from workers.upscale import keep_film, upscale_film

    segments, out = request.folder / "render", request.folder / "film.mp4"
    stopped = False
    more: dict[str, Any] = {}
    copies = {"file": marked(out)} if request.watermark else {}
    told: dict[str, Any] = {"comment": json.dumps(made_from, sort_keys=True), "watermark": request.watermark}
    try:
        info = upscale_film(asked, segments, out, on_progress=request.on_progress, keeper=request.keeper, **told)
    except Stopped:
        info, kept = keep_film(asked, segments, out, **told)
        made_from, stopped = made_from | {"segments_kept": kept}, True
    if not stopped and (more := heard(request, [out, *copies.values()], made_from, request.on_progress)):
        info = probe(out)
    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    film = film_asset(request, out, info, more)
    return Made(assets=[film], engine=asked.model, recipe=made_from, stopped=stopped)
