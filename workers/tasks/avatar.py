"""Portraits that say a text or a sound, or do what somebody in a clip does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from workers import presenters
from workers.base import EngineError, Progress
from workers.tasks.registry import Made, Request, task
from workers.tasks.spoken import made_film, speech_of

if TYPE_CHECKING:
    from pathlib import Path

    from workers.lips.base import Pick


@task("talking-avatar")
def talking_avatar(request: Request) -> Made:
    """Let the picture `portrait`, or the presenter whose slug it is, say a `text` in a `voice`, or the sound `audio`.

    `driver` is a clip whose head, mouth and lids are followed; alone, its sound is kept. `face_at` is [0, x, y] of the
    face in the picture as parts of it, `made_width` and `made_height` are the sides of the film, `expressiveness` is 0
    to 1, and `quality` names an engine of `workers.avatar`. When `on_progress` raises Stopped, the film is what is
    finished of it. Raises EngineError, VoiceError, LipsError, or Cancelled through `on_progress`.
    """
    from workers.avatar import DRAFT, Asked, engine, keep_film, talk_film

    params = request.params
    portrait = _portrait(request)
    request.on_progress(Progress(stage="loading"))
    speech, driver = speech_of(request), request.input("driver")
    if speech is None and driver is None:
        raise EngineError("input_missing", "There is neither a text nor a sound to say.")
    asked = Asked(
        portrait,
        params["made_width"],
        params["made_height"],
        _pick(request, portrait),
        params.get("expressiveness", 0.5),
        params.get("seed") or 0,
        driver,
    )
    make, keep = partial(talk_film, asked, speech), partial(keep_film, asked, speech)
    return made_film(request, "talking-avatar", engine(params.get("quality") or DRAFT), make, keep)


def _portrait(request: Request) -> Path:
    """Return the picture that speaks."""
    if (brought := request.input("portrait")) is not None:
        return brought
    try:
        return presenters.path(str(request.params.get("portrait")))
    except KeyError as error:
        raise EngineError("input_missing", "There is no portrait that could speak.") from error


def _pick(request: Request, portrait: Path) -> Pick | None:
    """Return the face that was picked, None for the only one."""
    from workers.lips.base import Pick
    from workers.media import foreign
    from workers.segments import as_engine_error

    if not request.params.get("face_at"):
        return None
    with as_engine_error():
        width, height = foreign.picture_size(portrait)
    _second, x, y = request.params["face_at"]
    return Pick(point=(x * width, y * height))
