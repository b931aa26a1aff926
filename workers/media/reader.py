"""What a person would see of a clip that somebody brought: its frames, when each one is shown, and which way up.

No file is trusted. What is in the headers (kind, sides, length, tracks) is checked before a frame is decoded. Only
`workers.media.child` calls this, in a process with a budget; others ask `workers.media.foreign`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from numpy.typing import NDArray

from workers.media.facts import MAX_CLIP_BYTES, MAX_CLIP_SECONDS, MediaError, let_through
from workers.media.probe import rgb

MIN_SIDE = 32  # pixels
MAX_CLIP_PIXELS = 4096 * 2304
MAX_STRETCH = 4.0  # how much a pixel is wider than high, or higher than wide; that of cameras and discs is 2 at most
MAX_CLIP_FPS = 120
# What is decoded when a clip is brought: two minutes of 1920 x 1080 at 60 frames a second, half a minute of 4K.
MAX_CLIP_VOLUME = 1920 * 1080 * 60 * 120  # pixels of all frames
MAX_CLIP_FRAMES = 120 * MAX_CLIP_FPS
MAX_TRACKS = 32  # of any kind
THREADS = 4  # each one holds frames of its own; the same on every machine, because decoders tell of damage otherwise
# A playlist or a list of files would make the reader open what it names, so only real containers are let in.
CLIP_OPTIONS = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg",
    "protocol_whitelist": "file",
}
HDR_TRANSFERS = (16, 18)  # PQ and HLG in the tables of ITU-T H.273
# Clips end a little before or after their headers say; one that misses more than this was cut off.
MISSING_SECONDS, MISSING_PART = 0.5, 0.05
# Containers in which recordings are joined end to end, each with a clock of its own; times that go back by more than
# this, or ahead by more than that, begin another recording (as the ffmpeg command takes them).
JOINED, BACK_SECONDS, AHEAD_SECONDS = {"mpegts", "mpeg"}, 0.1, 10.0
# Containers whose length is in their header, and not guessed from the bytes that are there.
TOLD = {"mov", "matroska", "webm", "avi", "asf", "flv"}


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a frame is turned before it is shown: its sides are swapped first, then it is mirrored."""

    swapped: bool = False
    mirrored: bool = False
    upside_down: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Return what the display matrix of a frame says; angles between quarter turns are rounded.

        A pixel (x, y) is shown at (ax + cy, bx + dy) (ISO 14496-12, 8.2.2).
        """
        matrix = display_matrix(frame)
        if matrix is None:
            return UPRIGHT
        a, b, _, c, d, *_ = matrix
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def turn(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return pixels [H, W, 3] as they are shown."""
        pixels = pixels.swapaxes(0, 1) if self.swapped else pixels
        pixels = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(pixels[::-1] if self.upside_down else pixels)


UPRIGHT = Orientation()


def display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    """Return the 3 x 3 numbers, row by row, that say how a frame is turned; None when it is shown as it is."""
    beside: Any = frame.side_data
    told = beside.get(Type.DISPLAYMATRIX)
    data = bytes(told) if told else b""
    return struct.unpack("=9i", data[:36]) if len(data) >= 36 else None


def open_clip(path: Path) -> av.container.InputContainer:
    """Open a file that somebody brought, as one of the containers that are let in. Raises av.FFmpegError."""
    return av.open(str(path), options=dict(CLIP_OPTIONS), metadata_errors="ignore")


def formats(container: av.container.InputContainer) -> set[str]:
    """Return the names of what a container is, told from its content."""
    return set(container.format.name.split(","))


def check_tracks(container: av.container.InputContainer, noun: str) -> None:
    """Refuse a file with more tracks than cameras and editors write. Raises MediaError."""
    if len(container.streams) > MAX_TRACKS:
        raise MediaError(f"{noun}_heavy", f"The {noun} has more than {MAX_TRACKS} tracks: save it with fewer.")


def moving_pictures(container: av.container.InputContainer) -> av.VideoStream:
    """Return the track of pictures that players show: the first one that is marked as such, or the first at all, and no
    cover. Raises MediaError where there is none to be decoded."""
    moving = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if not moving:
        raise MediaError("video_missing", "The file has no picture, only sound or data.")
    shown = next((each for each in moving if each.disposition & Disposition.default), moving[0])
    if shown.codec_context is None:
        raise MediaError("video_codec", "The video is in a codec that is not known here: save it as H.264.")
    return shown


