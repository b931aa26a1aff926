"""Uploaded sounds: verified by decoding, stripped of metadata, or refused with a sentence. No file is trusted.

Only `workers.media.child` calls this, in a process with a budget; others ask `workers.media.foreign`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from workers.media.facts import MAX_SOUND_BYTES, WAVE, MediaError, SoundInfo, let_through
from workers.media.reader import check_tracks, sounds
from workers.media.stills import wave

MAX_SOUND_SECONDS = 1800.0
MIN_SOUND_SECONDS = 0.1
PEAK_SAMPLES = 256  # of one column of what a waveform is drawn from
# A playlist or a list of files would make the reader open what it names, so only real containers are let in.
SOUND_OPTIONS = {
    "format_whitelist": "mp3,wav,w64,aiff,flac,ogg,aac,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
    "protocol_whitelist": "file",
}
# Containers whose headers know how long the sound is; the others guess.
EXACT = {"flac", "mov"}
# A file ends a little before or after its header says; one that misses more than this was cut off.
MISSING_SECONDS, MISSING_PART = 0.5, 0.05
# The plainest kind of file that holds a codec, and that browsers play.
SUFFIXES = {"mp3": ".mp3", "aac": ".m4a", "alac": ".m4a", "flac": ".flac", "opus": ".ogg", "vorbis": ".ogg"}


def sound_info(path: Path, hear: Callable[[av.AudioFrame], None] | None = None) -> SoundInfo:
    """Decode a sound to its end to see that it can be used, and say what it is; `hear` is given every frame of it.

    Raises MediaError.
    """
    size = path.stat().st_size
    if not size:
        raise MediaError("sound_empty", "The sound is empty: its file has 0 bytes.")
    if size > MAX_SOUND_BYTES:
        raise MediaError("sound_large", f"A sound has at most {MAX_SOUND_BYTES // 1_000_000} MB.")
    try:
        with _container(path) as container:
            stream = _stream(container)
            said = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            exact = bool(EXACT & set(container.format.name.split(",")))
            if exact and said > MAX_SOUND_SECONDS:
                raise _too_long()
            seconds, rate, channels = 0.0, 0, 0
            for frame in container.decode(stream):
                rate, channels = frame.sample_rate, frame.layout.nb_channels
                seconds += frame.samples / rate
                if hear is not None:
                    hear(frame)
                if seconds > MAX_SOUND_SECONDS:
                    raise _too_long()
    except (av.FFmpegError, EOFError) as error:
        let_through(error)
        raise MediaError("sound_broken", "The file is no sound, or it is damaged.") from error
    if seconds < MIN_SOUND_SECONDS:
        raise MediaError("sound_short", f"A sound lasts at least {MIN_SOUND_SECONDS} s.")
    if exact and said - seconds > max(MISSING_SECONDS, said * MISSING_PART):
        raise MediaError("sound_broken", "The sound is cut off: its file is shorter than it says.")
    return SoundInfo(seconds, rate, channels)


def peaks_of(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Return the largest absolute sample, 0 to 1, of every few hundredths of a second of a frame, over its channels."""
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    scale = 1.0
    if samples.dtype.kind == "u":
        samples, scale = samples.astype(np.int16) - 128, 128.0
    elif samples.dtype.kind == "i":
        scale = float(np.iinfo(samples.dtype).max)
    loud = np.abs(samples.astype(np.float32)).max(axis=0) / scale
    return np.maximum.reduceat(np.nan_to_num(loud), np.arange(0, len(loud), PEAK_SAMPLES)).astype(np.float32)


def keep_sound(path: Path, folder: Path) -> tuple[Path, SoundInfo]:
    """Copy the sound of a file, also of a film's, into a file of its own in `folder`: without pictures, titles, places
    and dates. Nothing is encoded again. Draws its waveform beside it, as WAVE. Returns the new file and what the sound
    is.

    Raises MediaError for a sound that cannot be used, and for one that cannot be copied.
    """
    info = sound_info(path)
    try:
        with _container(path) as source:
            stream = _stream(source)
            name = stream.codec_context.name.removesuffix("float")
            suffix = ".wav" if name.startswith("pcm_") else SUFFIXES.get(name)
            if suffix is None:
                raise _uncopied()
            out = folder / f"sound{suffix}"
            with av.open(str(out), "w") as target:
                copy = target.add_stream_from_template(stream)
                copy.metadata.clear()
                for packet in source.demux(stream):
                    if packet.size:
                        packet.stream = copy
                        target.mux(packet)
        peaks: list[NDArray[np.float32]] = []
        kept = sound_info(out, lambda frame: peaks.append(peaks_of(frame)))
        wave(np.concatenate(peaks), folder / WAVE)
    except (av.FFmpegError, ValueError) as error:
        let_through(error)
        if isinstance(error, MediaError) and error.code == "sound_uncopied":
            raise
        raise _uncopied() from error
    if abs(kept.seconds - info.seconds) > MISSING_SECONDS:
        raise _uncopied()
    return out, kept


def _container(path: Path) -> av.container.InputContainer:
    return av.open(str(path), options=dict(SOUND_OPTIONS), metadata_errors="ignore")


def _stream(container: av.container.InputContainer) -> av.AudioStream:
    check_tracks(container, "sound")
    if not container.streams.audio:
        raise MediaError("sound_missing", "The file has no sound.")
    if not (known := sounds(container)):
        raise MediaError("sound_codec", "The sound is in a codec that is not known here: save it as MP3 or WAV.")
    return known[0]


def _uncopied() -> MediaError:
    text = "The sound cannot be kept without what its file says about you: save it as MP3 or WAV first."
    return MediaError("sound_uncopied", text)


def _too_long() -> MediaError:
    return MediaError("sound_long", f"A sound is at most {MAX_SOUND_SECONDS / 60:.0f} minutes long.")
