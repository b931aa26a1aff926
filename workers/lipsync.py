"""From a clip and a speech to a film whose chosen face says it, in a folder, frame by frame; a crash costs one segment.

The folder holds the face's track, the segments, the saved state and the playlist, as that of `workers.upscale` does;
whoever asks for the same film in the same folder goes on after the last whole segment.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from workers.base import EngineError, OnProgress, Progress, ignore_progress
from workers.engines import registry
from workers.engines import voice as voices
from workers.keeper import STATE, Keeper, KeepNothing, Kept, write_whole
from workers.lips import times
from workers.lips.base import LipSync, Pick, Picture, Track
from workers.lips.tracking import follow
from workers.media import audio, foreign
from workers.media.facts import ClipInfo, MediaError, sha256
from workers.media.film import Film, marked
from workers.media.hls import Playlists
from workers.media.probe import MediaInfo, probe
from workers.voice import mix
from workers.voice.base import Speech, Timed
from workers.voice.text import sentences

SEGMENT_FRAMES = 48  # what a crash costs at most
TRACK = "track.npz"
REMOVED, LOWERED, KEPT = "removed", "lowered", "kept"  # what becomes of the sound that the clip has
OWN_SOUNDS = (REMOVED, LOWERED, KEPT)
LOUDNESS, PEAK = -16.0, -2.0  # LUFS and dB of what is heard
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


@dataclass(frozen=True, slots=True)
class FileClip:
    """A clip that somebody brought, as `workers.lips.base.Clip`; a child process opens it.

    It has `frames` of them: where the file has fewer, its last picture stands.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int

    def read(self, first: int = 0) -> Iterator[Picture]:
        """Yield the frames from the place `first` on, uint8 RGB [H, W, 3]."""
        last: Picture | None = None
        place = 0
        for last in itertools.islice(foreign.clip(self.path, self.width, self.height, self.fps), self.frames):
            if place >= first:
                yield last
            place += 1
        while last is not None and place < self.frames:
            if place >= first:
                yield last
            place += 1


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

    Where the voice's engine gives none, they are found in the sound. `on_progress` is called before every sentence.
    Raises VoiceError and LipsError.
    """
    pieces: list[Speech] = []
    todo = sentences(text)
    for number, sentence in enumerate(todo):
        on_progress(Progress(stage="speaking", step=number, steps=len(todo)))
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
    with _as_engine_error():
        foreign.plain_sound(path, plain)
        planes, rate = audio.decode(plain)
    return times.listen(planes[0], rate, text, language)


def planned(asked: Asked, speech: Speech) -> FileClip:
    """Decode the clip to see what it is, and return it as long as the speech where that is longer.

    Raises EngineError for a clip that cannot be used.
    """
    with _as_engine_error():
        info = foreign.clip_info(asked.source)
    return _clip(asked.source, info, speech)


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

    Goes on in `folder` where an earlier call was killed. `on_progress` is called after every frame, first of the
    stage "tracking", then of "syncing", and what it raises goes through: after Stopped, `keep_film` makes a film of the
    finished segments. Raises EngineError for what cannot be used, LipsError, and what the engine raises.
    """
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    clip = planned(asked, speech)
    on_progress(Progress(stage="loading", step=0, steps=clip.frames))
    engine.load()
    film = _left_off(asked, speech, clip, folder, engine, watermark)
    with _as_engine_error():
        track = _track(asked, clip, folder, on_progress)
        first = len(film.segments) * SEGMENT_FRAMES
        made = engine.sync(clip, speech, track, first=first, on_progress=on_progress)
        frames = _counted(made, first, clip.frames, on_progress)
        playlists = Playlists(film, SEGMENT_FRAMES)
        while (ahead := next(frames, None)) is not None:
            film.append(itertools.chain([ahead], itertools.islice(frames, SEGMENT_FRAMES - 1)))
            playlists.append()
            # After the segment: a state on the disk says that its segment is whole.
            _save(asked, speech, clip, len(film.segments), folder, engine)
            count = playlists.frames
            keeper.keep(folder, Kept(windows=len(film.segments), frames=count, seconds=float(count / clip.fps)))
        playlists.finish()
        info = _finish(film, asked, speech, folder, out, comment)
    (folder / STATE).unlink(missing_ok=True)
    return info


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
    film = _left_off(asked, speech, planned(asked, speech), folder, engine, watermark)
    if not film.segments:
        raise EngineError("nothing_to_keep", "Nothing of this video is finished yet.")
    with _as_engine_error():
        Playlists(film, SEGMENT_FRAMES).finish()
        return _finish(film, asked, speech, folder, out, comment), len(film.segments)


