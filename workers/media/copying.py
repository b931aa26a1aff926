"""Keep a clip that somebody brought, so that it shows what it showed and says nothing about its owner.

Only `workers.media.child` calls this, in a process with a budget; others ask `workers.media.foreign`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from workers.media import soundtrack
from workers.media.facts import ClipInfo, MediaError, let_through
from workers.media.reader import (
    MAX_CLIP_VOLUME,
    ClipReader,
    display_matrix,
    formats,
    moving_pictures,
    open_clip,
    packets,
    seconds_told,
    sounds,
)
from workers.media.uploads import clip_info

# What browsers play in each kind of file; Matroska holds everything else.
MP4 = {"h264", "hevc", "av1", "mpeg4"}, {"aac", "mp3", "ac3", "eac3", "flac", "alac", "opus"}
WEBM = {"vp8", "vp9", "av1"}, {"opus", "vorbis"}
# By how much two clocks may differ after they were rounded, and by how much the ends of two clips.
SAME_SECONDS, END_SECONDS = 0.002, 0.01
# What is encoded anew when it cannot be copied: half a minute of 1920 x 1080 at 60 frames a second.
ENCODED_VOLUME = MAX_CLIP_VOLUME // 4  # pixels of all frames
CRF = "12"  # of x264: not told from the original by eye
TICKS = 90_000  # a second


def keep_clip(path: Path, folder: Path) -> tuple[Path, ClipInfo]:
    """Keep the pictures and the sound of a clip in a new file in `folder`, without what else is in there: places,
    devices, dates, chapters, tracks of sensors. Returns the file and what the clip is.

    Packets are copied into the plainest container that holds them and shows the same frames at the same times; where
    none does, such as for a clip of which an edit list hides pieces, its frames are encoded anew as H.264.
    Raises MediaError for a clip that cannot be used, and for one that cannot be kept.
    """
    given, looks = clip_info(path, MAX_CLIP_VOLUME), _Looks.of(path)
    whole = _as_long(given, looks.end)  # else packets at the end are damaged, and another file may show more of them
    for suffix in _suffixes(path):
        out = folder / f"clip{suffix}"
        try:
            _copy(path, out)
            if _Looks.of(out).like(looks) and (whole or _as_long(clip_info(out), given.seconds)):
                return out, given
        except (av.FFmpegError, MediaError, ValueError) as error:
            let_through(error)
        out.unlink(missing_ok=True)
    out = folder / "clip.mp4"
    try:
        _encode(path, out)
        soundtrack.add_sound(out, path)
    except (av.FFmpegError, ValueError) as error:
        let_through(error)
        raise MediaError("video_uncopied", "This video cannot be kept as it is: convert it to MP4 first.") from error
    return out, clip_info(out)


def _as_long(info: ClipInfo, seconds: float) -> bool:
    return abs(info.seconds - seconds) < END_SECONDS


def _suffixes(path: Path) -> list[str]:
    """Return the kinds of file that may hold a clip, the one that most browsers play first."""
    with open_clip(path) as source:
        codec = moving_pictures(source).codec_context.codec.canonical_name
        tracks = {stream.codec_context.codec.canonical_name for stream in sounds(source)}
        kinds = ((".mp4", MP4), (".webm", WEBM))
        if "mov" not in formats(source):  # of another kind of file, the clock may be too coarse
            kinds = kinds[::-1]
    return [suffix for suffix, (pictures, heard) in kinds if codec in pictures and tracks <= heard] + [".mkv"]


def _copy(path: Path, out: Path) -> None:
    """Copy packets as they are, counted from 0. Pictures that an edit list hides at the end are left out."""
    with open_clip(path) as source, av.open(str(out), "w") as target:
        pictures = moving_pictures(source)
        copies = {}
        for stream in (pictures, *sounds(source)):
            # The codec's parameters as they are: no encoder is asked for.
            copies[stream.index] = target.add_stream_from_template(stream, opaque=True)
            copies[stream.index].metadata.clear()
        start = Fraction(max(0, source.start_time or 0), av.time_base)
        hidden: list[av.Packet[Any]] = []
        reached: dict[int, int] = {}  # of sounds, which overlap a little where recordings were joined
        for packet in packets(source, [source.streams[index] for index in copies]):
            index = packet.stream.index
            if not packet.size:
                continue
            if index == pictures.index and packet.is_discard:
                hidden.append(packet)
                continue
            if index != pictures.index and packet.dts is not None:
                if packet.dts <= reached.get(index, packet.dts - 1):
                    continue
                reached[index] = packet.dts
            ready = [*hidden, packet] if index == pictures.index else [packet]
            for each in ready:
                ticks = round(start / each.time_base)
                each.pts = None if each.pts is None else each.pts - ticks
                each.dts = None if each.dts is None else each.dts - ticks
                each.stream = copies[index]
                target.mux(each)
            if index == pictures.index:
                hidden.clear()


@dataclass(frozen=True, slots=True)
class _Looks:
    """What is seen of a clip: its first frame, the seconds at which packets are shown, from the first, and its end."""

    frame: NDArray[np.uint8]
    times: list[float]
    end: float

    @classmethod
    def of(cls, path: Path) -> _Looks:
        reader = ClipReader(path)
        frame, _, _ = next(reader.frames())
        with open_clip(path) as container:
            stream = moving_pictures(container)
            shown = sorted(
                (float((packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base), packet.duration)
                for packet in packets(container, [stream])
                if packet.size and not packet.is_discard
            )
            times = [time - shown[0][0] for time, _ in shown]
            lasts = float((shown[-1][1] or 0) * (stream.time_base or 0)) or 1 / float(reader.rate)
            return cls(
                reader.upright(frame), times, max(times[-1] + lasts, seconds_told(container, stream, shown[0][0]))
            )

    def like(self, other: _Looks) -> bool:
        return (
            np.array_equal(self.frame, other.frame)
            and len(self.times) == len(other.times)
            and np.allclose(self.times, other.times, rtol=0, atol=SAME_SECONDS)
            and abs(self.end - other.end) < END_SECONDS
        )


def _encode(path: Path, out: Path) -> None:
    """Encode the frames of a clip as H.264, each at its own time and for as long, turned as its file says."""
    reader = ClipReader(path, ENCODED_VOLUME)
    with av.open(str(out), "w", options={"movflags": "+faststart"}) as target:
        stream: av.VideoStream | None = None
        lasts: dict[int, int] = {}  # by the ticks at which a frame begins, the ticks that it is shown
        for frame, begin, end in reader.frames():
            stream = stream or _stream_like(target, frame, reader)
            picture = frame.reformat(width=stream.width, height=stream.height, format="yuv420p", threads=1)
            picture.pts, picture.time_base = round(begin * TICKS), Fraction(1, TICKS)
            picture.pict_type = 0
            lasts[picture.pts] = round(end * TICKS) - picture.pts
            _mux(target, stream.encode(picture), lasts)
        assert stream  # a clip without pictures was refused
        _mux(target, stream.encode(), lasts)


def _mux(target: av.container.OutputContainer, encoded: list[av.Packet[Any]], lasts: dict[int, int]) -> None:
    for packet in encoded:
        assert packet.pts is not None
        packet.duration = lasts.pop(packet.pts)
        target.mux(packet)


def _stream_like(target: av.container.OutputContainer, frame: av.VideoFrame, reader: ClipReader) -> av.VideoStream:
    stream = target.add_stream("libx264", rate=reader.rate, options={"crf": CRF, "preset": "veryfast", "bf": "0"})
    stream.width, stream.height = frame.width - frame.width % 2, frame.height - frame.height % 2
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = stream.time_base = Fraction(1, TICKS)
    context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
    context.colorspace, context.color_range = frame.colorspace, frame.color_range
    if reader.aspect:
        context.sample_aspect_ratio = reader.aspect
    if matrix := display_matrix(frame):
        stream.set_display_matrix(matrix)
    return stream
