"""What is in a film that this studio has made. What people bring is never opened here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from workers.media.facts import MediaError, sha256

COLOUR = "ITU709"
# The studio writes MP4.
OWN = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2", "protocol_whitelist": "file"}


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A video file: sides in pixels, rate in frames a second, length in frames and in seconds, size in bytes."""

    width: int
    height: int
    frames: int
    fps: float
    seconds: float
    codec: str
    bytes: int
    sha256: str


def probe(path: Path) -> MediaInfo:
    """Read what a video file holds, without decoding it. Raises MediaError when it holds no video."""
    with _open(path) as container:
        stream = _video(container)
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        rate = stream.average_rate or stream.guessed_rate or Fraction(0)
        if not frames or not rate:
            raise MediaError("video_empty", "The file holds no pictures.")
        context = stream.codec_context
        return MediaInfo(
            width=int(context.width),
            height=int(context.height),
            frames=frames,
            fps=float(rate),
            seconds=float(frames / rate),
            codec=str(context.name),
            bytes=path.stat().st_size,
            sha256=sha256(path),
        )


def read_comment(path: Path) -> str:
    """Return the `comment` tag of a video file, empty when there is none."""
    with _open(path) as container:
        return str(container.metadata.get("comment", ""))


def read_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Decode a video file to RGB pictures [H, W, 3], one at a time. Raises MediaError when that is not possible."""
    with _open(path) as container:
        try:
            for frame in container.decode(_video(container)):
                yield rgb(frame)
        except av.FFmpegError as error:
            raise MediaError("video_broken", "The video is damaged and cannot be read to its end.") from error


def rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return one decoded frame as RGB [H, W, 3], by the colour matrix that it is tagged with.

    In one thread: the scaler would start threads anew for every frame, and a process with a budget of memory has no
    room for their stacks at all times.
    """
    picture = frame.to_ndarray(format="rgb24", interpolation="BICUBIC", threads=1)
    return picture.astype(np.uint8, copy=False)


def _open(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path), options=dict(OWN), metadata_errors="ignore")
    except (av.FFmpegError, OSError) as error:
        raise MediaError("video_unreadable", "The file is not a video that can be read.") from error


def _video(container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise MediaError("video_missing", "The file has no picture, only sound or data.")
    return container.streams.video[0]
