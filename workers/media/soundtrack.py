"""Copy the sound of a clip to a film that was made from its pictures.

Only `workers.media.child` calls this, in a process with a budget; others ask `workers.media.foreign`.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from workers.media.facts import MediaError, let_through
from workers.media.probe import probe
from workers.media.reader import moving_pictures, open_clip, packets, sounds

# Codecs that MP4 holds and browsers play; these are copied, others become AAC.
COPIED = ("aac", "mp3", "opus", "flac")
AAC_RATE, AAC_LAYOUT, AAC_BITS = 48_000, "stereo", 192_000
AAC_FRAME = 1024  # samples


def has_sound(path: Path) -> bool:
    """True when a clip has a track of sound that can be read. Raises MediaError for what is no clip."""
    try:
        with open_clip(path) as container:
            return _track(container) is not None
    except (av.FFmpegError, OSError) as error:
        raise MediaError("video_broken", "The file is no video, or it is damaged.") from error


def add_sound(film: Path, source: Path) -> bool:
    """Give the MP4 `film` the sound of the clip `source`, in step with its first picture and cut at the film's end.

    The pictures and the comment stay as they are, and the file is replaced as a whole. Returns False, and does
    nothing, when the clip has no sound. Raises MediaError when the sound is damaged.
    """
    if not has_sound(source):
        return False
    info = probe(film)
    partial = film.with_name(film.name + ".part")
    try:
        with (
            av.open(str(film)) as pictures,
            open_clip(source) as clip,
            av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as target,
        ):
            if comment := pictures.metadata.get("comment"):
                target.metadata["comment"] = comment
            stream = pictures.streams.video[0]
            copy = target.add_stream_from_template(stream)
            copy.time_base = stream.time_base
            begin, end = _first_picture(source), Fraction(info.frames) / Fraction(stream.average_rate or info.fps)
            track = _track(clip)
            assert track is not None
            if track.codec_context.name in COPIED:
                sounds = _copied(clip, track, target, begin, end)
            else:
                sounds = _encoded(clip, track, target, begin, end)
            # In order of time, so that neither kind waits in memory for the other.
            for packet in heapq.merge(_packets(pictures, stream, copy), sounds, key=_time):
                target.mux(packet)
    except (av.FFmpegError, EOFError) as error:
        let_through(error)
        partial.unlink(missing_ok=True)
        raise MediaError("sound_broken", "The sound of the video is damaged and cannot be kept.") from error
    partial.replace(film)
    return True


def sound_of(film: Path, out: Path) -> bool:
    """Write the sound of a clip as the stereo WAV `out`, as its pictures are placed: from the first one on.

    Returns False, and writes nothing, when the clip has none. Raises MediaError when the sound is damaged.
    """
    if not has_sound(film):
        return False
    try:
        with open_clip(film) as clip, av.open(str(out), "w", format="wav") as target:
            track, begin = _track(clip), _first_picture(film)
            assert track is not None
            stream = target.add_stream("pcm_s16le", rate=AAC_RATE, layout=AAC_LAYOUT)
            resampler = av.AudioResampler(format="s16", layout=AAC_LAYOUT, rate=AAC_RATE)
            frames: Iterator[Any] = (frame for packet in packets(clip, [track]) for frame in packet.decode())
            at: int | None = None
            for piece in (piece for frame in itertools.chain(frames, (None,)) for piece in resampler.resample(frame)):
                if at is None:
                    first = Fraction(piece.pts or 0) * Fraction(piece.time_base or Fraction(1, AAC_RATE))
                    at = round((first - begin) * AAC_RATE)
                    if at > 0:
                        target.mux(stream.encode(_silence(at)))
                skipped = max(0, min(piece.samples, -at))
                at += piece.samples
                if skipped < piece.samples:
                    samples = piece.to_ndarray()[:, skipped * 2 :]
                    target.mux(stream.encode(_packed(samples)))
            target.mux(stream.encode(None))
    except (av.FFmpegError, EOFError) as error:
        let_through(error)
        raise MediaError("sound_broken", "The sound of the video is damaged and cannot be kept.") from error
    return True


def _packed(samples: Any) -> av.AudioFrame:
    """Return interleaved stereo samples [1, 2 * N] of int16 as a frame."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "s16", AAC_LAYOUT)
    frame.sample_rate = AAC_RATE
    return frame


def _silence(samples: int) -> av.AudioFrame:
    return _packed(np.zeros((1, 2 * samples), np.int16))


def _track(container: av.container.InputContainer) -> av.AudioStream | None:
    return next(iter(sounds(container)), None)


def _first_picture(path: Path) -> Fraction:
    """Return the second at which the first picture of a clip is shown, by its file's clock."""
    with open_clip(path) as container:
        for frame in container.decode(moving_pictures(container)):
            return Fraction(frame.pts or 0) * Fraction(frame.time_base or 0)
    return Fraction(0)


def _packets(
    container: av.container.InputContainer, stream: av.VideoStream, copy: av.VideoStream
) -> Iterator[av.Packet[Any]]:
    for packet in container.demux(stream):
        if packet.size:
            packet.stream = copy
            yield packet


def _copied(
    clip: av.container.InputContainer,
    track: av.AudioStream,
    target: av.container.OutputContainer,
    begin: Fraction,
    end: Fraction,
) -> Iterator[av.Packet[Any]]:
    """Yield the packets of a track as they are, from one before the first picture on: decoders warm up with it."""
    copy = target.add_stream_from_template(track)
    copy.metadata.clear()
    copy.time_base = track.time_base

    def moved() -> Iterator[av.Packet[Any]]:
        unit = track.time_base or Fraction(1, AAC_RATE)
        shift = round(begin / unit)
        for packet in packets(clip, [track]):
            if not packet.size or packet.pts is None:
                continue
            packet.pts -= shift
            packet.dts = packet.pts
            if packet.pts * unit >= end:
                return
            if packet.pts + 2 * (packet.duration or 0) > 0:
                packet.stream = copy
                yield packet

    return moved()


def _encoded(
    clip: av.container.InputContainer,
    track: av.AudioStream,
    target: av.container.OutputContainer,
    begin: Fraction,
    end: Fraction,
) -> Iterator[av.Packet[Any]]:
    """Yield a track as AAC in stereo."""
    made = target.add_stream("aac", rate=AAC_RATE)
    made.codec_context.layout, made.codec_context.bit_rate = AAC_LAYOUT, AAC_BITS
    made.time_base = made.codec_context.time_base = Fraction(1, AAC_RATE)

    def encoded() -> Iterator[av.Packet[Any]]:
        resampler = av.AudioResampler(format="fltp", layout=AAC_LAYOUT, rate=AAC_RATE, frame_size=AAC_FRAME)
        at: int | None = None
        # One frame after the other, and none after the end: a track may be hours longer than the pictures.
        frames: Iterator[Any] = (frame for packet in packets(clip, [track]) for frame in packet.decode())
        for piece in (piece for frame in itertools.chain(frames, (None,)) for piece in resampler.resample(frame)):
            if at is None:
                first = Fraction(piece.pts or 0) * Fraction(piece.time_base or Fraction(1, AAC_RATE))
                at = round((first - begin) * AAC_RATE)
            if at >= end * AAC_RATE:
                break
            if at + piece.samples > 0:
                piece.pts, piece.time_base = at, Fraction(1, AAC_RATE)
                yield from made.encode(piece)
            at += piece.samples
        yield from made.encode(None)

    return encoded()


def _time(packet: av.Packet[Any]) -> Fraction:
    return Fraction(packet.dts or 0) * Fraction(packet.time_base or 0)
