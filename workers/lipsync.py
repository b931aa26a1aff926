"""From a clip and a speech to a film whose chosen face says it, frame by frame; a crash costs one segment.

The folder is that of `workers.segments`, and holds the face's track as well.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from workers import segments
from workers.base import EngineError, OnProgress, Progress, ignore_progress
from workers.clips import FileClip
from workers.engines import registry
from workers.engines import voice as voices
from workers.keeper import STATE, TRACK, Keeper, KeepNothing
from workers.lips import times
from workers.lips.base import LipSync, Pick, Picture, Track
from workers.lips.tracking import follow
from workers.media import audio, foreign
from workers.media.probe import MediaInfo
from workers.segments import Planned, as_engine_error
from workers.voice import mix
from workers.voice.base import Speech, Timed
from workers.voice.text import sentences

STAGE = "syncing"
REMOVED, LOWERED, KEPT = "removed", "lowered", "kept"  # what becomes of the sound that the clip has
OWN_SOUNDS = (REMOVED, LOWERED, KEPT)
LOWERED_GAIN = 0.2  # of the clip's own sound under the speech

DRAFT, HIGH = "draft", "high"
ENGINES = {DRAFT: "workers.lips.draft:Draft"}  # by the quality that is asked for: a module, and a `LipSync` in it
MODELS = {HIGH: "MuseTalk-1.5"}  # by the quality: a model of the catalogue


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a clip, the face in it that speaks, and what becomes of the clip's sound (OWN_SOUNDS)."""

    source: Path
    pick: Pick | None = None
    own_sound: str = REMOVED


def engine(quality: str = DRAFT) -> LipSync:
    """Return the engine of a quality. Raises EngineError("engine_unknown")."""
    if quality in MODELS:
        found: LipSync = registry.get("lips", MODELS[quality])
        return found
    if quality not in ENGINES:
        raise EngineError("engine_unknown", f"There is no engine for the quality {quality}.")
    module, _, name = ENGINES[quality].partition(":")
    made: LipSync = getattr(importlib.import_module(module), name)()
    return made


def said(
    text: str,
    voice: str,
    language: str = "",
    speed: float = 1.0,
    pitch: float = 0.0,
    *,
    on_progress: OnProgress = ignore_progress,
) -> Speech:
    """Return a text as a voice says it, sentence by sentence, with the times of its phonemes.

    Where the voice's engine gives none, they are found in the sound. `on_progress` is told of the stage "voicing"
    before every sentence. Raises VoiceError and LipsError.
    """
    pieces: list[Speech] = []
    todo = sentences(text)
    for number, sentence in enumerate(todo):
        on_progress(Progress(stage="voicing", step=number, steps=len(todo)))
        made = voices.say(sentence.text, voice, language, speed, pitch)
        if not made.phonemes:
            spoken = language or next(iter(voices.get(voice).language), "en")
            found = times.listen(made.samples, made.rate, sentence.text, spoken)
            made = replace(made, phonemes=found.phonemes)
        pause = np.zeros(round(sentence.pause / speed * made.rate), np.float32)
        pieces.append(replace(made, samples=np.concatenate([made.samples, pause])))
    if not pieces:
        raise EngineError("text_not_speakable", "There is nothing to say in this text.")
    begins = [0.0, *itertools.accumulate(piece.seconds for piece in pieces)]
    words, phonemes = (
        tuple(
            Timed(part.text, begin + part.start, begin + part.end)
            for begin, piece in zip(begins, pieces, strict=False)
            for part in getattr(piece, name)
        )
        for name in ("words", "phonemes")
    )
    return Speech(np.concatenate([piece.samples for piece in pieces]), pieces[0].rate, words, phonemes)


