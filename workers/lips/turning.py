"""A head that turns: its layer moves as a solid body with depth, gives way along the neck, and leaves the wall alone.

Where each pixel of a frame comes from is worked out on a coarse grid and refined by OpenCV, which costs milliseconds.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.lips.base import Picture
from workers.lips.figure import LEFT_EAR, RIGHT_EAR, Figure, Head
from workers.lips.shape import MESH_POINTS, OVAL

CELLS = 22  # of the grid in a distance between the eyes' outer corners
RIM = 0.12  # how far behind the ears the outline of a head is, in these distances
AXIS = 0.10  # how far behind that it turns
NECK, SHORT = 0.95, 0.4  # how long the way is on which a neck gives way, and at least
ROUNDS = 4  # in which the way back is found
BROWS = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
IRISES = (468, 473)  # their middles
EYE, FARTHEST = 0.10, 0.022  # how far an iris goes aside for a radian, and at most
RAISED = 0.045  # how far a raised brow goes up

Floats = NDArray[np.float32]


class Turn(NamedTuple):
    """How a head stands: angles in radians, moves in distances between the eyes' outer corners; see `acting.Acts`."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    lean: float = 0.0
    breath: float = 0.0
    brow: float = 0.0


class Turner:
    """Moves the figure of one portrait."""

    def __init__(self, figure: Figure, head: Head) -> None:
        """Measure how near each place of the head is, and what goes with what."""
        self.figure, self.head = figure, head
        self.height, self.width = figure.share.shape
        self.step = step = max(3, round(head.size / CELLS))
        columns, rows = math.ceil(self.width / step) + 1, math.ceil(self.height / step) + 1
        x, y = np.meshgrid(np.arange(columns, dtype=np.float64) * step, np.arange(rows, dtype=np.float64) * step)
        self._x, self._y = x, y
        self._grid = np.stack([x, y], -1).astype(np.float32)
        ears = head.points[[RIGHT_EAR, LEFT_EAR]].astype(np.float64).mean(0)
        self.depth = _depth(head, x, y)
        rim = float(ears[2]) + RIM * head.size
        across, down = head.seen(x, y)
        size, chin = head.size, head.chin
        # A neck that the picture cuts off has given way at its edge.
        neck = float(np.clip((self.height - head.eyes[1] - chin) / size, SHORT, NECK)) * size
        free = 1 - _smooth((down - chin + 0.08 * size) / neck)
        # Beside the neck are shoulders: the lower, the nearer.
        beside = 1.10 - 0.70 * _smooth((down - chin + 0.4 * size) / (1.1 * size))
        aside = 1 - _smooth((np.abs(across) / size - beside) / 0.8) * _smooth((down - chin + 0.9 * size) / (1.2 * size))
        self._head = free * aside
        # It turns on its neck, which is below the ears and behind them.
        below = ears[:2] + 0.45 * size * head.down
        self._axis = np.array([below[0], below[1], rim + AXIS * size])
        shoulders = min(head.eyes[1] + chin + 0.9 * size, self.height - 1.0)
        self._body = _smooth((self.height - y) / max(self.height - shoulders, 0.5 * size))
        self._brows = _brows(head, across, down)
        self._irises = _irises(head, x, y)
        self._box = self._bounds()
        left, top, right, bottom = self._box
        columns_, rows_ = np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)
        self._places = np.ascontiguousarray(np.stack(np.meshgrid(columns_, rows_), -1))
        self._wall = np.ascontiguousarray(figure.wall[top:bottom, left:right])

    def turned(self, front: Picture, turn: Turn) -> Picture:
        """Return the portrait, uint8 RGB [H, W, 3], with the figure of the layer `front` as it is asked to stand."""
        left, top, right, bottom = self._box
        ways = self._back(turn)
        step = self.step
        onto = np.array([[step, 0, -left], [0, step, -top]], np.float32)
        fine = cv2.warpAffine(ways, onto, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        places = self._places + fine
        seen = _taken(front, places, cv2.INTER_CUBIC)
        share = _taken(self.figure.share, places, cv2.INTER_LINEAR) * np.float32(1 / 255)
        out = self.figure.wall.copy()
        out[top:bottom, left:right] = cv2.blendLinear(seen, self._wall, share, 1 - share)
        return out

    def forward(self, turn: Turn) -> Floats:
        """Return by how many pixels each place of the grid moves, [rows, columns, 2]."""
        size = self.head.size
        x, y, z = (self._x - self._axis[0], self._y - self._axis[1], self.depth - self._axis[2])
        (a, b, c), (d, e, f), _ = rotation(turn.yaw, turn.pitch, turn.roll)
        by_x = self._head * (a * x + b * y + c * z - x + turn.x * size)
        by_y = self._head * (d * x + e * y + f * z - y + turn.y * size)
        by_x += self._body * turn.lean * size
        by_y -= self._body * turn.breath * size
        # Eyes that look at somebody keep doing so.
        aside = float(np.clip(turn.yaw * EYE, -FARTHEST, FARTHEST)) * size
        by_x -= self._irises * aside * self.head.across[0]
        by_y -= self._irises * aside * self.head.across[1]
        if turn.brow:
            by_x -= self._brows * turn.brow * RAISED * size * self.head.down[0]
            by_y -= self._brows * turn.brow * RAISED * size * self.head.down[1]
        return np.stack([by_x, by_y], -1).astype(np.float32)

    def _back(self, turn: Turn) -> Floats:
        """Return how far what is seen at each place of the grid has come, [rows, columns, 2], negative."""
        ways = self.forward(turn)
        found = -ways
        for _ in range(ROUNDS):
            at = (self._grid + found) / np.float32(self.step)
            found = -_taken(ways, at, cv2.INTER_LINEAR)
        return found

    def _bounds(self) -> tuple[int, int, int, int]:
        """Return the left, top, right and bottom edge of where the figure may be seen."""
        rows, columns = np.flatnonzero(self.figure.share.any(1)), np.flatnonzero(self.figure.share.any(0))
        if not len(rows):
            return 0, 0, self.width, self.height
        reach = round(0.6 * self.head.size)
        return (
            max(0, int(columns[0]) - reach), max(0, int(rows[0]) - reach),
            min(self.width, int(columns[-1]) + 1 + reach), min(self.height, int(rows[-1]) + 1 + reach),
        )  # fmt: skip


def _taken(picture: NDArray[Any], places: Floats, how: int) -> NDArray[Any]:
    """Return what a picture has at places [h, w, 2]; what is beyond its edge goes on as the edge is."""
    nothing: Any = None  # the places are in one array, which OpenCV's types do not know
    return np.asarray(cv2.remap(picture, places, nothing, how, borderMode=cv2.BORDER_REPLICATE))


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Return the matrix that turns places (x right, y down, z away): the face to the right, down, and clockwise."""
    about_y = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def _depth(head: Head, x: NDArray[np.float64], y: NDArray[np.float64]) -> Floats:
    """Return how far away each place is, in pixels as landmarks have it: a face, and a round head around it."""
    size = head.size
    points = head.points[:MESH_POINTS].astype(np.float64)
    ears = float(points[[RIGHT_EAR, LEFT_EAR], 2].mean())
    rim = ears + RIM * size
    oval = np.zeros(x.shape, np.uint8)
    step = float(x[0, 1] - x[0, 0])
    cv2.fillPoly(oval, [np.round(points[list(OVAL), :2] / step).astype(np.int32)], 1)
    depth = np.full(x.shape, rim)
    rows, columns = np.nonzero(oval)
    away = np.square(x[rows, columns][:, None] - points[:, 0]) + np.square(y[rows, columns][:, None] - points[:, 1])
    weights = np.exp(-away / (2 * (0.07 * size) ** 2)) + 1e-9
    depth[rows, columns] = (weights @ points[:, 2]) / weights.sum(1)
    # From the face to the outline: as a skin that is spanned between them.
    across, down = head.seen(x, y)
    skull = np.hypot(across / (1.3 * size), (down - (head.chin + head.top) / 2) / (head.chin - head.top)) < 1
    between = skull & (oval == 0)
    for _ in range(160):
        soft = cv2.blur(depth, (3, 3))
        depth[between] = soft[between]
    return np.asarray(cv2.GaussianBlur(depth, (0, 0), max(0.8, 0.06 * size / step)), np.float32)


def _irises(head: Head, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each place goes with the irises, 0 to 1."""
    out = np.zeros(x.shape)
    for at in IRISES:
        away = np.hypot(x - head.points[at, 0], y - head.points[at, 1]) / (0.10 * head.size)
        out = np.maximum(out, np.exp(-(away**4)))
    return out


def _brows(head: Head, across: NDArray[np.float64], down: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each place goes with raised brows, 0 to 1."""
    size = head.size
    out = np.zeros(across.shape)
    for brow in BROWS:
        u, v = (along.mean() for along in head.seen(*head.points[list(brow), :2].astype(np.float64).T))
        above = np.where(down < v, 0.34, 0.10) * size
        out = np.maximum(out, np.exp(-(((across - u) / (0.34 * size)) ** 4) - ((down - v) / above) ** 2))
    return out


def _smooth(value: NDArray[np.float64]) -> NDArray[np.float64]:
    value = np.clip(value, 0, 1)
    return np.asarray(value * value * (3 - 2 * value))
