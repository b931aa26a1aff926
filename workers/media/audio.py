"""Sounds that the studio makes itself: written, read again, encoded, drawn, and put under a film."""

from __future__ import annotations

import heapq
import itertools
import wave
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from workers.media.captions import Cue
from workers.media.facts import MediaError
from workers.media.stills import wave as waveform

Samples = NDArray[np.float32]
RATE = 48_000  # samples a second of a film's sound
# By the suffix of a file: its codec, its samples a second (0: as they are), and its bits a second.
CODECS = {
    ".wav": ("pcm_s16le", 0, 0),
    ".mp3": ("libmp3lame", 44_100, 128_000),
    ".m4a": ("aac", RATE, 128_000),
    ".ogg": ("libopus", RATE, 96_000),
}
LAME_SCALE = 0.95  # what LAME's preset of 128 kbit/s multiplies a sound by: half a decibel that nobody asked for
FILM_BITS = 192_000
PEAK_SAMPLES = 256
SUBTITLES, DESCRIBED = "mov_text", "Audio description"
# An MP4 names the language of a track by three letters (ISO 639-2/T).
LANGUAGES = {
    "ar": "ara", "bg": "bul", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa",
    "fi": "fin", "fil": "fil", "fr": "fra", "hi": "hin", "hr": "hrv", "hu": "hun", "id": "ind", "it": "ita",
    "ja": "jpn", "ko": "kor", "ms": "msa", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sk": "slk", "sv": "swe", "ta": "tam", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "zho",
}  # fmt: skip


def encode(samples: Samples, rate: int, out: Path) -> Path:
    """Write a sound, [N] or [channels, N] in -1 to 1, as WAV, MP3, M4A (AAC) or OGG (Opus), by the name of `out`."""
    name, wanted, bits = CODECS[out.suffix]
    partial = out.with_name(f"{out.stem}.part{out.suffix}")
    if name == "libmp3lame":
        samples = samples / np.float32(LAME_SCALE)
    with av.open(str(partial), "w") as container:
        stream: Any = container.add_stream(name, rate=wanted or rate)
        if bits:
            stream.codec_context.bit_rate = bits
        stream.codec_context.layout = _layout(samples)
        for packet in _encoded(stream, samples, rate):
            container.mux(packet)
    partial.replace(out)
    return out


def decode(path: Path, rate: int = 0) -> tuple[Samples, int]:
    """Return the sound of a file that the studio has written, [channels, N], and its samples a second.

    With a `rate` it is resampled to that.
    """
    pieces: list[Samples] = []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = rate or stream.codec_context.sample_rate
        resampler = av.AudioResampler(format="fltp", layout=stream.codec_context.layout, rate=rate)
        for frame in itertools.chain(container.decode(stream), (None,)):
            pieces += [piece.to_ndarray().astype(np.float32) for piece in resampler.resample(frame)]
    if not pieces:
        raise MediaError("sound_empty", "The sound is empty.")
    return np.concatenate(pieces, axis=1), rate


def length(path: Path) -> float:
    """Return how many seconds a WAV lasts that the studio has written."""
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())


def resampled(samples: Samples, rate: int, to: int) -> Samples:
    """Return a sound, [N] or [channels, N], at another number of samples a second."""
    if rate == to:
        return samples
    resampler = av.AudioResampler(format="fltp", layout=_layout(samples), rate=to)
    frames = itertools.chain(_frames(samples, rate), (None,))
    pieces = [piece.to_ndarray() for frame in frames for piece in resampler.resample(frame)]
    found: Samples = np.concatenate(pieces, axis=1).astype(np.float32)
    return found[0] if samples.ndim == 1 else found


def draw(samples: Samples, out: Path) -> Path:
    """Draw the waveform of a sound [N] as a picture."""
    loud = np.abs(samples)
    return waveform(np.maximum.reduceat(loud, np.arange(0, len(loud), PEAK_SAMPLES)), out)


