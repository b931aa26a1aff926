"""A film that plays while it is made: HTTP Live Streaming over fragmented MP4 (RFC 8216, ISO/IEC 14496-12).

Each finished MP4 segment becomes one media segment with the very same encoded pictures; nothing is encoded twice.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import av

from workers.keeper import INDEX, MARKED, PLAYLIST
from workers.media.facts import MediaError

if TYPE_CHECKING:
    from workers.media.film import Film

INIT = "init.mp4"
# Any reader keeps enough precision at this many units a second, and every frame lasts a whole number of them.
MIN_TIMESCALE = 10_000
# One fragment for each segment, with every place counted from the beginning of its own moof.
MOVFLAGS = "empty_moov+default_base_moof+frag_custom"


class Playlist:
    """A folder with `index.m3u8`, `init.mp4`, `0000.m4s`, `0001.m4s` ...: open while it grows, closed by `finish`."""

    def __init__(self, folder: Path, fps: int | Fraction, longest: int, segments: Sequence[Path] = ()) -> None:
        """Begin a playlist whose segments have at most `longest` frames, or go on after the MP4 `segments`."""
        self.folder, self.fps = folder, Fraction(fps)
        self.target = max(1, math.ceil(longest / self.fps))
        self.frames: list[int] = []
        self.headers = b""
        folder.mkdir(parents=True, exist_ok=True)
        for segment in segments:
            self._add(segment)
        if segments:
            self._write(ended=False)

    def append(self, segment: Path) -> Path:
        """Add a finished MP4 segment (see `film.Film`) and show it to players; returns the media segment's path.

        Raises MediaError when it was not encoded like those before it.
        """
        path = self._add(segment)
        self._write(ended=False)
        return path

    def finish(self) -> Path:
        """Tell players that nothing more comes; returns the playlist's path."""
        self._write(ended=True)
        return self.folder / INDEX

    def _add(self, segment: Path) -> Path:
        index, done = len(self.frames), sum(self.frames)
        scale = timescale(self.fps)
        init, media, frames, headers = _fragment(segment, scale, self.fps)
        if index == 0:
            # The other parts' would differ in the bit rate only.
            _replace(self.folder / INIT, init)
            self.headers = headers
        elif self.headers != headers:
            raise MediaError("segment_foreign", "The parts of the video were not encoded alike.")
        path = self.folder / f"{index:04d}.m4s"
        _replace(path, _placed(media, index + 1, int(done * scale / self.fps)))
        self.frames.append(frames)
        return path

    def _write(self, ended: bool) -> None:
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{self.target}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            f'#EXT-X-MAP:URI="{INIT}"',
        ]
        for index, frames in enumerate(self.frames):
            lines += [f"#EXTINF:{float(frames / self.fps):.6f},", f"{index:04d}.m4s"]
        if ended:
            lines.append("#EXT-X-ENDLIST")
        _replace(self.folder / INDEX, ("\n".join(lines) + "\n").encode())


class Playlists:
    """The playlist of a film in its folder, and the one of the same film with the watermark where there is one."""

    def __init__(self, film: Film, longest: int) -> None:
        """Begin with the segments that `film` has; none of them has more than `longest` frames."""
        self.films = [film] if film.marked is None else [film, film.marked]
        folders = [film.folder / PLAYLIST, film.folder / MARKED / PLAYLIST]
        self.each = [
            Playlist(folder, each.fps, longest, each.segments)
            for folder, each in zip(folders, self.films, strict=False)
        ]

    @property
    def frames(self) -> int:
        """How many frames can be played."""
        return sum(self.each[0].frames)

    def append(self) -> None:
        """Show the newest segment of the film to players."""
        for playlist, film in zip(self.each, self.films, strict=True):
            playlist.append(film.segments[-1])

    def finish(self) -> None:
        """Tell players that nothing more comes."""
        for playlist in self.each:
            playlist.finish()


def timescale(fps: Fraction) -> int:
    """Return the units a second in which every frame at `fps` lasts a whole number of units."""
    return fps.numerator * math.ceil(MIN_TIMESCALE / fps.numerator)


def _fragment(segment: Path, scale: int, fps: Fraction) -> tuple[bytes, bytes, int, bytes]:
    """Copy an MP4 segment's pictures into one fragment.

    Returns the init part, the media part, the number of frames, and the codec's headers.
    """
    buffer, unit, frames, headers = BytesIO(), Fraction(1, scale), 0, b""
    length = int(scale / fps)
    options = {"movflags": MOVFLAGS, "video_track_timescale": str(scale)}
    with (
        av.open(str(segment)) as source,
        av.open(buffer, "w", format="mp4", options=options, container_options=options) as target,
    ):
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        copy.time_base, headers = unit, bytes(stream.codec_context.extradata or b"")
        for packet in source.demux(stream):
            if not packet.size:
                continue
            # There are no B-frames, so pictures are shown in the order in which they are stored.
            packet.time_base = unit
            packet.pts = packet.dts = frames * length
            packet.duration = length
            packet.stream = copy
            target.mux(packet)
            frames += 1
    init, media = b"", b""
    for kind, box in _boxes(buffer.getvalue()):
        if kind in (b"ftyp", b"moov"):
            init += box
        elif kind in (b"moof", b"mdat"):
            media += box
    if not frames:
        raise MediaError("video_empty", "A segment needs at least one frame.")
    return init, media, frames, headers


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, whole box) for the boxes in `data`, one after another."""
    place = 0
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, place + 8)
        yield kind, data[place : place + size]
        place += size


def _placed(media: bytes, number: int, begin: int) -> bytes:
    """Return a media segment with its sequence number and its decode time, in units of the timescale.

    FFmpeg starts both at the beginning in every file it writes.
    """
    out = bytearray(media)
    header = out.index(b"mfhd") + 4
    struct.pack_into(">I", out, header + 4, number)
    decode = out.index(b"tfdt") + 4
    if out[decode] == 1:
        struct.pack_into(">Q", out, decode + 4, begin)
    else:
        struct.pack_into(">I", out, decode + 4, begin)
    return bytes(out)


def _replace(path: Path, data: bytes) -> None:
    """Write a file that is never seen half written."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.replace(path)