def sounds(container: av.container.InputContainer) -> list[av.AudioStream]:
    """Return the tracks of sound that can be read, the one that players play first."""
    known = [each for each in container.streams.audio if each.codec_context is not None]
    return sorted(known, key=lambda each: not each.disposition & Disposition.default)


def packets(
    container: av.container.InputContainer, streams: Iterable[av.stream.Stream] | None = None
) -> Iterator[av.Packet[Any]]:
    """Yield the packets of a file in its order, on one clock: of recordings that were joined end to end, each goes on
    where the one before ended."""
    joined = bool(formats(container) & JOINED)
    shift, ends = Fraction(0), dict[int, Fraction]()
    for packet in container.demux(list(container.streams if streams is None else streams)):
        if joined and packet.dts is not None:
            base, stream = packet.time_base, packet.stream.index
            at = packet.dts * base + shift
            end = ends.get(stream)
            if end is not None and not end - Fraction(BACK_SECONDS) <= at <= end + Fraction(AHEAD_SECONDS):
                shift, at = shift + end - at, end
            ends[stream] = at + (packet.duration or 0) * base
            ticks = round(shift / base)
            packet.dts += ticks
            if packet.pts is not None:
                packet.pts += ticks
        yield packet


class ClipReader:
    """Decodes one clip and says how each of its frames is to be shown."""

    def __init__(self, path: Path, volume: int | None = None) -> None:
        self.path, self.volume, self.rate = path, volume, Fraction(0)
        self.aspect: Fraction | None = None
        size = path.stat().st_size
        if not size:
            raise MediaError("video_empty", "The video is empty: its file has 0 bytes.")
        if size > MAX_CLIP_BYTES:
            raise MediaError("video_large", f"A video has at most {MAX_CLIP_BYTES // 1_000_000} MB.")

    def frames(self) -> Iterator[tuple[av.VideoFrame, float, float]]:
        """Yield each frame with the seconds at which it begins and ends; the first begins at 0.

        Raises MediaError, also after the last frame: for a file that is shorter than it says.
        """
        try:
            with open_clip(self.path) as container:
                yield from self._frames(container)
        except (av.FFmpegError, EOFError) as error:
            let_through(error)
            raise MediaError("video_broken", "The file is no video, or it is damaged.") from error

    def _frames(self, container: av.container.InputContainer) -> Iterator[tuple[av.VideoFrame, float, float]]:
        stream = self._stream(container)
        rate = self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        start: float | None = None
        held: tuple[av.VideoFrame, float, float] | None = None
        # Seconds: the furthest end of a packet of any track, the place of the newest frame, and until when a picture
        # stays, by the clock of the file.
        reached = begin = stays = 0.0
        count = 0
        for packet in packets(container):
            if packet.pts is not None and packet.size:
                reached = max(reached, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream.index != stream.index:
                continue
            if packet.pts is not None and not packet.size:
                # Theora has no bytes for a picture that stays; its decoder takes none.
                stays = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                continue
            for frame in packet.decode():
                count += 1
                self._look(frame, count)
                at = float(frame.pts * (frame.time_base or 0)) if frame.pts is not None else (count - 1) / float(rate)
                start = at if start is None else start
                if held and at - start < begin:
                    continue  # of another recording, which no player shows in this kind of file
                begin = max(begin, at - start)
                lasts = float(frame.duration * (frame.time_base or 0)) if frame.duration else 1 / float(rate)
                if begin + lasts > MAX_CLIP_SECONDS + 1:
                    raise _too_long()
                if held and held[1] < begin:
                    yield held
                held = frame, begin, begin + lasts
        if held is None or start is None:
            raise MediaError("video_empty", "The video holds no pictures.")
        frame, begin, end = held
        end = max(end, stays - start)
        if end > MAX_CLIP_SECONDS + 1:
            raise _too_long()
        self._check_whole(container, stream, start, end, reached)
        yield frame, begin, max(end, seconds_told(container, stream, start))

    def upright(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return a frame as it is shown, uint8 RGB [H, W, 3], its pixels `stretch` times as wide as high."""
        return Orientation.of(frame).turn(rgb(frame))

    def stretch(self, frame: av.VideoFrame) -> float:
        """Return how much wider than high a pixel is in the frame as it is shown."""
        ratio = float(self.aspect) if self.aspect else 1.0
        return 1 / ratio if Orientation.of(frame).swapped else ratio

    def shown_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Return (width, height) in square pixels."""
        width, height = frame.width, frame.height
        if Orientation.of(frame).swapped:
            width, height = height, width
        return round(width * self.stretch(frame)), height

    def _stream(self, container: av.container.InputContainer) -> av.VideoStream:
        check_tracks(container, "video")
        stream = moving_pictures(container)
        context = stream.codec_context
        _check_sides(context.width, context.height)
        if self._told(container, stream) > MAX_CLIP_SECONDS:
            raise _too_long()
        self._check_volume(context.width, context.height, stream.frames)
        self.aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
        if self.aspect and not 1 / MAX_STRETCH <= self.aspect <= MAX_STRETCH:
            text = f"The pixels of this video are {self.aspect.numerator} : {self.aspect.denominator} wide and high"
            raise MediaError("video_stretched", f"{text}: save it with square ones.")
        stream.thread_type = "AUTO"
        context.thread_count = THREADS
        return stream

    def _look(self, frame: av.VideoFrame, count: int) -> None:
        """Refuse a frame that its file's header did not tell of."""
        _check_sides(frame.width, frame.height)
        self._check_volume(frame.width, frame.height, count)
        _check_sides(*self.shown_size(frame))
        if frame.color_trc in HDR_TRANSFERS:
            raise MediaError("video_hdr", "The video is HDR: convert it to SDR first.")

    def _check_volume(self, width: int, height: int, frames: int) -> None:
        """Refuse a clip of so many frames; a file that says nothing of it has 0."""
        most = MAX_CLIP_FRAMES
        if self.volume is not None:
            most = min(most, self.volume // (width * height))
        if frames > most:
            text = f"This video takes too long to open: of {width} x {height} pixels it has at most {most} frames."
            raise MediaError("video_heavy", text)

    def _check_whole(
        self, container: av.container.InputContainer, stream: av.VideoStream, start: float, end: float, reached: float
    ) -> None:
        """Refuse a clip whose pictures end before its header says, or all of whose tracks do.

        `end` is counted from the first picture, which is at `start` on the clock of the file.
        """
        said = self._told(container, stream)
        pairs = [(said - max(0.0, start), end)]
        if formats(container) & TOLD and container.duration:
            before = min(0, container.start_time or 0) / av.time_base
            pairs.append((container.duration / av.time_base, reached - before))
        if any(told - found > max(MISSING_SECONDS, told * MISSING_PART) for told, found in pairs):
            raise MediaError("video_broken", "The video is cut off: its file is shorter than it says.")

    @staticmethod
    def _told(container: av.container.InputContainer, stream: av.VideoStream) -> float:
        """Return the seconds that the header says; 0 where it says nothing of the pictures."""
        if said := _seconds_said(stream):
            return said
        # Sound may go on after the pictures, so the whole file's length speaks for them only where there is none.
        return 0.0 if container.streams.audio or not container.duration else container.duration / av.time_base


def seconds_told(container: av.container.InputContainer, stream: av.VideoStream, start: float) -> float:
    """Return the seconds from the first picture, which is at `start` on the clock of the file, until the last one goes,
    where a file tells it exactly; 0 elsewhere."""
    # What is empty before the first picture may count as a part of the track.
    return _seconds_said(stream) - max(0.0, start) if "mov" in formats(container) else 0.0


def _seconds_said(stream: av.VideoStream) -> float:
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0


def _check_sides(width: int, height: int) -> None:
    if width * height > MAX_CLIP_PIXELS:
        raise MediaError("video_large", "The sides of a video are at most 4096 x 2304 pixels.")
    if min(width, height) < MIN_SIDE:
        raise MediaError("video_small", f"The sides of a video are at least {MIN_SIDE} pixels.")


def _too_long() -> MediaError:
    return MediaError("video_long", f"A video is at most {MAX_CLIP_SECONDS:.0f} seconds long.")