def heard(path: Path, folder: Path, text: str = "", language: str = "en") -> Speech:
    """Return what is said in a sound that somebody brought, with the times of its phonemes; `text` makes them exact.

    Raises EngineError for a sound that cannot be used, and LipsError("no_speech").
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder / "heard.wav"
    with as_engine_error():
        foreign.plain_sound(path, plain)
        planes, rate = audio.decode(plain)
    return times.listen(planes[0], rate, text, language)


def planned(asked: Asked, speech: Speech) -> Planned:
    """Decode the clip to see what it is, and say what will come out: as long as the speech where that is longer.

    Raises EngineError for a clip that cannot be used.
    """
    with as_engine_error():
        info = foreign.clip_info(asked.source)
    own = max(1, round(info.seconds * info.fps))
    # As H.264 takes them: even.
    width, height = info.width // 2 * 2, info.height // 2 * 2
    return Planned(width, height, info.fps, max(own, math.ceil(speech.seconds * info.fps)), info)


def sync_film(
    asked: Asked,
    speech: Speech,
    folder: Path,
    out: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    keeper: Keeper | None = None,
    comment: str = "",
    engine: LipSync,
    watermark: bool = False,
) -> MediaInfo:
    """Write the MP4 `out`, in which the chosen face of a clip says a speech, as the engine draws it.

    Goes on, streams and ends as `segments.make_film` says; `on_progress` is told of the stage "tracking" before
    "syncing". Raises EngineError for what cannot be used, LipsError, and what the engine raises.
    """
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    makes = planned(asked, speech)
    clip = FileClip(asked.source, makes.width, makes.height, makes.fps, makes.frames)

    def frames(first: int) -> Iterator[Picture]:
        track = _track(asked, clip, folder, on_progress)
        return engine.sync(clip, speech, track, first=first, on_progress=on_progress)

    return segments.make_film(
        _work(asked, speech, makes, folder, engine, watermark),
        folder,
        out,
        frames,
        load=engine.load,
        on_progress=on_progress,
        keeper=keeper,
        comment=comment,
    )


def keep_film(
    asked: Asked,
    speech: Speech,
    folder: Path,
    out: Path,
    comment: str = "",
    *,
    engine: LipSync,
    watermark: bool = False,
) -> tuple[MediaInfo, int]:
    """Join the segments that a stopped `sync_film` has left in `folder` into the MP4 `out`; nothing is computed.

    Returns what came out and how many segments are in it. Raises EngineError("nothing_to_keep") before the first.
    """
    work = _work(asked, speech, planned(asked, speech), folder, engine, watermark)
    return segments.keep_film(work, folder, out, comment)


def _track(asked: Asked, clip: FileClip, folder: Path, on_progress: OnProgress) -> Track:
    """Return where the face is, from the folder where it was found before."""
    # `make_film` has removed the state of any other film; where none is left, the track may be of another one as well.
    if (folder / STATE).exists():
        try:
            track = Track.load(folder / TRACK)
            if len(track) == clip.frames:
                return track
        except (OSError, ValueError, KeyError):
            pass
    track = follow(clip, asked.pick, on_progress=on_progress)
    folder.mkdir(parents=True, exist_ok=True)
    track.save(folder / TRACK)
    return track


def _work(
    asked: Asked, speech: Speech, makes: Planned, folder: Path, engine: LipSync, watermark: bool
) -> segments.Work:
    said = hashlib.sha256(np.ascontiguousarray(speech.samples).tobytes()).hexdigest()
    phonemes = [[part.text, round(part.start, 4), round(part.end, 4)] for part in speech.phonemes]
    pick = asked.pick
    depends_on = {
        "frames": makes.frames,
        "pick": [pick.frame, pick.index, pick.point] if pick else None,
        "said": [said, speech.rate, hashlib.sha256(json.dumps(phonemes).encode()).hexdigest()],
        "engine": type(engine).__qualname__,
    }
    sound = partial(_sound, asked, speech, folder)
    return segments.Work(makes, asked.source, depends_on, STAGE, watermark, sound)


def _sound(asked: Asked, speech: Speech, folder: Path, seconds: float) -> mix.Sound:
    """Return what is heard, [2, N] at audio.RATE and as long as the pictures."""
    length = round(seconds * audio.RATE)
    voice = audio.resampled(mix.level(speech.samples, speech.rate), speech.rate, audio.RATE)
    heard = np.zeros((length, 2), np.float32)
    heard[: len(voice)] += voice[:length, None]
    own = folder / "own.wav"
    if asked.own_sound != REMOVED and foreign.sound_of(asked.source, own):
        planes, _ = audio.decode(own, audio.RATE)
        gain = LOWERED_GAIN if asked.own_sound == LOWERED else 1.0
        heard[: planes.shape[1]] += gain * planes.T[:length]
    return np.ascontiguousarray(mix.level(heard, audio.RATE).T)
