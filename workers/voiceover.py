"""From a text to speech in a folder, sentence by sentence, and from a film and a text to a film that speaks.

The folder holds the finished sentences; whoever speaks the same text into the same folder goes on after the last one.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workers.base import EngineError, OnProgress, Progress, ignore_progress
from workers.engines import voice as voices
from workers.keeper import Keeper, KeepNothing, Kept, write_whole
from workers.media import audio, captions, foreign
from workers.media.burning import burn
from workers.media.facts import MediaError
from workers.media.film import hold
from workers.media.probe import probe
from workers.voice import mix
from workers.voice.base import FASTEST
from workers.voice.music import music
from workers.voice.text import Sentence, sentences

if TYPE_CHECKING:
    from workers.media.audio import Samples
    from workers.media.captions import Cue

Word = tuple[str, float, float]
FADE_IN, FADE_OUT, SHORT_FADE = 0.02, 0.35, 0.05  # seconds; the last where somebody speaks until the end
AROUND, END = 0.15, 0.1  # seconds between speech and a description, and after it at the end
EDGE = 0.005  # seconds in which a sentence rises and falls, so that its cut is not heard
LONGER, FASTER, RUN_ON = "longer", "faster", "run_on"  # what is done when there is more speech than film
FITS = (LONGER, FASTER, RUN_ON)
MAIN_LANGUAGE = "en"
GENTLY = 1.12  # as much faster as nobody notices, where speech turns out a little longer than was expected
TRIES = 3  # how often a text is spoken again to fit: a voice is not twice as fast at twice the speed


@dataclass(frozen=True, slots=True)
class Asked:
    """A text and how it is spoken: the slug of a voice, a language (empty: the voice's own), a factor, semitones."""

    text: str
    voice: str
    language: str = ""
    speed: float = 1.0
    pitch: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What was said: `samples` [N] in -1 to 1, its words with their places in seconds, and its captions.

    `sentences` of `of` are in it.
    """

    samples: Samples
    rate: int
    words: tuple[Word, ...]
    cues: tuple[Cue, ...]
    sentences: int
    of: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@dataclass(frozen=True, slots=True)
class FilmSound:
    """What a film is given to hear: a text, a bed of music by its mood, or both.

    `fit` is what is done when the speech is longer than the film; empty, for what was expected to fit, is as LONGER,
    where the film has been made longer already: what is a little too long is spoken a little faster. `burn`
    draws the captions into the pictures. `description` is spoken sentence by sentence in the gaps of the speech.
    """

    speech: Asked | None = None
    fit: str = ""
    music: str = ""
    seed: int = 0
    burn: bool = False
    description: Asked | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Voiced:
    """What a film was given: seconds of its sound, of the speech in it, the factor of its speed, and its captions.

    `held` is for how many seconds the last picture stands until the speech ends. `descriptions` are the sentences of
    the audio description that found a gap, `left_out` those that found none.
    """

    seconds: float
    spoken: float = 0.0
    speed: float = 1.0
    cues: tuple[Cue, ...] = field(default=())
    descriptions: tuple[Cue, ...] = field(default=())
    held: float = 0.0
    left_out: tuple[str, ...] = ()


def speak(
    asked: Asked, folder: Path, *, on_progress: OnProgress = ignore_progress, keeper: Keeper | None = None
) -> Spoken:
    """Speak a text into `folder`, sentence by sentence; goes on where an earlier call was killed.

    `on_progress` is called before every sentence, and what it raises goes through: after Stopped, `kept` returns the
    finished sentences. Raises VoiceError.
    """
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    folder.mkdir(parents=True, exist_ok=True)
    todo = sentences(asked.text)
    if not todo:
        raise EngineError("text_not_speakable", "There is nothing to say in this text.")
    done, clock = _done(folder, len(todo)), _Clock(todo, on_progress)
    on_progress(Progress(stage="loading", step=done, steps=len(todo)))
    for number in range(done, len(todo)):
        clock.tell(number)
        said = voices.say(todo[number].text, asked.voice, asked.language, asked.speed, asked.pitch)
        words = [[word.text, word.start, word.end] for word in said.words]
        # The words first: a sentence is there when its sound is.
        write_whole(folder / f"{number:04d}.json", json.dumps({"words": words}, ensure_ascii=False))
        samples = said.samples if len(said.samples) else np.zeros(said.rate // 20, np.float32)  # nothing is heard of it
        audio.encode(samples, said.rate, folder / f"{number:04d}.wav")
        so_far = _seconds(folder, todo, number + 1, asked.speed)
        keeper.keep(folder, Kept(windows=number + 1, frames=number + 1, seconds=so_far))
    clock.tell(len(todo))
    return _joined(folder, todo, len(todo), asked.speed)


def kept(asked: Asked, folder: Path) -> Spoken:
    """Return what a stopped `speak` has left in `folder`. Raises EngineError("nothing_to_keep") before a sentence."""
    todo = sentences(asked.text)
    if not (done := _done(folder, len(todo))):
        raise EngineError("nothing_to_keep", "No sentence is finished yet.")
    return _joined(folder, todo, done, asked.speed)


def levelled(spoken: Spoken) -> Spoken:
    """Return speech as loud as a film's, with its peaks limited."""
    return replace(spoken, samples=mix.level(spoken.samples, spoken.rate))


def voice_film(
    films: Sequence[Path],
    asked: FilmSound,
    folder: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    note: Callable[[Voiced], str] | None = None,
) -> Voiced:
    """Give an MP4 of the studio speech and music, mixed with the sound that it has; the file is replaced as a whole.

    `films` is it, and the copies of it that get the same.
    The sound is levelled, rises and fades, and is as long as the pictures. Where the speech is longer, the film gets
    more frames, in which its last picture stands. `note` is asked for the comment of the file; without it, the one that
    is there stays. Raises VoiceError and EngineError.
    """
    info = probe(films[0])
    pictures = info.seconds
    spoken, speed = None, 1.0
    if asked.speech:
        spoken, speed = _fitted(asked.speech, asked.fit, pictures, folder / "speech", on_progress)
    too_long = spoken is not None and spoken.seconds > pictures
    held = math.ceil((spoken.seconds + FADE_OUT - pictures) * info.fps) if spoken and too_long else 0
    seconds = pictures + held / info.fps
    length = round(seconds * audio.RATE)
    into = folder / "description"
    described, descriptions, left_out = _described(asked.description, spoken, seconds, into, on_progress)
    layers: list[Samples] = []
    speech = _wide(audio.resampled(spoken.samples, spoken.rate, audio.RATE), length) if spoken else None
    own = _own_sound(films[0], folder)
    for bed in (own, music(asked.music, seconds, asked.seed) if asked.music else None):
        if bed is not None:
            under = _wide(bed, length)
            layers.append(mix.duck(under, speech, audio.RATE) if speech is not None else under)
    if speech is not None:
        layers.append(mix.level(speech, audio.RATE))
    if not layers:
        layers.append(np.zeros((length, 2), np.float32))
    whole: Samples = np.sum(layers, axis=0, dtype=np.float32)
    whole = _faded(whole, seconds - spoken.seconds if spoken else seconds)
    second = None
    if descriptions:
        told = _wide(described, length)
        second = mix.duck(whole, told, audio.RATE) + mix.level(told, audio.RATE)
        second = _faded(second, seconds - max(descriptions[-1].end, spoken.seconds if spoken else 0.0)).T
    heard = spoken.cues if spoken else ()
    said = spoken.seconds if spoken else 0.0
    voiced = Voiced(seconds, said, speed, heard, descriptions, held / info.fps, left_out)
    comment = note(voiced) if note else ""
    words = asked.speech or asked.description
    language = language_of(words) if words else ""
    for film in films:
        if held:
            hold(film, held, folder / "held.mp4")
        if asked.burn and voiced.cues:
            burn(film, voiced.cues, folder / "burnt.mp4")
        audio.give_sound(film, whole.T, voiced.cues, language, comment, second)
    return voiced


def language_of(asked: Asked) -> str:
    """Return the language that a text is spoken in: "en"."""
    spoken = asked.language or next(iter(voices.get(asked.voice).language), MAIN_LANGUAGE)
    return spoken.split("-")[0]


def _faded(sound: Samples, free: float) -> Samples:
    """Return the whole sound of a film, levelled; it goes within the `free` seconds after the last word."""
    end = min(FADE_OUT, max(SHORT_FADE, free))
    return mix.level(mix.fade(sound, audio.RATE, FADE_IN, end), audio.RATE)


def _fitted(asked: Asked, fit: str, pictures: float, folder: Path, on_progress: OnProgress) -> tuple[Spoken, float]:
    """Speak a text; where it is longer than a film that it must fit, again and faster, until it fits.

    With FASTER it may become as fast as can be, otherwise GENTLY faster: what does not fit so is spoken as asked.
    """
    usual = spoken = speak(asked, folder / "0", on_progress=on_progress)
    speed, most = asked.speed, min(FASTEST, FASTEST if fit == FASTER else asked.speed * GENTLY)
    for number in range(1, TRIES + 1):
        wanted = speed * spoken.seconds / pictures * 1.02
        if fit == RUN_ON or spoken.seconds <= pictures or speed >= most or (fit != FASTER and wanted > most):
            break
        speed = min(most, wanted)
        spoken = speak(replace(asked, speed=speed), folder / str(number), on_progress=on_progress)
    return (spoken, speed) if fit == FASTER or spoken.seconds <= pictures else (usual, asked.speed)


def gaps(cues: Sequence[Cue], seconds: float) -> list[tuple[float, float]]:
    """Return when nobody speaks in a film, from and to, with AROUND left free beside what is said."""
    edges = [(0.0, 0.0), *((cue.start, cue.end) for cue in cues), (seconds, seconds)]
    found = []
    for (first, before), (after, last) in itertools.pairwise(edges):
        begin = before + (AROUND if first < before else 0.0)
        end = after - (AROUND if after < last else END)
        if end > begin:
            found.append((begin, end))
    return found


def _described(
    asked: Asked | None, spoken: Spoken | None, seconds: float, folder: Path, on_progress: OnProgress
) -> tuple[Samples, tuple[Cue, ...], tuple[str, ...]]:
    """Speak what is seen into the gaps of what is said, sentence by sentence and in order; what fits none is left out.

    Returns the sound, [N] at audio.RATE, the sentences that are in it, and those that were left out.
    """
    sound, placed, left_out = np.zeros(round(seconds * audio.RATE), np.float32), [], []
    free = gaps(spoken.cues if spoken else (), seconds)
    for number, sentence in enumerate(sentences(asked.text) if asked else ()):
        assert asked is not None
        said = speak(replace(asked, text=sentence.text), folder / str(number), on_progress=on_progress)
        gap = next((n for n, (begin, end) in enumerate(free) if end - begin >= said.seconds), None)
        if gap is None:
            left_out.append(sentence.text)
            continue
        begin, end = free[gap]
        samples = audio.resampled(said.samples, said.rate, audio.RATE)
        at = round(begin * audio.RATE)
        sound[at : at + len(samples)] += samples[: len(sound) - at]
        placed.append(captions.Cue(begin, begin + said.seconds, sentence.text))
        free = [(begin + said.seconds + AROUND, end), *free[gap + 1 :]]
    return sound, tuple(placed), tuple(left_out)


def _own_sound(film: Path, folder: Path) -> Samples | None:
    """Return the sound of a film, [N, 2] at RATE; it may have come with a file that somebody brought."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = foreign.sound_of(film, folder / "own.wav")
    except MediaError as error:
        raise EngineError(error.code, error.public_text) from error
    return audio.decode(folder / "own.wav", audio.RATE)[0].T if found else None


def _wide(samples: Samples, length: int) -> Samples:
    """Return a sound, [N] or [N, 1 or 2], as [length, 2], with silence behind it where it is shorter."""
    both = (samples[:, None] if samples.ndim == 1 else samples).astype(np.float32)[:length]
    both = np.repeat(both, 2, axis=1) if both.shape[1] == 1 else both
    return np.pad(both, ((0, length - len(both)), (0, 0)))


def _done(folder: Path, of: int) -> int:
    """Return how many sentences stand finished in a folder, from the first on."""
    return next((n for n in range(of) if not (folder / f"{n:04d}.wav").is_file()), of)


def _joined(folder: Path, todo: Sequence[Sentence], count: int, speed: float) -> Spoken:
    """Return the first sentences of a folder one after another, with their pauses."""
    pieces: list[Samples] = []
    words: list[Word] = []
    cues: list[Cue] = []
    rate, at = 0, 0
    for number in range(count):
        planes, rate = audio.decode(folder / f"{number:04d}.wav", rate)
        sound = _edged(planes[0], rate)
        told = json.loads((folder / f"{number:04d}.json").read_text(encoding="utf-8"))["words"]
        placed = [(str(text), start + at / rate, end + at / rate) for text, start, end in told]
        words += placed
        cues += captions.cues_of(todo[number].text, placed)
        pause = round(todo[number].pause / speed * rate) if number < count - 1 else 0
        pieces += [sound, np.zeros(pause, np.float32)]
        at += len(sound) + pause
    cues = [replace(cue, end=min(cue.end, at / rate)) for cue in cues]
    return Spoken(np.concatenate(pieces), rate, tuple(words), tuple(cues), count, len(todo))


def _edged(sound: Samples, rate: int) -> Samples:
    found, edge = sound.copy(), min(round(EDGE * rate), len(sound) // 2)
    slope = np.linspace(0, 1, edge, dtype=np.float32)
    found[:edge] *= slope
    found[len(found) - edge :] *= slope[::-1]
    return found


def _seconds(folder: Path, todo: Sequence[Sentence], count: int, speed: float) -> float:
    """Return how long the first sentences of a folder are, with their pauses."""
    spoken = sum(audio.length(folder / f"{number:04d}.wav") for number in range(count))
    return spoken + sum(part.pause for part in todo[: count - 1]) / speed


class _Clock:
    """Reports progress before every sentence, with the expected seconds for the rest."""

    def __init__(self, todo: Sequence[Sentence], on_progress: OnProgress) -> None:
        self.sizes, self.on_progress = [len(part.text) for part in todo], on_progress
        self.began, self.first = 0.0, -1
        self.now: Callable[[], float] = time.monotonic

    def tell(self, number: int) -> None:
        """Report that the sentence of this number, from 0, has begun."""
        left = None
        if self.first < 0:
            self.began, self.first = self.now(), number
        elif number > self.first:
            each = (self.now() - self.began) / sum(self.sizes[self.first : number])
            left = each * sum(self.sizes[number:])
        self.on_progress(Progress(stage="speaking", step=number, steps=len(self.sizes), seconds_left=left))