def _clip(source: Path, info: ClipInfo, speech: Speech) -> FileClip:
    own = max(1, round(info.seconds * info.fps))
    # As H.264 takes them: even.
    width, height = info.width // 2 * 2, info.height // 2 * 2
    return FileClip(source, width, height, info.fps, max(own, math.ceil(speech.seconds * info.fps)))


def _track(asked: Asked, clip: FileClip, folder: Path, on_progress: OnProgress) -> Track:
    """Return where the face is, from the folder where it was found before."""
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


def _counted(frames: Iterator[Picture], first: int, of: int, on_progress: OnProgress) -> Iterator[Picture]:
    """Yield the frames and report progress after each, with the expected seconds for the rest."""
    began = time.monotonic()
    on_progress(Progress(stage="syncing", step=first, steps=of))
    for number, frame in enumerate(frames, 1):
        left = (of - first - number) * (time.monotonic() - began) / number
        on_progress(Progress(stage="syncing", step=first + number, steps=of, seconds_left=max(left, 0.0)))
        yield frame


def _finish(film: Film, asked: Asked, speech: Speech, folder: Path, out: Path, comment: str) -> MediaInfo:
    heard = _sound(asked, speech, folder, film.finish(out, comment).seconds)
    for made in (out, marked(out)) if film.marked else (out,):
        audio.give_sound(made, heard)
    return probe(out)


def _sound(asked: Asked, speech: Speech, folder: Path, seconds: float) -> mix.Sound:
    """Return what is heard, [2, N] at audio.RATE and as long as the pictures."""
    length = round(seconds * audio.RATE)
    voice = audio.resampled(mix.level(speech.samples, speech.rate, LOUDNESS, PEAK), speech.rate, audio.RATE)
    heard = np.zeros((length, 2), np.float32)
    heard[: len(voice)] += voice[:length, None]
    own = folder / "own.wav"
    if asked.own_sound != REMOVED and foreign.sound_of(asked.source, own):
        planes, _ = audio.decode(own, audio.RATE)
        gain = LOWERED_GAIN if asked.own_sound == LOWERED else 1.0
        heard[: planes.shape[1]] += gain * planes.T[:length]
    return np.ascontiguousarray(mix.level(heard, audio.RATE, LOUDNESS, PEAK).T)


def _left_off(asked: Asked, speech: Speech, clip: FileClip, folder: Path, engine: LipSync, watermark: bool) -> Film:
    """Return the film of an earlier call with its whole segments; an empty one where they are of no use."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if state["lips"] == _identity(asked, speech, clip, engine):
            return Film(folder, clip.width, clip.height, clip.fps, int(state["segments"]), watermark=watermark)
    except (MediaError, OSError, ValueError, KeyError):
        pass
    for stale in (STATE, TRACK):
        (folder / stale).unlink(missing_ok=True)
    return Film(folder, clip.width, clip.height, clip.fps, watermark=watermark)


def _save(asked: Asked, speech: Speech, clip: FileClip, segments: int, folder: Path, engine: LipSync) -> None:
    told = {"segments": segments, "lips": _identity(asked, speech, clip, engine)}
    write_whole(folder / STATE, json.dumps(told))


def _identity(asked: Asked, speech: Speech, clip: FileClip, engine: LipSync) -> str:
    """Return what the segments of a film depend on, as text."""
    said = hashlib.sha256(np.ascontiguousarray(speech.samples).tobytes()).hexdigest()
    phonemes = [[part.text, round(part.start, 4), round(part.end, 4)] for part in speech.phonemes]
    pick = asked.pick
    return json.dumps({
        "source": sha256(asked.source),
        "clip": [clip.width, clip.height, str(clip.fps), clip.frames],
        "pick": [pick.frame, pick.index, pick.point] if pick else None,
        "said": [said, speech.rate, hashlib.sha256(json.dumps(phonemes).encode()).hexdigest()],
        "engine": type(engine).__qualname__,
    })  # fmt: skip


@contextmanager
def _as_engine_error() -> Iterator[None]:
    """Raise what is wrong with a file as an EngineError."""
    try:
        yield
    except MediaError as error:
        raise EngineError(error.code, error.public_text) from error
    except FileNotFoundError as error:
        raise EngineError("input_missing", "A picture or video of this request cannot be read.") from error
