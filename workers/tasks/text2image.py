"""Pictures from words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.base import EngineError, Progress, Stopped
from workers.tasks.registry import Made, MadeAsset, Request, recipe, task

if TYPE_CHECKING:
    from workers.engines.image.request import Picture


@task("text2image")
def text2image(request: Request) -> Made:
    """Make `count` pictures from a prompt, one after the other.

    Goes on after the last picture that the keeper has of an earlier attempt. When `on_progress` raises Stopped, the
    pictures are those that are finished. Raises EngineError, or Cancelled through `on_progress`.
    """
    from workers.pictures import Finish, finished, paint
    from workers.weights import catalog

    params, folder = request.params, request.folder
    asked = [picture_of(params, number) for number in range(params["count"])]
    factor = int(params.get("finish") or 0)
    finish = Finish(factor, catalog.chosen("upscale")) if factor else None
    model = asked[0].model
    made_from = recipe("text2image", params, model) | {"prompt_sent": asked[0].prompt}
    if finish:
        made_from["finish"] = {"factor": finish.factor, "model": finish.model}
    own = [_own(params, picture, number) for number, picture in enumerate(asked, 1)]
    stopped = False
    try:
        paths = paint(
            asked,
            folder / "render",
            finish=finish,
            recipes=[made_from | each for each in own],
            on_progress=request.on_progress,
            keeper=request.keeper,
        )
    except Stopped:
        paths, stopped = finished(folder / "render"), True
        if not paths:
            raise EngineError("nothing_to_keep", "Nothing of this is finished yet.") from None
    request.on_progress(Progress(stage="encoding", step=1, steps=1, window=len(paths), windows=len(asked)))
    assets = [_asset(path, folder, each) for path, each in zip(paths, own, strict=False)]
    return Made(assets=assets, engine=model, recipe=made_from, stopped=stopped)


def picture_of(params: Mapping[str, Any], number: int) -> Picture:
    """Return what the engine is asked for as picture `number`, from 0, of the parameters of the tool's form."""
    from workers.engines.image import cards
    from workers.engines.image.request import MAX_SEED, Noise, Picture
    from workers.prompts.styles import styled

    card = cards.get(params["model_id"])
    width, height = card.sizes[params["ratio"]]
    guidance, seed = params.get("guidance_scale"), (params["seed"] + number) % (MAX_SEED + 1)
    near = params.get("near")
    return Picture(
        model=card.id,
        # To a model that does not know them, the words of a look are other things to draw.
        prompt=styled(params["prompt"], params["style"], still=True)
        if params["style"] in card.looks
        else params["prompt"],
        negative_prompt=params.get("negative_prompt") or "",
        width=width,
        height=height,
        steps=card.steps(params["quality"]),
        guidance_scale=card.guidance_scale if guidance is None else guidance,
        noise=Noise.parse(near).towards(seed, params["variation"]) if near else Noise(seed),
    )


def _own(params: Mapping[str, Any], picture: Picture, number: int) -> dict[str, Any]:
    """Return what the recipe of one picture says beside that of the set: which one it is, and parameters for it alone.

    `noise` is what a variation of it stays near.
    """
    seed = picture.noise.links[-1][0] if picture.noise.links else picture.noise.seed
    return {"picture": number, "noise": str(picture.noise), "params": {**params, "count": 1, "seed": seed}}


def _asset(path: Path, folder: Path, own: Mapping[str, Any]) -> MadeAsset:
    import numpy as np

    from workers.media.facts import sha256
    from workers.media.stills import poster, read_picture

    pixels = np.asarray(read_picture(path))
    small = poster([pixels], folder / f"{path.stem}.webp")
    height, width = pixels.shape[:2]
    facts = {"width": width, "height": height, "bytes": path.stat().st_size, "sha256": sha256(path)}
    return MadeAsset(kind="image", files={"file": path, "poster": small}, facts=facts, recipe=own)