def give_sound(
    film: Path,
    samples: Samples,
    cues: Sequence[Cue] = (),
    language: str = "",
    comment: str = "",
    described: Samples | None = None,
) -> None:
    """Give an MP4 of the studio the sound [2, N] at RATE instead of its own, and its captions as a track of text.

    Pictures stay as they are, and so does the comment where there is no new one; the file is replaced as a whole. The
    sound may be longer than the pictures. `described` is a second sound, for those who do not see them. `language` is
    what is spoken in both, as a tag of two or three letters.
    """
    partial = film.with_name(film.name + ".part")
    with (
        av.open(str(film)) as pictures,
        av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as target,
    ):
        if comment := comment or pictures.metadata.get("comment", ""):
            target.metadata["comment"] = comment
        source = pictures.streams.video[0]
        copy = target.add_stream_from_template(source)
        copy.time_base = source.time_base
        sounds = [(_stereo(target), samples)]
        if described is not None:
            sounds.append((_stereo(target), described))
            sounds[-1][0].metadata["handler_name"] = DESCRIBED
            sounds[0][0].disposition = Disposition.default
            sounds[-1][0].disposition = Disposition.visual_impaired | Disposition.descriptions
        named = LANGUAGES.get(language, "")
        if named:
            for sound, _samples in sounds:
                sound.metadata["language"] = named
        texts: Iterator[av.Packet[Any]] = iter(())
        if cues:
            track = target.add_mux_stream(SUBTITLES)
            track.time_base = Fraction(1, 1000)
            if named:
                track.metadata["language"] = named
            texts = _texts(cues, track)
        # In order of time, so that none waits in memory for the others.
        heard = [_encoded(stream, each, RATE) for stream, each in sounds]
        for packet in heapq.merge(_copied(pictures, source, copy), *heard, texts, key=_time):
            target.mux(packet)
    partial.replace(film)


def _stereo(target: av.container.OutputContainer) -> av.AudioStream:
    stream = target.add_stream("aac", rate=RATE)
    stream.codec_context.layout, stream.codec_context.bit_rate = "stereo", FILM_BITS
    return stream


def _layout(samples: Samples) -> str:
    return "mono" if samples.ndim == 1 or len(samples) == 1 else "stereo"


def _frames(samples: Samples, rate: int, size: int = 4096) -> Iterator[av.AudioFrame]:
    planes = np.atleast_2d(samples).astype(np.float32)
    for start in range(0, planes.shape[1], size):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(planes[:, start : start + size]), "fltp", _layout(samples)
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def _encoded(stream: av.AudioStream, samples: Samples, rate: int) -> Iterator[av.Packet[Any]]:
    context = stream.codec_context
    context.open()
    resampler = av.AudioResampler(
        format=context.format, layout=context.layout, rate=context.sample_rate, frame_size=context.frame_size or 4096
    )
    for frame in itertools.chain(_frames(samples, rate), (None,)):
        for piece in resampler.resample(frame):
            yield from stream.encode(piece)
    yield from stream.encode(None)


def _copied(
    pictures: av.container.InputContainer, source: av.VideoStream, copy: av.VideoStream
) -> Iterator[av.Packet[Any]]:
    for packet in pictures.demux(source):
        if packet.size:
            packet.stream = copy
            yield packet


def _texts(cues: Sequence[Cue], track: Any) -> Iterator[av.Packet[Any]]:
    """Yield cues as 3GPP timed text: two bytes of length, then UTF-8; an empty one ends what is shown."""
    at = 0
    for cue in cues:
        start, end = round(cue.start * 1000), round(cue.end * 1000)
        if start > at:
            yield _text("", at, start, track)
        yield _text(cue.text, start, max(end, start + 1), track)
        at = max(end, start + 1)


def _text(text: str, start: int, end: int, track: Any) -> av.Packet[Any]:
    data = text.encode()
    packet: av.Packet[Any] = av.Packet(len(data).to_bytes(2, "big") + data)
    packet.stream, packet.time_base = track, Fraction(1, 1000)
    packet.pts = packet.dts = start
    packet.duration = end - start
    return packet


def _time(packet: av.Packet[Any]) -> Fraction:
    return Fraction(packet.dts or 0) * Fraction(packet.time_base or 0)
