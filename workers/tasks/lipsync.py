"""Clips whose face says a text or a sound."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workers.base import EngineError, Progress, Stopped
from workers.tasks.registry import Made, MadeAsset, Request, recipe, task

if TYPE_CHECKING:
    from pathlib import Path

    from workers.lips.base import Pick
    from workers.voice.base import Speech

FACTS = ("width", "height", "frames", "fps", "seconds", "bytes", "sha256")
# What is told of the film in its file: a recording that a model has changed (IPTC's Digital Source Type).
SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
PACKAGES = ("ai-edge-litert", "pocketsphinx", "onnxruntime", "opencv-python-headless")  # what lips depend on


@task("lip-sync")
def lip_sync(request: Request) -> Made:
    """Give the face of the clip `video` the mouth of a `text` in a `voice`, or of the sound `audio`; by segments.

    `face` is the number of the face in the first frame, 1 for the largest, or `face_at` its [second, x, y] with x and y
    as parts of the frame; `quality` names an engine of `workers.lipsync.ENGINES`, `own_sound` what becomes of the
    clip's sound. When `on_progress` raises Stopped, the film is what is finished of it. Raises EngineError, VoiceError,
    LipsError, or Cancelled through `on_progress`.
    """
    from workers.lipsync import DRAFT, REMOVED, Asked, engine, keep_film, sync_film
    from workers.media.film import marked
    from workers.media.stills import poster, strip

    params, source = request.params, request.input("video")
    if source is None:
        raise EngineError("input_missing", "There is no clip whose lips could move.")
    quality = params.get("quality") or DRAFT
    request.on_progress(Progress(stage="loading"))
    speech = _speech(request)
    asked = Asked(source, _pick(params, source), params.get("own_sound") or REMOVED)
    made_from = recipe("lip-sync", params, quality, inputs=request.inputs, packages=PACKAGES)
    made_from["digital_source_type"] = SYNTHETIC
    segments, out, stopped = request.folder / "render", request.folder / "film.mp4", False
    copies = {"file": marked(out)} if request.watermark else {}
    told: dict[str, Any] = {"watermark": request.watermark, "engine": engine(quality)}
    told["comment"] = json.dumps(made_from, sort_keys=True)
    try:
        info = sync_film(asked, speech, segments, out, on_progress=request.on_progress, keeper=request.keeper, **told)
    except Stopped:
        info, kept = keep_film(asked, speech, segments, out, **told)
        made_from, stopped = made_from | {"segments_kept": kept}, True
    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    files = {"file": out}
    files["poster"] = poster(out, request.folder / "poster.webp")
    files["strip"] = strip(out, request.folder / "strip.webp")
    facts = {name: getattr(info, name) for name in FACTS}
    film = MadeAsset(kind="video", files=files, facts=facts, marked=copies)
    return Made(assets=[film], engine=quality, recipe=made_from, stopped=stopped)


def _speech(request: Request) -> Speech:
    from workers.lipsync import heard, said

    params, sound = request.params, request.input("audio")
    language = params.get("language") or ""
    if sound is not None:
        return heard(sound, request.folder / "heard", params.get("text") or "", language or "en")
    if not params.get("text") or not params.get("voice"):
        raise EngineError("input_missing", "There is neither a text nor a sound to say.")
    return said(
        params["text"],
        params["voice"],
        language,
        params.get("speed") or 1.0,
        params.get("pitch") or 0.0,
        on_progress=request.on_progress,
    )


def _pick(params: Any, source: Path) -> Pick | None:
    """Return the face that was picked, None for the only one."""
    from workers.lips.base import Pick
    from workers.media import foreign
    from workers.media.facts import MediaError

    if not params.get("face_at"):
        return Pick(index=int(params["face"]) - 1) if params.get("face") else None
    try:
        info = foreign.clip_info(source)
    except MediaError as error:
        raise EngineError(error.code, error.public_text) from error
    second, x, y = params["face_at"]
    return Pick(frame=int(second * info.fps), point=(x * info.width, y * info.height))
