"""From a request to a film in a folder: inputs decoded, windows encoded one by one, and a crash costs one window.

The folder holds the segments, the saved state and the playlist; whoever renders the same request into the same folder
goes on after the last whole window. What comes out is then bit for bit what it would have been without the crash.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workers.base import EngineError, Inputs, OnProgress, Progress, Window, ignore_progress
from workers.engines.skyreels import cards
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import Plan, plan
from workers.engines.skyreels.request.spec import VideoSpec
from workers.keeper import CLIP_PARTS, MARKED, STATE, Keeper, KeepNothing, Kept, write_whole
from workers.media import foreign
from workers.media.facts import MediaError
from workers.media.film import Film, marked
from workers.media.hls import Playlists
from workers.media.probe import MediaInfo, probe
from workers.segments import as_engine_error

if TYPE_CHECKING:
    from workers.engines.skyreels.engine import SkyReelsEngine
    from workers.engines.skyreels.sampler.checkpoint import Checkpoint

OnWindow = Callable[[Window], None]


def inputs_of(spec: VideoSpec) -> Inputs:
    """Decode the pictures and the end of the clip that a spec names, at its size and frame rate.

    Raises EngineError with the sentence of `workers.media.foreign` for what cannot be used.
    """
    with as_engine_error():
        return Inputs(
            image=_picture(spec, spec.image),
            end_image=_picture(spec, spec.end_image),
            video=_end_of_clip(spec),
            source=None if spec.source is None else _Source(spec),
        )


def render(
    engine: SkyReelsEngine,
    asked: VideoSpec | Plan,
    folder: Path,
    out: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    on_window: OnWindow | None = None,
    keeper: Keeper | None = None,
    comment: str = "",
    run: Execution | None = None,
    watermark: bool = False,
) -> MediaInfo:
    """Make the film `asked` for in `folder` and join it into the MP4 `out`; goes on where an earlier call was killed.

    A clip that goes on is the first part of the film. While it grows, `folder`/hls holds a playlist that can be played.
    With a `watermark`, `folder`/marked/hls holds another one, and `film.marked(out)` is the film with it; windows go
    on from frames without it. A film in another look has the sound of its source, which is read along with the windows.
    `on_window` is called after each window, and each part of one, is safe on the disk, and `keeper` may keep it
    somewhere safer; an empty folder is filled from there. Raises what the engine raises, and EngineError for inputs
    that cannot be used; the state stays in the folder until the film is whole.
    """
    layout = asked if isinstance(asked, Plan) else plan(asked)
    spec = layout.spec
    inputs = inputs_of(spec)
    keeper = keeper or KeepNothing()
    keeper.fetch(folder)
    saved, film, known = _left_off(layout, folder, watermark)
    # Asked before anything is computed: the film may have been cancelled or stopped while no worker was there.
    windows = len(layout.windows)
    on_progress(Progress(stage="loading", window=min(saved.index + 2, windows) if saved else 1, windows=windows))
    playlists = Playlists(film, _longest_part(layout))
    if spec.video and saved is None:
        _begin_with_clip(film, playlists, spec, folder)
    for window in engine.stream(layout, on_progress, resume=saved, inputs=inputs, run=run):
        if known:
            # A part that players have seen before a crash: it comes out the same, and is there already.
            known -= 1
        else:
            film.append(window.frames)
            playlists.append()
        if window.whole:
            # After the segment: a state on the disk says that its segments are whole.
            window.checkpoint.save(folder / STATE)
        if window.last:
            playlists.finish()
        made = Kept(
            window.index + window.whole,
            window.first_frame + len(window.frames),
            float(playlists.frames / film.fps),
            0 if window.whole else window.part + 1,
        )
        keeper.keep(folder, made)
        if on_window is not None:
            on_window(window)
    playlists.finish()
    info = _finish(film, spec, out, comment)
    for name in (STATE, CLIP_PARTS):
        (folder / name).unlink(missing_ok=True)
    return info


def keep(
    asked: VideoSpec | Plan, folder: Path, out: Path, comment: str = "", *, watermark: bool = False
) -> tuple[MediaInfo, int]:
    """Join the windows that a stopped `render` has left in `folder` into the MP4 `out`; nothing is computed.

    Parts of a window that is not whole are left out. Returns what came out and how many windows are in it. Raises
    EngineError("nothing_to_keep") before the first window.
    """
    layout = asked if isinstance(asked, Plan) else plan(asked)
    saved, film, _ = _left_off(layout, folder, watermark, whole=True)
    if saved is None:
        raise EngineError("nothing_to_keep", "Nothing of this video is finished yet.")
    Playlists(film, _longest_part(layout)).finish()
    return _finish(film, layout.spec, out, comment), saved.index + 1


class _Source:
    """The frames of the clip that a film shows in another look, at the size and rate of the film, read once in order.

    Held are the frames from the place that was asked for last. A clip that ends earlier stands on its last frame.
    """

    def __init__(self, spec: VideoSpec) -> None:
        self.spec = spec
        self._open()

    def _open(self) -> None:
        assert self.spec.source is not None
        self.frames, self.held, self.first = _clip(self.spec, self.spec.source), deque[NDArray[np.uint8]](), 0

    def __call__(self, first: int, end: int) -> NDArray[np.uint8]:
        """Return the frames [T, H, W, 3] from `first` up to `end`. Raises EngineError for a clip that breaks off."""
        if first < self.first:
            self._open()
        with as_engine_error():
            while self.first + len(self.held) < end and (frame := next(self.frames, None)) is not None:
                self.held.append(frame)
                while self.first < first and len(self.held) > 1:
                    self.held.popleft()
                    self.first += 1
        if not self.held:
            raise EngineError("video_broken", "The video is damaged and cannot be opened.")
        while self.first < first and len(self.held) > 1:
            self.held.popleft()
            self.first += 1
        frames = list(self.held)[: end - first]
        return np.stack(frames + [frames[-1]] * (end - first - len(frames)))


def _finish(film: Film, spec: VideoSpec, out: Path, comment: str) -> MediaInfo:
    """Join the film; one in another look has the sound of its source."""
    if spec.source is None:
        return film.finish(out, comment)
    with as_engine_error():
        film.finish(out, comment)
        for made in (out, marked(out)) if film.marked else (out,):
            foreign.add_sound(made, spec.source)
        return probe(out)


def _longest_part(layout: Plan) -> int:
    """Return the most frames that a part of the film has: of a window, or of the clip that goes on (`_parts_of_clip`).

    It is known before the first part is there, because a playlist may not change what it says about its segments.
    """
    longest, spec = layout.longest_part, layout.spec
    return max(longest, spec.base_num_frames) if spec.video else longest


def _left_off(
    layout: Plan, folder: Path, watermark: bool, *, whole: bool = False
) -> tuple[Checkpoint | None, Film, int]:
    """Return the saved state and the film of an earlier call; no state and an empty film where they are of no use.

    Also returns how many segments beyond the state there are: parts of the window that was at work, which players may
    have seen. With `whole` there are none.
    """
    from workers.engines.skyreels.sampler.checkpoint import Checkpoint

    spec = layout.spec
    try:
        saved = Checkpoint.load(folder / STATE)
        if saved.spec_hash == layout.hash:
            stand = int((folder / CLIP_PARTS).read_text()) if spec.video else 0
            stand += sum(len(window.parts) for window in layout.windows[: saved.index + 1])
            known = 0
            if not whole and saved.index + 1 < len(layout.windows):
                parts = len(layout.windows[saved.index + 1].parts) - 1
                folders = [folder, folder / MARKED] if watermark else [folder]
                there = (all((each / f"{stand + i:04d}.mp4").is_file() for each in folders) for i in range(parts))
                known = sum(itertools.takewhile(bool, there))
            return saved, Film(folder, spec.width, spec.height, spec.fps, stand + known, watermark=watermark), known
    except (EngineError, MediaError, OSError, ValueError):
        pass
    (folder / STATE).unlink(missing_ok=True)
    return None, Film(folder, spec.width, spec.height, spec.fps, watermark=watermark), 0


def _begin_with_clip(film: Film, playlists: Playlists, spec: VideoSpec, folder: Path) -> None:
    """Write the clip that a film goes on from as its first part, and into how many segments."""
    parts = 0
    for frames in _parts_of_clip(spec):
        film.append(frames)
        playlists.append()
        parts += 1
    write_whole(folder / CLIP_PARTS, str(parts))


def _parts_of_clip(spec: VideoSpec) -> Iterator[list[NDArray[np.uint8]]]:
    """Yield the clip that goes on in parts as long as a window."""
    assert spec.video is not None
    with as_engine_error():
        frames = _clip(spec, spec.video)
        while part := list(itertools.islice(frames, spec.base_num_frames)):
            yield part


def _end_of_clip(spec: VideoSpec) -> NDArray[np.uint8] | None:
    if spec.video is None:
        return None
    return np.stack(deque(_clip(spec, spec.video), maxlen=spec.overlap_history))


def _picture(spec: VideoSpec, path: Path | None) -> NDArray[np.uint8] | None:
    if path is None:
        return None
    # The official code cuts whole pixels and scales bicubically where diffusion forcing begins with a picture.
    theirs = spec.compat == "official" and cards.get(spec.model).variant == "df"
    return foreign.picture(path, spec.width, spec.height, "cut" if theirs else "fill")


def _clip(spec: VideoSpec, path: Path) -> Iterator[NDArray[np.uint8]]:
    if spec.compat != "official":
        return foreign.clip(path, spec.width, spec.height, spec.fps)
    # The official code stretches a clip, and takes its frames for those of the film whatever their rate is.
    return foreign.clip(path, spec.width, spec.height, foreign.clip_info(path).fps, "stretch")
