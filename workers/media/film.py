"""A film written segment by segment: what is finished can be played, copied and kept, whatever happens next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from workers.keeper import MARKED
from workers.media.facts import MediaError
from workers.media.probe import COLOUR, MediaInfo, probe, read_comment, read_frames
from workers.media.watermark import Watermark

BT709 = 1  # the number of this standard in H.264's tags, the same for primaries, transfer and matrix
LIMITED_RANGE = 1

# Small pictures show every artefact; the threads are fixed so that the same frames give the same bytes anywhere.
OPTIONS = {"crf": "14", "preset": "medium", "threads": "2", "bf": "0"}
AddFrame = Callable[[NDArray[np.uint8]], None]


class Film:
    """Writes one closed H.264 segment per window and joins them by stream copy into one MP4.

    Segments are `0000.mp4`, `0001.mp4` ... in `folder`, each complete on its own; a file under its final name is whole.
    `marked` is the same film with the watermark on every frame, in a folder of its own; None where none is asked for.
    """

    def __init__(
        self, folder: Path, width: int, height: int, fps: int | Fraction, keep: int = 0, *, watermark: bool = False
    ) -> None:
        """Begin a film of `width` x `height` even pixels, or go on with one whose first `keep` segments stand."""
        if width % 2 or height % 2:
            raise MediaError("sides_odd", "The sides of a video are even numbers of pixels.")
        self.folder, self.width, self.height, self.fps = folder, width, height, Fraction(fps)
        self.marked = Film(folder / MARKED, width, height, fps, keep) if watermark else None
        folder.mkdir(parents=True, exist_ok=True)
        self.segments = [self._path(i) for i in range(keep)]
        missing = [path.name for path in self.segments if not path.is_file()]
        if missing:
            raise MediaError("segment_missing", f"Saved parts of the video are gone: {', '.join(missing)}.")
        for stale in sorted(set(folder.glob("*.mp4*")) - set(self.segments)):
            stale.unlink()

    def append(self, frames: NDArray[np.uint8] | Iterable[NDArray[np.uint8]]) -> Path:
        """Encode frames [T, H, W, 3] of uint8 RGB, or one after another, as the next segment and return its path.

        Frames that come one after another are taken once, also where the film is marked.
        """
        with self._next() as add:
            if self.marked is None:
                for frame in frames:
                    add(frame)
            else:
                watermark = Watermark(self.width, self.height)
                with self.marked._next() as add_marked:
                    for frame in frames:
                        add(frame)
                        add_marked(watermark.on(frame))
        return self.segments[-1]

    def finish(self, out: Path, comment: str = "") -> MediaInfo:
        """Join the segments into `out`, a faststart MP4 with `comment` in its tag, and say what came out.

        A marked film is joined into `marked(out)` beside it. No picture is encoded again. Raises MediaError when there
        is no segment. The segments stay.
        """
        join(self.segments, out, self.fps, comment)
        if self.marked is not None:
            join(self.marked.segments, marked(out), self.fps, comment)
        return probe(out)

    @contextmanager
    def _next(self) -> Iterator[AddFrame]:
        """Yield what adds a frame to the next segment, which counts when the block ends without an error."""
        path = self._path(len(self.segments))
        partial = path.with_name(path.name + ".part")
        with writing(partial, self.width, self.height, self.fps) as add:
            yield add
        partial.replace(path)
        self.segments.append(path)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:04d}.mp4"


def marked(path: Path) -> Path:
    """Return where the copy of a file with the watermark lies: beside it."""
    return path.with_stem(f"{path.stem}-{MARKED}")


def write(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    width: int,
    height: int,
    fps: Fraction | int,
    options: Mapping[str, str] = OPTIONS,
) -> None:
    """Encode uint8 RGB frames [H, W, 3] at `path`: an MP4 that holds one closed group of H.264 pictures in BT.709.

    `options` are those of x264.
    """
    with writing(path, width, height, fps, options) as add:
        for picture in frames:
            add(picture)


@contextmanager
def writing(
    path: Path, width: int, height: int, fps: Fraction | int, options: Mapping[str, str] = OPTIONS
) -> Iterator[AddFrame]:
    """Yield what adds a frame to the MP4 that `write` makes. Raises MediaError at the end where no frame came."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options=dict(options))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED_RANGE
        count = 0

        def add(picture: NDArray[np.uint8]) -> None:
            nonlocal count
            if picture.shape != (height, width, 3):
                raise MediaError("frame_shape", f"A frame of {picture.shape} does not fit a {width} x {height} film.")
            container.mux(stream.encode(_yuv(picture, count)))
            count += 1

        yield add
        if not count:
            raise MediaError("video_empty", "A segment needs at least one frame.")
        container.mux(stream.encode())


def hold(film: Path, frames: int, by_way_of: Path) -> None:
    """Let the last picture of an MP4 of the studio stand for `frames` more; it keeps its comment and loses its sound.

    No picture of it is encoded again; those that are added go through `by_way_of`. The file is replaced as a whole.
    """
    info, comment = probe(film), read_comment(film)
    rate = Fraction(info.fps).limit_denominator(100_000)
    last = deque(read_frames(film), maxlen=1)[0]
    write(by_way_of, repeat(last, frames), info.width, info.height, rate)
    join([film, by_way_of], film, rate, comment)
    by_way_of.unlink()


def join(segments: Sequence[Path], out: Path, fps: Fraction | int, comment: str = "") -> None:
    """Copy the pictures of `segments` one after another into a faststart MP4; the file appears only when it is whole.

    Raises MediaError when there is none, or when they were not encoded alike.
    """
    if not segments:
        raise MediaError("video_empty", "There is nothing to join yet.")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".part")
    with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        if comment:
            container.metadata["comment"] = comment
        target, headers, done = None, None, 0
        for path in segments:
            with av.open(str(path)) as source:
                stream = source.streams.video[0]
                if target is None:
                    target = container.add_stream_from_template(stream)
                    target.time_base, headers = stream.time_base, stream.codec_context.extradata
                elif stream.codec_context.extradata != headers:
                    raise MediaError("segment_foreign", "The parts of the video were not encoded alike.")
                # Places are counted in frames, not taken from durations, so that no rounding adds up.
                assert stream.time_base is not None
                offset = int(Fraction(done) / Fraction(fps) / stream.time_base)
                for packet in source.demux(stream):
                    if not packet.size:
                        continue
                    packet.pts = (packet.pts or 0) + offset
                    packet.dts = (packet.dts or 0) + offset
                    packet.stream = target
                    container.mux(packet)
                    done += 1
    partial.replace(out)


def _yuv(picture: NDArray[np.uint8], index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=COLOUR, dst_color_range="MPEG", interpolation="BICUBIC")
    frame.colorspace, frame.color_range = BT709, LIMITED_RANGE
    frame.pts = index
    return frame
