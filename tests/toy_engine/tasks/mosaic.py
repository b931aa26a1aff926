"""Mosaics of two pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workers.base import Progress
from workers.tasks.registry import Made, MadeAsset, Request, recipe, task

if TYPE_CHECKING:
    from PIL import Image

PACKAGES = ("numpy", "pillow", "safetensors")


@task("mosaic")
def mosaic(request: Request) -> Made:
    """Lay both pictures, and a third one that has the tiles of both by turns.

    Raises EngineError, or Cancelled through `on_progress`.
    """
    from PIL import Image

    from workers.engines import registry
    from workers.media import foreign

    engine, tiles, done = registry.get("mosaic"), request.params["tiles"], 0
    request.on_progress(Progress(stage="loading"))
    engine.load()

    def laid_row() -> None:
        nonlocal done
        done += 1
        request.on_progress(Progress(stage="laying", step=done, steps=2 * tiles))

    laid = []
    for name in ("first", "second"):
        path = request.input(name)
        assert path is not None
        # What somebody brought is opened in a process of its own.
        pixels = foreign.picture(path, *foreign.picture_size(path))
        laid.append(engine.lay(Image.fromarray(pixels), tiles, laid_row))
    board = Image.new("L", (tiles, tiles))
    board.putdata([255 * ((place // tiles + place % tiles + 1) % 2) for place in range(tiles * tiles)])
    laid.append(Image.composite(*laid, board.resize(laid[0].size, Image.Resampling.NEAREST)))

    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    made_from = recipe("mosaic", request.params, engine.card.id, inputs=request.inputs, packages=PACKAGES)
    assets = [_saved(picture, request.folder / f"mosaic-{place}.png") for place, picture in enumerate(laid, 1)]
    return Made(assets=assets, engine=engine.card.id, recipe=made_from)


def _saved(picture: Image.Image, path: Path) -> MadeAsset:
    from workers.media.facts import sha256

    picture.save(path)
    facts = {"width": picture.width, "height": picture.height, "bytes": path.stat().st_size, "sha256": sha256(path)}
    return MadeAsset(kind="image", files={"file": path}, facts=facts)
