"""From a portrait and a speech, or a clip to follow, to a film of somebody who speaks; a crash costs one segment.

The folder is that of `workers.segments`, and holds the track of the clip's face as well.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from workers import segments
from workers.base import EngineError, OnProgress, ignore_progress
from workers.clips import FileClip
from workers.engines.external import cards
from workers.keeper import STATE, TRACK, Keeper, KeepNothing
from workers.lips.base import Avatar, Pick, Picture, Points, Role, Track
from workers.lips.landmarks import landmarker
from workers.lips.tracking import follow, pick_face
from workers.media import audio, foreign
from workers.media.facts import ClipInfo, sha256
from workers.media.probe import MediaInfo, read_frames
from workers.media.talking import check_portrait
from workers.segments import SEGMENT_FRAMES, Planned, as_engine_error
from workers.voice import mix
from workers.voice.base import Speech

STAGE = "talking"
FPS = 25
MOST_PIXELS = 12_000_000  # of a portrait that is looked at
HEAD = 1.5  # of the height of its face: what is seen of a head at least
SOFT_EDGE = 0.08  # of its shorter side: how a picture that does not fill the film fades
EYES_AT = 0.42  # of the height of the film, from above, where the portrait has room

DRAFT, HIGH, LARGE = "draft", "high", "large"
ENGINES = {DRAFT: "workers.lips.avatar:Draft"}  # by the quality that is asked for: a module, and an `Avatar` in it
MODELS = {HIGH: cards.ECHO, LARGE: cards.SKYREELS}  # by the quality: an external engine


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a picture file and the face in it that speaks, cut to fill `width` x `height`, which are even.

    `pick` is in pixels of the picture. `expressiveness` is 0, nearly still, to 1. `driver` is a clip whose head pose,
    mouth and blinks are followed; `prompt` says who is seen, for engines that read.
    """

    portrait: Path
    width: int
    height: int
    pick: Pick | None = None
    expressiveness: float = 0.5
    seed: int = 0
    driver: Path | None = None
    prompt: str = ""


class Cut(NamedTuple):
    """A portrait as it fills a film, uint8 RGB [H, W, 3], and the landmarks of its face, [478, 3]."""

    picture: Picture
    points: Points


def engine(quality: str = DRAFT) -> Avatar:
    """Return the engine of a quality. Raises EngineError("engine_unknown")."""
    if quality in MODELS:
        from workers.engines.external.avatar import Talker

        return Talker(MODELS[quality])
    if quality not in ENGINES:
        raise EngineError("engine_unknown", f"There is no engine for the quality {quality}.")
    module, _, name = ENGINES[quality].partition(":")
    made: Avatar = getattr(importlib.import_module(module), name)()
    return made


def talk_film(
    asked: Asked,
    speech: Speech | None,
    folder: Path,
    out: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    keeper: Keeper | None = None,
    comment: str = "",
    engine: Avatar,
    watermark: bool = False,
) -> MediaInfo:
    """Write the MP4 `out`, in which the face of a portrait says a speech, as the engine draws it.

    Without a speech it does what the driver does, with the sound of that clip and as long. With both, head and lids go
    with the clip, to and fro where it is shorter, and the mouth with the speech. Goes on, streams and ends as
    `segments.make_film` says; with a driver, `on_progress` is told of the stage "tracking" before "talking". Raises
    EngineError for what cannot be used, LipsError, and what the engine raises.
    """
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    makes = planned(asked, speech)
    work = _work(asked, speech, makes, folder, engine, watermark)
    # Files of the engine are not those of the film, which are kept.
    own = folder.with_name(f"{folder.name}-engine-{hashlib.sha256(work.identity.encode()).hexdigest()[:12]}")

    def frames(first: int) -> Iterator[Picture]:
        cut = cut_portrait(asked)
        role = Role(
            cut.picture, cut.points, speech, makes.fps, makes.frames, own, asked.expressiveness, asked.seed,
            _driver(asked, makes, folder, on_progress), asked.prompt, partial(_last, folder, first) if first else None,
        )  # fmt: skip
        return at_work.enter_context(closing(engine.talk(role, first=first, on_progress=on_progress)))

    with ExitStack() as at_work:  # an engine that is not waited for any more ends
        return segments.make_film(
            work, folder, out, frames, load=engine.load, on_progress=on_progress, keeper=keeper, comment=comment
        )


