"""Clips whose face says a text or a sound."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from workers.base import EngineError, Progress
from workers.tasks.registry import Made, Request, task
from workers.tasks.spoken import made_film, speech_of

if TYPE_CHECKING:
    from pathlib import Path

    from workers.lips.base import Pick


@task("lip-sync")
def lip_sync(request: Request) -> Made:
    """Give the face of the clip `video` the mouth of a `text` in a `voice`, or of the sound `audio`; by segments.

    `face` is the number of the face in the first frame, 1 for the largest, or `face_at` its [second, x, y] with x and y
    as parts of the frame; `quality` names an engine of `workers.lipsync.ENGINES`, `own_sound` what becomes of the
    clip's sound. When `on_progress` raises Stopped, the film is what is finished of it. Raises EngineError, VoiceError,
    LipsError, or Cancelled through `on_progress`.
    """
    from workers.lipsync import DRAFT, REMOVED, Asked, engine, keep_film, sync_film

    params, source = request.params, request.input("video")
    if source is None:
        raise EngineError("input_missing", "There is no video whose lips could move.")
    request.on_progress(Progress(stage="loading"))
    speech = speech_of(request)
    if speech is None:
        raise EngineError("input_missing", "There is neither a text nor a sound to say.")
    asked = Asked(source, _pick(params, source), params.get("own_sound") or REMOVED)
    make, keep = partial(sync_film, asked, speech), partial(keep_film, asked, speech)
    return made_film(request, "lip-sync", engine(params.get("quality") or DRAFT), make, keep)


def _pick(params: Any, source: Path) -> Pick | None:
    """Return the face that was picked, None for the only one."""
    from workers.lips.base import Pick
    from workers.media import foreign
    from workers.segments import as_engine_error

    if not params.get("face_at"):
        return Pick(index=int(params["face"]) - 1) if params.get("face") else None
    with as_engine_error():
        info = foreign.clip_info(source)
    second, x, y = params["face_at"]
    return Pick(frame=int(second * info.fps), point=(x * info.width, y * info.height))
