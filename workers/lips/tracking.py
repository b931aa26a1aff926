"""The chosen face, followed through a clip: over cuts, past other faces, and smoothed over time.

Within a shot a face is followed by its landmarks in the frame before. Where it is lost or a shot begins, it is looked
for again, and told from others by where it was, or by how it looks.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.base import OnProgress, Progress, ignore_progress
from workers.lips.base import POINTS, Clip, Face, LipsError, Pick, Picture, Points, Track
from workers.lips.landmarks import Landmarker, landmarker, mesh, shared, size_of, turned

SMALL = 18.0  # pixels between the outer corners of the eyes: less has no mouth to speak of
TURNED = 55.0  # degrees; beyond it one half of the mouth is not seen
LOOK_EVERY = 5  # frames after which a face that is not seen is looked for in tiles as well
MOST_FACES = 6  # that are followed until it is known which is meant
SAME_PERSON = 0.45  # the least likeness of two portraits, -1 to 1
CUT_LEVELS, CUT_TIMES = 20.0, 4.0  # of 255 on average, and of what changed lately, from which on a shot begins
STILL_LEVELS = 2.0  # what changes from frame to frame at least, by noise
SMOOTHED = 7  # frames, with a parabola (Savitzky-Golay)
GLIMPSE = 5  # frames; a face that is seen for less, lost before and after, is half covered: its mouth would flicker

Floats = NDArray[np.float32]


class Portrait(NamedTuple):
    """How a face looks at its landmarks above the mouth: light and dark without the fall of light, [N], and its skin's
    colour, [3] of 0 to 255."""

    light: Floats
    colour: Floats


def pick_face(picture: Picture, pick: Pick) -> Face:
    """Return the face of a picture that is meant.

    Raises LipsError: no_face, face_small, face_turned, and several_faces where there are others nearly as large and
    none was picked.
    """
    faces = landmarker().faces(picture)
    if not faces:
        raise LipsError("no_face", "No face is seen in this picture.")
    if pick.point is not None:
        point = pick.point
        face = min(faces, key=lambda face: _away(face, point))
        if _away(face, point) > 1.0:
            raise LipsError("no_face", "No face is seen at this place.")
    elif pick.index is not None:
        if not 0 <= pick.index < len(faces):
            raise LipsError("no_face", "There are not as many faces in this picture.")
        face = faces[pick.index]
    elif len(faces) > 1 and size_of(faces[1].points) > 0.6 * size_of(faces[0].points):
        raise LipsError("several_faces", "Several faces are seen: pick the one that speaks.")
    else:
        face = faces[0]
    if size_of(face.points) < SMALL:
        raise LipsError("face_small", "The face is too small for its mouth to be seen.")
    if abs(turned(face.points)) > TURNED:
        raise LipsError("face_turned", "The face looks too far to the side for its mouth to be seen.")
    return face


def follow(clip: Clip, pick: Pick | None = None, *, on_progress: OnProgress = ignore_progress) -> Track:
    """Find the face that is meant in every frame of a clip; each frame is read once.

    `on_progress` is called after every frame with the stage "tracking", and what it raises goes through. Without a
    `pick`, the largest face of the first frame with one is followed. Raises LipsError("no_face") where it is seen
    nowhere, and what `pick_face` raises.
    """
    finder = landmarker()
    wanted = _wanted(clip, pick)
    points = np.full((clip.frames, POINTS, 3), np.nan, np.float32)
    scores = np.zeros(clip.frames, np.float32)
    shots = []
    follower = _Follower(finder, pick, wanted)
    for place, (picture, begins) in enumerate(_with_cuts(clip.read())):
        if place >= clip.frames:
            break
        if begins:
            shots.append(place)
            follower.begin()
        for earlier, face in follower.see(place, picture):
            points[earlier], scores[earlier] = face.points, face.score
        on_progress(Progress(stage="tracking", step=place + 1, steps=clip.frames))
    _drop_glimpses(points, scores, shots)
    track = Track(_smoothed(points, shots), scores, tuple(shots) or (0,))
    if not track.seen:
        raise LipsError("no_face", "No face is seen in this video.")
    return track


@dataclass(slots=True)
class _Path:
    """A face in a shot, and where it was seen so far."""

    last: Face
    portrait: Portrait
    seen: list[tuple[int, Face]]
    lost: int = 0


class _Follower:
    """Follows the face that is meant through one shot after another.

    In the shot in which it was picked, all faces are followed up to that frame, as only there it is known which it is.
    """

    def __init__(self, finder: Landmarker, pick: Pick | None, wanted: tuple[Face, Portrait] | None) -> None:
        self.finder, self.pick = finder, pick
        self.wanted = wanted[0] if wanted else None
        self.portrait = wanted[1] if wanted else None
        self.paths: list[_Path] = []
        self.chosen: _Path | None = None
        self.since = 0

    def begin(self) -> None:
        """Forget where faces are: a shot begins."""
        self.paths, self.chosen, self.since = [], None, 0

    def see(self, place: int, picture: Picture) -> Iterator[tuple[int, Face]]:
        """Yield where the face is in this frame, and in earlier ones once it is known which face it was there."""
        if self.chosen is not None:
            if self._on(self.chosen, picture, place):
                yield place, self.chosen.last
            return
        for path in self.paths:
            if self._on(path, picture, place):
                path.seen.append((place, path.last))
        early = self.since < LOOK_EVERY and self._undecided(place)  # somebody may turn up just after another was seen
        tiles = early or self.since % LOOK_EVERY == 0
        if not self.paths or (tiles and self._undecided(place)):
            for face in self.finder.faces(picture, tiles=tiles)[:MOST_FACES]:
                if all(shared(face.box, path.last.box) < 0.3 for path in self.paths):
                    self.paths.append(_Path(face, portrait(picture, face.points), [(place, face)]))
        self.since += 1
        if self._undecided(place):
            return
        self.chosen = self._choice(place)
        if self.chosen is not None:
            yield from self.chosen.seen
            self.chosen.seen = []
        else:
            self.paths = []

    def _undecided(self, place: int) -> bool:
        """Return whether the frame in which the face was picked may still come in this shot."""
        return self.wanted is not None and self.pick is not None and place < self.pick.frame

    def _choice(self, place: int) -> _Path | None:
        if not self.paths:
            return None
        if self.wanted is None or self.portrait is None:
            path = max(self.paths, key=lambda path: size_of(path.last.points))
            self.wanted, self.portrait = path.last, path.portrait
            return path
        if self.pick is not None and place == self.pick.frame:
            wanted = self.wanted
            path = max(self.paths, key=lambda path: shared(path.last.box, wanted.box))
            return path if shared(path.last.box, wanted.box) > 0.3 else None
        mine = self.portrait
        path = max(self.paths, key=lambda path: likeness(path.portrait, mine))
        return path if likeness(path.portrait, mine) > SAME_PERSON else None

    def _on(self, path: _Path, picture: Picture, place: int) -> bool:
        """Go on with a face in the next frame; False where it is not seen."""
        face = self.finder.again(picture, path.last.points) if path.lost < LOOK_EVERY else None
        if face is not None and not _jumped(path.last, face):
            path.last, path.lost = face, 0
            return True
        near = [
            face
            for face in self.finder.faces(picture, tiles=path.lost % LOOK_EVERY == 0)
            if not _jumped(path.last, face, path.lost + 1)
            and likeness(portrait(picture, face.points), path.portrait) > SAME_PERSON
        ]
        path.lost += 1
        if not near:
            return False
        path.last = min(near, key=lambda face: _away(path.last, _middle(face.points)))
        path.lost = 0
        return True


def portrait(picture: Picture, points: Points) -> Portrait:
    """Return how a face looks, whichever way it is turned: what its brows, eyes, nose and cheeks are like."""
    where, plane = _upper_face()
    size = size_of(points)
    step = max(1.0, size / 24)  # pixels of the picture for one that is looked at
    low, high = points[where, :2].min(0) - 2 * step, points[where, :2].max(0) + 2 * step
    left, top = np.maximum(low, 0).astype(int)
    part = picture[top : max(int(high[1]), top + 2), left : max(int(high[0]), left + 2)]
    if not part.size:
        return Portrait(np.zeros(len(where), np.float32), np.zeros(3, np.float32))
    small = (max(1, round(part.shape[1] / step)), max(1, round(part.shape[0] / step)))
    little = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
    scale = np.array([small[0] / part.shape[1], small[1] / part.shape[0]], np.float32)
    places = ((points[where, :2] - np.array([left, top], np.float32) + 0.5) * scale - 0.5).astype(np.float32)
    seen = cv2.remap(little, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colours = seen[0].astype(np.float32)
    light = np.log(colours.mean(-1) + 8)
    light -= plane @ (np.linalg.pinv(plane) @ light)
    return Portrait(
        np.asarray(light / max(float(light.std()), 0.02), np.float32), np.asarray(np.median(colours, 0), np.float32)
    )


def likeness(one: Portrait, other: Portrait) -> float:
    """Return how alike two portraits are, -1 to 1: their light and dark, less what their colours differ by."""
    light = float((one.light * other.light).mean())
    return light - float(np.abs(one.colour - other.colour).mean()) / 64


@functools.cache
def _upper_face() -> tuple[NDArray[np.intp], Floats]:
    """Return the landmarks that make a portrait, and 1, x and y of each as a face at rest has them, [N, 3]."""
    face = mesh().points
    where = np.flatnonzero((face[:, 1] > -2.5) & (np.abs(face[:, 0]) < 5.6))
    return where, np.asarray(np.column_stack([np.ones(len(where)), face[where, :2]]), np.float32)


def _wanted(clip: Clip, pick: Pick | None) -> tuple[Face, Portrait] | None:
    if pick is None:
        return None
    picture = next(clip.read(pick.frame), None)
    if picture is None:
        raise LipsError("no_face", "The video has no frame at this place.")
    face = pick_face(picture, pick)
    return face, portrait(picture, face.points)


def _with_cuts(frames: Iterator[Picture]) -> Iterator[tuple[Picture, bool]]:
    """Yield frames, each with whether a shot begins with it."""
    before: Floats | None = None
    usual = STILL_LEVELS
    for picture in frames:
        small = cv2.resize(picture, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32)
        if before is None:
            yield picture, True
        else:
            changed = float(np.abs(small - before).mean())
            cut = changed > CUT_LEVELS or (changed > CUT_LEVELS / 2 and changed > CUT_TIMES * usual)
            usual = STILL_LEVELS if cut else 0.8 * usual + 0.2 * max(changed, STILL_LEVELS)
            yield picture, cut
        before = small


def _drop_glimpses(points: Floats, scores: Floats, shots: Sequence[int]) -> None:
    """Forget the face where it is seen for less than GLIMPSE frames, and neither before nor after them in the shot."""
    edges = {0, *shots, len(points)}
    for begin, end in _runs(points, shots):
        if end - begin < GLIMPSE and not edges & {begin, end}:
            points[begin:end], scores[begin:end] = np.nan, 0


def _smoothed(points: Floats, shots: Sequence[int]) -> Floats:
    """Return the landmarks smoothed within each run of frames that show the face in one shot."""
    out = points.copy()
    for begin, end in _runs(points, shots):
        _smooth(points[begin:end], out[begin:end])
    return out


def _runs(points: Floats, shots: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where each run of frames that show the face in one shot begins, and ends before."""
    seen = np.isfinite(points[:, 0, 0])
    edges = {0, *shots, len(points), *(np.flatnonzero(seen[1:] != seen[:-1]) + 1).tolist()}
    for begin, end in itertools.pairwise(sorted(edges)):
        if seen[begin]:
            yield begin, end


