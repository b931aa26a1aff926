"""The speech and the film of tasks that let somebody say something; of a stopped one, the part that is finished."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workers.base import EngineError, Progress, Stopped
from workers.tasks.registry import Made, Request, film_asset, recipe

if TYPE_CHECKING:
    from workers.media.probe import MediaInfo
    from workers.voice.base import Speech

# What is told of the film in its file: a recording that a model has changed (IPTC's Digital Source Type).
SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
PACKAGES = ("ai-edge-litert", "pocketsphinx", "onnxruntime", "opencv-python-headless")  # what lips depend on


def speech_of(request: Request) -> Speech | None:
    """Return what is said: the sound `audio`, or a `text` in a `voice`; None with neither.

    Raises EngineError, VoiceError, LipsError, or Cancelled through `on_progress`.
    """
    from workers.lipsync import heard, said

    params, sound = request.params, request.input("audio")
    language = params.get("language") or ""
    if sound is not None:
        return heard(sound, request.folder / "heard", params.get("text") or "", language or "en")
    if not params.get("text"):
        return None
    if not params.get("voice"):
        raise EngineError("input_missing", "There is nobody to say the text.")
    return said(
        params["text"],
        params["voice"],
        language,
        params.get("speed") or 1.0,
        params.get("pitch") or 0.0,
        on_progress=request.on_progress,
    )


def made_film(
    request: Request,
    task: str,
    engine: object,
    make: Callable[..., MediaInfo],
    keep: Callable[..., tuple[MediaInfo, int]],
) -> Made:
    """Return the film that `make` writes, or that `keep` joins when `on_progress` raises Stopped.

    Both are given the folder of the segments, the path of the film and, by name, `comment`, `engine` and `watermark`.
    """
    quality = request.params.get("quality") or "draft"
    made_from = recipe(task, request.params, quality, inputs=request.inputs, packages=PACKAGES)
    made_from["digital_source_type"] = SYNTHETIC
    segments, out, stopped = request.folder / "render", request.folder / "film.mp4", False
    told: dict[str, Any] = {"watermark": request.watermark, "engine": engine}
    told["comment"] = json.dumps(made_from, sort_keys=True)
    try:
        info = make(segments, out, on_progress=request.on_progress, keeper=request.keeper, **told)
    except Stopped:
        info, kept = keep(segments, out, **told)
        made_from, stopped = made_from | {"segments_kept": kept}, True
    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    return Made(assets=[film_asset(request, out, info)], engine=quality, recipe=made_from, stopped=stopped)