def keep_film(
    asked: Asked,
    speech: Speech | None,
    folder: Path,
    out: Path,
    comment: str = "",
    *,
    engine: Avatar,
    watermark: bool = False,
) -> tuple[MediaInfo, int]:
    """Join the segments that a stopped `talk_film` has left in `folder` into the MP4 `out`; nothing is computed.

    Returns what came out and how many segments are in it. Raises EngineError("nothing_to_keep") before the first.
    """
    work = _work(asked, speech, planned(asked, speech), folder, engine, watermark)
    return segments.keep_film(work, folder, out, comment)


def planned(asked: Asked, speech: Speech | None) -> Planned:
    """Say what will come out: as long as the speech, or as the driver's clip. Raises EngineError."""
    with as_engine_error():
        width, height = foreign.picture_size(asked.portrait)
        check_portrait(width, height)
        if speech is not None:
            seconds = speech.seconds
        elif asked.driver is not None:
            seconds = foreign.clip_info(asked.driver).seconds
        else:
            raise EngineError("input_missing", "There is neither a speech nor a video to follow.")
    count = max(1, math.ceil(seconds * FPS - 1e-6) if speech else round(seconds * FPS))
    info = ClipInfo(width, height, count / FPS, Fraction(FPS))
    return Planned(asked.width, asked.height, Fraction(FPS), count, info)


def cut_portrait(asked: Asked) -> Cut:
    """Cut the picture so that it fills the film around the face that speaks.

    Raises EngineError for a picture that cannot be used, and LipsError: no_face, face_small, face_turned and
    several_faces.
    """
    with as_engine_error():
        width, height = foreign.picture_size(asked.portrait)
        check_portrait(width, height)
        fill = max(asked.width / width, asked.height / height)
        zoom = min(fill, math.sqrt(MOST_PIXELS / (width * height)))
        # Rounded up, so that the film is filled.
        sides = math.ceil(width * zoom - 1e-6), math.ceil(height * zoom - 1e-6)
        whole = foreign.picture(asked.portrait, *sides)
    pick = asked.pick or Pick()
    if pick.point is not None:
        pick = Pick(pick.frame, pick.index, (pick.point[0] * zoom, pick.point[1] * zoom))
    points = pick_face(whole, pick).points
    zoom = fill / zoom
    tall = float(np.ptp(points[:, 1])) * HEAD
    if tall * zoom > asked.height:  # a head that the film would cut off is seen whole, with room beside it
        zoom = max(min(asked.width / sides[0], asked.height / sides[1]), asked.height / tall)
    span = asked.width / zoom, asked.height / zoom  # of the picture that is seen
    x, y = points[[33, 263], :2].mean(0)
    left, top = (
        float(np.clip(middle - share * seen, 0, side - seen)) if side >= seen else (side - seen) / 2
        for middle, share, seen, side in zip((x, y), (0.5, EYES_AT), span, sides, strict=True)
    )
    if abs(zoom - 1) < 1e-3:
        left, top = round(left), round(top)
    picture = _seen(whole, zoom, left, top, asked.width, asked.height)
    placed = ((points - (left, top, 0)) * zoom).astype(np.float32)
    face = landmarker().again(picture, placed)
    return Cut(picture, face.points if face else placed)