def _smooth(points: Floats, out: Floats) -> None:
    """Write into `out` the parabola through each frame and those around it, at that frame."""
    count = len(points)
    size = min(SMOOTHED, count if count % 2 else count - 1)
    if size < 3:
        return
    half = size // 2
    at = np.arange(size) - half
    powers = np.stack([np.ones(size), at, at**2], 1)
    fit = powers @ np.linalg.pinv(powers)  # [place, frame]: what the parabola is at a place
    for place in range(count):
        begin = min(max(place - half, 0), count - size)
        weights = fit[place - begin].astype(np.float32)
        out[place] = np.tensordot(weights, points[begin : begin + size], 1)


def _jumped(before: Face, after: Face, frames: int = 1) -> bool:
    """Return whether a face moved or grew more than faces do in so many frames of a shot."""
    size, now = size_of(before.points), size_of(after.points)
    far = float(np.linalg.norm(np.subtract(_middle(before.points), _middle(after.points))))
    return far > 0.8 * size * frames or not 0.6**frames < now / max(size, 1e-6) < 1.6**frames


def _middle(points: Points) -> tuple[float, float]:
    x, y = points[:, :2].mean(0)
    return float(x), float(y)


def _away(face: Face, point: tuple[float, float]) -> float:
    """Return how far a place is from the middle of a face, in its longer sides."""
    left, top, right, bottom = face.box
    x, y = (left + right) / 2 - point[0], (top + bottom) / 2 - point[1]
    return float(np.hypot(x, y)) / max(right - left, bottom - top, 1e-6)