def _seen(whole: Picture, zoom: float, left: float, top: float, width: int, height: int) -> Picture:
    """Return a part of a picture, uint8 RGB [height, width, 3]; beside the picture it is seen large and blurred."""
    turn = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
    small = min(1.0, zoom)
    source = cv2.resize(whole, None, fx=small, fy=small, interpolation=cv2.INTER_AREA) if small < 0.9 else whole
    turn[0, 0] *= whole.shape[1] / source.shape[1]
    turn[1, 1] *= whole.shape[0] / source.shape[0]
    out = np.empty((height, width, 3), np.uint8)
    cv2.warpAffine(source, turn, (width, height), out, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    sides = whole.shape[1] * zoom, whole.shape[0] * zoom
    if sides[0] >= width - 1 and sides[1] >= height - 1:
        return out
    # How far beyond the picture each pixel is; within it, less than 0.
    x, y = (
        np.maximum(-at - begin, at - (side - begin)) if side < room - 1 else np.full(room, -np.inf)
        for at, begin, side, room in zip(
            (np.arange(width), np.arange(height)), (left * zoom, top * zoom), sides, (width, height), strict=True
        )
    )
    beyond = np.maximum(x[None], y[:, None])
    # Out of focus towards its edge, its colours go on beyond it, and fade into the backdrop.
    way = SOFT_EDGE * min(sides)
    near, far = (_smooth(1 - (beyond + way) / way), _smooth(1 - beyond / (3 * way)))
    backdrop = cv2.blendLinear(_soft(out, width, height), _backdrop(whole, width, height), far, 1 - far)
    return np.asarray(cv2.blendLinear(out, backdrop, near, 1 - near), np.uint8)


def _smooth(value: NDArray[np.float64]) -> NDArray[np.float32]:
    value = np.clip(value, 0, 1)
    return np.asarray(value * value * (3 - 2 * value), np.float32)


def _backdrop(whole: Picture, width: int, height: int) -> Picture:
    """Return a picture that fills a film, out of focus."""
    fill = max(width / whole.shape[1], height / whole.shape[0]) / 8
    small = np.asarray(cv2.resize(whole, None, fx=fill, fy=fill, interpolation=cv2.INTER_AREA), np.uint8)
    top, left = (small.shape[0] - height // 8) // 2, (small.shape[1] - width // 8) // 2
    part = small[max(top, 0) :, max(left, 0) :][: height // 8 + 1, : width // 8 + 1]
    return _soft(np.asarray(part, np.uint8), width, height)


def _soft(picture: Picture, width: int, height: int) -> Picture:
    """Return a picture at the size of a film, out of focus."""
    small = cv2.resize(picture, (max(2, width // 8), max(2, height // 8)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), max(2.0, width / 8 / 30))
    return np.ascontiguousarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _driver(asked: Asked, makes: Planned, folder: Path, on_progress: OnProgress) -> Track | None:
    """Return what the face of the clip does, which is followed once."""
    if asked.driver is None:
        return None
    # `make_film` has removed the state of any other film; where none is left, the track may be of another one as well.
    if (folder / STATE).exists():
        try:
            return Track.load(folder / TRACK)
        except (OSError, ValueError, KeyError):
            pass
    with as_engine_error():
        info = foreign.clip_info(asked.driver)
    width, height = info.width // 2 * 2, info.height // 2 * 2
    count = max(1, round(info.seconds * FPS))
    track = follow(FileClip(asked.driver, width, height, makes.fps, count), on_progress=on_progress)
    folder.mkdir(parents=True, exist_ok=True)
    track.save(folder / TRACK)
    return track


def _last(folder: Path, first: int) -> Picture:
    """Return the frame before the one numbered `first`."""
    (last,) = deque(read_frames(folder / f"{first // SEGMENT_FRAMES - 1:04d}.mp4"), maxlen=1)
    return last


def _work(
    asked: Asked, speech: Speech | None, makes: Planned, folder: Path, engine: Avatar, watermark: bool
) -> segments.Work:
    pick = asked.pick
    depends_on = {
        "frames": makes.frames,
        "pick": [pick.frame, pick.index, pick.point] if pick else None,
        "said": _said(speech) if speech else None,
        "acted": [asked.expressiveness, asked.seed, asked.prompt],
        "driver": sha256(asked.driver) if asked.driver else None,
        "engine": engine.name,
    }
    sound = partial(_sound, asked, speech, folder)
    return segments.Work(makes, asked.portrait, depends_on, STAGE, watermark, sound)


def _said(speech: Speech) -> list[object]:
    samples = hashlib.sha256(np.ascontiguousarray(speech.samples).tobytes()).hexdigest()
    phonemes = [[part.text, round(part.start, 4), round(part.end, 4)] for part in speech.phonemes]
    return [samples, speech.rate, hashlib.sha256(json.dumps(phonemes).encode()).hexdigest()]


def _sound(asked: Asked, speech: Speech | None, folder: Path, seconds: float) -> audio.Samples | None:
    """Return what is heard, [2, N] at audio.RATE, in a film of so many seconds; None where the clip has no sound."""
    length = round(seconds * audio.RATE)
    if speech is not None:
        voice = audio.resampled(mix.level(speech.samples, speech.rate), speech.rate, audio.RATE)
        planes = np.stack([voice, voice])
    else:
        own = folder / "own.wav"
        if asked.driver is None or not foreign.sound_of(asked.driver, own):
            return None
        planes, _ = audio.decode(own, audio.RATE)
        planes = planes if len(planes) == 2 else np.concatenate([planes[:1], planes[:1]])
    heard = np.zeros((2, length), np.float32)
    heard[:, : planes.shape[1]] = planes[:, :length]
    return heard
