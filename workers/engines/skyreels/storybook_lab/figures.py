"""The figures: flat and rounded, facing right, feet or keel at the origin, a grown-up about 105 units tall."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from .pen import CREAM, INK, Pen, Point, mix, shade
from .world import CHILDREN, COLOURS, CYCLE, PEOPLE, PETS, RGB, SHAPES

SKIN: dict[str, RGB] = {
    "dark": (250, 210, 180),
    "brown": (232, 180, 138),
    "blond": (252, 216, 188),
    "curly": (156, 104, 74),
}
HAIR: dict[str, RGB] = {"dark": (58, 42, 46), "brown": (134, 80, 46), "blond": (238, 188, 96), "curly": (44, 36, 46)}
TROUSERS: RGB = (62, 70, 108)
SCALE: dict[str, float] = {
    **dict.fromkeys(PEOPLE, 1.22),
    "man": 1.28,
    "cat": 1.3,
    "dog": 1.2,
    "balloon": 0.95,
    "boat": 1.05,
}
CANVAS: tuple[float, float, Point] = (190, 160, (95, 142))  # units of a sprite: width, height, origin
TINT: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.90, 0.86),
    "night": (0.85, 0.86, 1.0),
}
SHADOWS: dict[str, int] = {"car": 66, "dog": 34, "cat": 30, "girl": 19, "boy": 19, "woman": 24, "man": 24}


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles in radians, forwards positive: of the far limb, then the near one, each at its root and at its joint."""

    legs: tuple[Point, Point] = ((0.0, 0.02), (0.0, 0.02))
    arms: tuple[Point, Point] = ((-0.16, 0.18), (0.20, 0.25))
    turn: float = 0.0


def pose_of(action: str, turn: float) -> Pose:
    """Pose of a person at the angle ``turn`` of an action's cycle."""
    if action in ("left", "right"):
        legs = [(0.40 * math.sin(a), 0.85 * max(0.0, math.cos(a)) + 0.06) for a in (turn, turn + math.pi)]
        arms = [(-0.45 * math.sin(a), 0.45) for a in (turn, turn + math.pi)]
        return Pose((legs[0], legs[1]), (arms[0], arms[1]), turn)
    if action == "jump":
        up, low = max(0.0, math.sin(turn)), max(0.0, -math.sin(turn))
        bent = 0.5 * low + 0.22 * up
        return Pose(
            ((bent - 0.2 * up, 2 * bent), (bent + 0.1 * up, 2 * bent)),
            ((-0.3 - 2.0 * up, 0.2), (0.3 + 2.0 * up, 0.2)),
            turn,
        )
    if action == "sit":
        return Pose(((1.42, 1.46), (1.30, 1.36)), ((0.55, 0.9), (0.75, 0.9)), turn)
    if action == "wave":
        return Pose(arms=((-0.16, 0.18), (1.85, 0.35 + 0.4 * math.sin(turn))), turn=turn)
    return Pose(turn=turn)


def _bones(root: Point, angles: Point, upper: float, lower: float) -> list[Point]:
    """Root, joint and end of a limb that hangs from ``root``; the second angle bends legs back, negative ones forth."""
    swing, bend = angles
    joint = root[0] + upper * math.sin(swing), root[1] - upper * math.cos(swing)
    return [root, joint, (joint[0] + lower * math.sin(swing - bend), joint[1] - lower * math.cos(swing - bend))]


class _Person:
    """Draws a woman, a man, a girl or a boy in three-quarter view."""

    def __init__(self, pen: Pen, kind: str, cloth: RGB, look: str, action: str, turn: float) -> None:
        self.pen, self.kind, self.cloth, self.action = pen, kind, cloth, action
        self.skin, self.hair, self.curly = SKIN[look], HAIR[look], look == "curly"
        self.child, self.dress = kind in CHILDREN, kind in ("woman", "girl")
        self.s = 0.76 if self.child else 1.0
        self.pose, self.sits = pose_of(action, turn), action == "sit"
        self.walks = action in ("left", "right")
        apart = 1.5 if self.walks else 3.4
        self.legs = [_bones((x, 46), angles, 22, 22) for x, angles in zip((-apart, apart), self.pose.legs, strict=True)]
        # The lowest foot stands on the ground: knees that bend lower the body.
        self.dy = 2 - min(leg[-1][1] for leg in self.legs)
        self.head, self.r = ((2.0, 93.0), 18.0) if self.child else ((2.0, 91.0), 14.6)

    def _q(self, points: list[Point]) -> list[Point]:
        return [(x * self.s, (y + self.dy) * self.s) for x, y in points]

    def _limb(self, points: list[Point], width: float, ink: RGB) -> None:
        self.pen.limb(self._q(points), width * self.s, ink)

    def _blob(self, points: list[Point], ink: RGB) -> None:
        self.pen.blob(self._q(points), ink)

    def _dot(self, x: float, y: float, r: float, ink: RGB, tall: float | None = None) -> None:
        ((x, y),) = self._q([(x, y)])
        self.pen.dot(x, y, r * self.s, ink, None if tall is None else tall * self.s)

    def paint(self) -> None:
        """From the farthest part to the nearest."""
        if self.sits:
            self._stool()
        if self.dress:
            self._long_hair()
        self._arm(0, True)
        self._leg(0, True)
        if not self.dress or self.sits:
            self._leg(1, False)
        self._limb([(0.5, 70), (self.head[0] - 0.5, self.head[1] - self.r * 0.6)], 7, shade(self.skin, -0.14))
        if self.dress:
            self._gown()
        else:
            self._shirt()
        self._face()
        self._hair()
        self._arm(1, False)

    def _stool(self) -> None:
        wood, top = (176, 122, 84), 39 + self.dy
        for x in (-14, 12):
            self.pen.limb([(x * self.s, top * self.s), (x * 1.15 * self.s, 1)], 4 * self.s, shade(wood, -0.3))
        self.pen.box(-20 * self.s, (top - 3) * self.s, 18 * self.s, (top + 2.5) * self.s, wood, 2)

    def _leg(self, i: int, far: bool) -> None:
        points, wide = self.legs[i], 6.6 if self.dress else 8.2
        bare = self.dress or self.child
        cover = self.skin if bare else TROUSERS
        self._limb(points, wide, shade(cover, -0.16) if far else cover)
        if self.child and not self.dress:
            self._limb([points[0], points[1]], wide + 2.8, shade(TROUSERS, -0.14 if far else 0))
        self._shoe(points[-1], far)

    def _shoe(self, at: Point, far: bool) -> None:
        x, y = at
        shoe = shade((120, 62, 56) if self.dress else (70, 52, 58), -0.15 if far else 0.0)
        self._blob([(x - 4.6, y - 2), (x - 4, y + 3.4), (x + 3, y + 3), (x + 9, y - 0.2), (x + 8.5, y - 2.2)], shoe)

    def _arm(self, i: int, far: bool) -> None:
        swing, bend = self.pose.arms[i]
        shoulder = ((-6.5, 6.5)[i] * (0.35 if self.walks else 1.0), 70.0)
        _, elbow, hand = _bones(shoulder, (swing, -bend), 14.5, 14)
        skin = shade(self.skin, -0.14) if far else self.skin
        self._limb([elbow, hand], 5.4, skin)
        self._dot(*hand, 3.6, skin)
        sleeve = shade(self.cloth, -0.34 if far else -0.2)
        half = (shoulder[0] + elbow[0]) / 2, (shoulder[1] + elbow[1]) / 2
        self._limb([shoulder, half if self.dress or self.child else elbow], 7.6, sleeve)
        if self.kind == "man":
            cuff = elbow[0] * 0.35 + hand[0] * 0.65, elbow[1] * 0.35 + hand[1] * 0.65
            self._limb([elbow, cuff], 6.8, sleeve)

    def _gown(self) -> None:
        cloth, dark = self.cloth, shade(self.cloth, -0.22)
        if self.sits:
            lap = [(-8, 75), (8.5, 75), (8, 60), (24, 52), (26, 41), (14, 38), (-9, 38), (-10, 48), (-7.5, 60)]
            self._blob([(float(x), float(y)) for x, y in lap], cloth)
        else:
            out = 3.0 * math.sin(2 * self.pose.turn) if self.walks else 0.0
            _, knee, foot = self.legs[1]
            self._limb([(knee[0], knee[1]), foot], 6.6, self.skin)
            self._shoe(foot, False)
            top: list[Point] = [(-7, 75.5), (7.5, 75.5), (8.5, 66), (7.5, 57)]
            hem: list[Point] = [(14, 40), (18.5 + out, 26), (8, 22.5), (-8, 22.5), (-17.5 - out, 26), (-13, 40)]
            self._blob([*top, *hem, (-7.5, 57), (-8.2, 66)], cloth)
        self._limb([(-7, 57), (7, 57)], 3, dark)
        self._limb([(-2, 75.5), (1, 73.5), (4.5, 75.5)], 1.8, shade(cloth, 0.6))

    def _shirt(self) -> None:
        cloth = self.cloth
        body = [(-9.5, 75), (0, 77), (10, 75), (12, 66), (10.5, 50), (10, 43.5), (-9.5, 43.5), (-10, 50), (-11.5, 66)]
        self._blob([(float(x), float(y)) for x, y in body], cloth)
        if self.child:
            self._limb([(-9.5, 58), (10, 58)], 4.5, shade(cloth, 0.6 if cloth[2] < 200 else -0.2))
        else:
            self._limb([(-8.8, 44.5), (9.4, 44.5)], 3, shade(TROUSERS, -0.25))
            self.pen.poly(self._q([(-1, 76.5), (7, 76.5), (3.2, 68.5)]), shade(cloth, 0.65))

    def _face(self) -> None:
        (x, y), r, skin = self.head, self.r, self.skin
        self._dot(x - 0.5, y, r, skin)
        if not self.dress:
            self._dot(x - r * 0.62, y - 1, 2.6, shade(skin, -0.12))
        blush = mix(skin, (236, 92, 92), 0.34)
        self._dot(x - r * 0.16, y - r * 0.36, r * 0.18, blush, r * 0.14)
        self._dot(x + r * 0.76, y - r * 0.34, r * 0.12, blush, r * 0.13)
        big = 1.15 if self.child else 1.0
        for ex, wide in ((x + r * 0.08, 1.85), (x + r * 0.60, 1.6)):
            self._dot(ex, y - 0.2, wide * big, INK, 2.5 * big)
            self._dot(ex + 0.6, y + 0.9, 0.62 * big, CREAM)
            arch = ((-2.0, 5.0), (-0.6, 5.7), (0.8, 5.7), (2.0, 5.1))
            self._limb([(ex + dx, y + dy * big) for dx, dy in arch], 0.9, mix(self.hair, skin, 0.4))
        self._limb([(x + r * 0.40, y - r * 0.14), (x + r * 0.46, y - r * 0.22)], 1.5, mix(skin, (196, 90, 80), 0.35))
        bow = [math.pi * (1.1 + 0.16 * i) for i in range(6)]
        smile = [(x + r * (0.35 + 0.22 * math.cos(a)), y - r * (0.38 - 0.17 * math.sin(a))) for a in bow]
        self._limb(smile, 1.2, mix(skin, (150, 40, 50), 0.75))

    def _long_hair(self) -> None:
        (x, y), hair = self.head, shade(self.hair, -0.1)
        sway = 1.6 * math.sin(self.pose.turn) if self.walks else 0.0
        if self.kind == "girl":  # two bunches
            for bx, far in ((x - 19, False), (x + 17, True)):
                tip = bx - sway
                bunch = [(bx - 3, y + 2), (bx + 4, y + 3), (tip + 6, y - 12), (tip, y - 24), (tip - 6, y - 12)]
                self._blob([(float(a), float(b)) for a, b in bunch], shade(hair, -0.15) if far else hair)
                self._dot(bx + (2 if bx < x else -2), y + 1, 3, shade(self.cloth, 0.15))
            return
        back = [(x - 14.8, y + 4), (x - 17.5, y - 9), (x - 17.5 - sway, y - 25), (x - 7 - sway, y - 30)]
        self._blob([*back, (x + 5, y - 19), (x + 10, y + 3), (x, y + 13)], hair)

    def _hair(self) -> None:
        (x, y), r = self.head, self.r
        top = y + r
        if self.dress:  # parted over the brow
            cap = [(x - r - 1.6, y - 7), (x - r - 1.9, y + 5), (x - 6, top + 2), (x + 6, top + 1.4)]
            cap += [(x + r - 0.2, y + r * 0.36), (x + r * 0.5, y + r * 0.56), (x - r * 0.28, y + r * 0.42)]
            self._blob([*cap, (x - r * 0.62, y - r * 0.1), (x - r * 0.72, y - 8)], self.hair)
        elif self.child:
            cap = [(x - r - 0.8, y - 4), (x - r, y + 8), (x - 4, top + 2), (x + 7, top + 2), (x + r - 0.4, y + 7)]
            self._blob([*cap, (x + 7, y + 9.5), (x - 3, y + 8), (x - r * 0.66, y + 2)], self.hair)
            self._blob([(x + 1, top - 1), (x + 5, top + 5), (x + 10, top - 2)], self.hair)
        else:
            cap = [(x - r - 0.6, y - 4), (x - r - 0.4, y + 6), (x - 4, top + 1.8), (x + 7, top + 2)]
            self._blob([*cap, (x + r, y + 6.5), (x + 6, y + 8), (x - 3, y + 7), (x - r * 0.7, y - 2)], self.hair)
        if self.curly:
            for i in range(7):
                a = math.pi * (0.12 + 0.14 * i)
                self._dot(x - 0.5 + (r + 0.6) * math.cos(a), y + (r + 0.6) * math.sin(a), r * 0.34, self.hair)


def _person(pen: Pen, kind: str, cloth: RGB, look: str, action: str, turn: float) -> None:
    _Person(pen, kind, cloth, look, action, turn).paint()


def _pet(pen: Pen, kind: str, fur: RGB, look: str, action: str, turn: float) -> None:
    dog, dark, light = kind == "dog", shade(fur, -0.24), shade(fur, 0.62)
    wag = math.sin(turn) * (0.4 if dog else 0.22)
    if action == "sit":
        _sitting(pen, dog, fur, wag)
        hx, hy = 8.0, 60.0
    else:
        tall, wide = (30.0, 8.0) if dog else (24.0, 7.2)
        walks, up, low = action in ("left", "right"), 0.0, 0.0
        if action == "jump":
            up, low = max(0.0, math.sin(turn)), max(0.0, -math.sin(turn))
        y = tall - 5 * low + (0.8 * abs(math.cos(turn)) if walks else 0.0)
        back = 14.0 + 26 * wag if not dog else 12 * wag
        tail = [(-24, y + 6), (-35, y + 14), (-38 + back / 2, y + 30), (-31 + back, y + 40)]
        if dog:
            tail = [(-26, y + 8), (-36, y + 18), (-38 + back, y + 28)]
        pen.limb([(float(a), b) for a, b in tail], 6.0, dark)

        def leg(x: float, angle: float, far: bool) -> None:
            swing, bend = (0.4 * math.sin(angle), 0.6 * max(0.0, math.cos(angle))) if walks else (0.0, 0.0)
            if action == "jump":
                swing, bend = (0.8 if x > 0 else -0.7) * up, 0.9 * low
                swing += 0.45 * low
            ink = dark if far else fur
            points = _bones((x, y + 3), (swing, bend), tall / 2, tall / 2)
            pen.limb(points, wide, ink)
            paw = ink if dog else dark if far else light
            pen.dot(points[-1][0] + 1.8, points[-1][1] - 0.8, wide * 0.68, paw, wide * 0.44)

        leg(-17, turn + math.pi, True)
        leg(21, turn, True)
        h = 10 if dog else 9
        trunk = [(-27, 4), (-24, h + 4), (-6, h + 3), (14, h + 5), (27, h + 2), (27, -3), (14, -6), (-6, -4), (-22, -5)]
        pen.blob([(float(a), y + b) for a, b in trunk], fur)
        pen.blob([(12, y - 4), (26, y + 4), (27, y - 3), (18, y - 7)], light)
        if not dog:
            for x in (-14, -4, 6):
                pen.limb([(x, y + h + 2.5), (x + 1, y + h - 4)], 3, dark)
        leg(-19, turn, False)
        leg(19, turn + math.pi, False)
        hx, hy = (31.0, y + 25) if dog else (28.0, y + 19)
        pen.limb([(22, y + 6), (hx - 3, hy - 5)], 13 if dog else 11, fur)
    (_dog_head if dog else _cat_head)(pen, fur, hx, hy)


def _sitting(pen: Pen, dog: bool, fur: RGB, wag: float) -> None:
    dark, wide = shade(fur, -0.24), 8.0 if dog else 7.2
    tail: list[Point] = [(-17, 8), (-30, 10 + 8 * wag), (-36, 20 + 16 * wag), (-32, 30 + 14 * wag)]
    if dog:
        tail = [(-18, 9), (-30, 18), (-34, 28 + 14 * wag)]
    pen.limb(tail, 6, dark)
    pen.blob([(-20, 1), (-23, 14), (-14, 34), (-2, 50), (12, 52), (16, 40), (15, 18), (15, 1)], fur)
    pen.limb([(3, 26), (4, 3)], wide - 1, dark)
    pen.limb([(10, 30), (12, 3)], wide, fur)
    pen.blob([(-20, 0), (-20, 14), (-8, 19), (2, 10), (4, 0)], shade(fur, -0.1))
    pen.dot(0, 2.6, 5.5, dark, 2.8)
    pen.dot(13.5, 2.6, 5, shade(fur, 0.25), 2.8)
    pen.blob([(8, 46), (15, 44), (16, 32), (12, 26), (8, 34)], shade(fur, 0.62))


def _eye(pen: Pen, fur: RGB, x: float, y: float, r: float) -> None:
    if sum(fur) < 260:  # ink does not show on black fur
        pen.dot(x, y, r + 1.1, (236, 226, 150), r + 1.4)
    pen.dot(x, y, r, INK, r + 0.6)
    pen.dot(x + 0.6, y + 1, 0.6, CREAM)


def _dog_head(pen: Pen, fur: RGB, x: float, y: float) -> None:
    light = shade(fur, 0.62)
    pen.dot(x, y, 11.5, fur, 10.8)
    pen.blob([(x + 4, y + 4), (x + 17, y + 0.5), (x + 19.5, y - 4), (x + 15, y - 8.5), (x + 3, y - 9.5)], light)
    pen.dot(x + 18, y - 1, 3.1, INK, 2.6)
    pen.limb([(x + 10, y - 6.2), (x + 13, y - 6.8), (x + 16, y - 5)], 1.2, shade(fur, -0.5))
    _eye(pen, fur, x + 5.2, y + 2.8, 2.1)
    ear = [(x - 8, y + 11), (x - 2, y + 9), (x - 1, y - 2), (x - 4, y - 11), (x - 10.5, y - 9), (x - 12, y + 3)]
    pen.blob(ear, shade(fur, -0.36))
    red = fur[0] < 190 or fur[1] > 150
    pen.limb([(x - 10, y - 11), (x + 4, y - 13)], 3.8, (216, 66, 66) if red else (54, 104, 208))
    pen.dot(x - 1, y - 16, 2.4, (252, 208, 84))


def _cat_head(pen: Pen, fur: RGB, x: float, y: float) -> None:
    dark, light = shade(fur, -0.24), shade(fur, 0.62)
    pen.poly([(x - 10, y + 3), (x - 9, y + 18), (x + 0.5, y + 8.5)], dark)
    pen.poly([(x + 1.5, y + 8.5), (x + 9, y + 18), (x + 10.5, y + 3)], fur)
    pen.poly([(x + 4, y + 9), (x + 8, y + 14.5), (x + 8.8, y + 6)], (244, 158, 160))
    pen.dot(x, y, 12.6, fur, 11.2)
    pen.dot(x + 5.5, y - 4.5, 6.4, light, 4.8)
    _eye(pen, fur, x + 0.5, y + 1.5, 2.0)
    _eye(pen, fur, x + 8.6, y + 1.5, 1.8)
    pen.poly([(x + 4.6, y - 2), (x + 8, y - 2), (x + 6.3, y - 4.2)], (232, 110, 122))
    for dy in (-3.4, -6.0):
        pen.limb([(x + 12, y + dy), (x + 18, y + dy * 1.3 + 1.5)], 0.7, shade(fur, 0.4 if sum(fur) < 260 else -0.3))


def _bird(pen: Pen, kind: str, colour: RGB, look: str, action: str, turn: float) -> None:
    a = math.sin(turn)
    dark, light = shade(colour, -0.25), shade(colour, 0.65)
    pen.blob([(2, 4), (-10, 6), (-16, 8 + 27 * a), (-5, 10 + 33 * a), (10, 10 + 6 * a)], shade(colour, -0.42))
    pen.blob([(-16, 2), (-38, 9), (-43, 3), (-36, -1), (-40, -6), (-20, -5)], dark)
    pen.blob([(-24, 0), (-8, 9), (12, 11), (25, 8), (28, 0), (16, -9), (-4, -11), (-18, -6)], colour)
    pen.blob([(-10, -6), (8, -3), (24, -1), (15, -9), (-2, -11)], light)
    pen.dot(23, 7, 10, colour)
    pen.poly([(31, 9.5), (43, 5), (31, 2.5)], (250, 174, 60))
    pen.dot(27, 9, 2.2, INK)
    pen.dot(27.7, 9.8, 0.7, CREAM)
    pen.blob([(8, 4), (-8, 5), (-22, 6 + 26 * a), (-12, 9 + 36 * a), (6, 9 + 10 * a)], dark)
    pen.blob([(5, 5), (-6, 6), (-12, 8 + 20 * a), (-5, 9 + 22 * a)], shade(colour, -0.08))


def _balloon(pen: Pen, kind: str, colour: RGB, look: str, action: str, turn: float) -> None:
    pen.limb([(-9, 20), (-17, 44)], 1.2, INK)
    pen.limb([(9, 20), (17, 44)], 1.2, INK)
    body: list[Point] = [
        (-11, 38), (-32, 66), (-38, 90), (-24, 117), (0, 126), (24, 117), (38, 90), (32, 66), (11, 38)
    ]  # fmt: skip
    pen.blob(body, colour)
    pen.blob([(x * 0.62, y) for x, y in body], CREAM if colour[2] < 225 else (244, 190, 120))
    pen.blob([(x * 0.27, y) for x, y in body], colour)
    pen.blob([(-11, 38), (-32, 66), (-38, 90), (-24, 117), (-34, 88), (-26, 62)], shade(colour, -0.2))
    pen.box(-12, 36, 12, 41, shade(colour, -0.3), 2)
    pen.box(-11, 4, 11, 21, (170, 112, 72), 4)
    pen.box(-12.5, 17, 12.5, 21.5, (204, 148, 98), 2)
    for y in (9, 13):
        pen.limb([(-9, y), (9, y)], 1, (140, 88, 58))


def _boat(pen: Pen, kind: str, colour: RGB, look: str, action: str, turn: float) -> None:
    pen.limb([(2, 10), (2, 116)], 3.4, (130, 84, 60))
    pen.blob([(6, 110), (16, 88), (34, 62), (50, 36), (28, 33), (6, 34)], CREAM)
    pen.blob([(6, 110), (9, 84), (8, 58), (6, 34), (14, 34), (16, 62)], shade(CREAM, -0.12))
    pen.blob([(-1, 104), (-12, 78), (-28, 56), (-42, 38), (-20, 35), (-1, 35)], shade(colour, 0.2))
    pen.poly([(2, 118), (2, 128), (-14, 122)], colour)
    pen.blob([(-56, 26), (-20, 24), (24, 24), (64, 30), (54, 12), (42, 0), (-38, 0), (-50, 12)], colour)
    pen.blob([(-53, 22), (-20, 18), (24, 18), (60, 25), (62, 30), (24, 25), (-20, 25), (-56, 27)], CREAM)
    pen.blob([(-46, 9), (0, 6), (50, 10), (42, -2), (-38, -2)], shade(colour, -0.3))
    for x in (-24, -4, 16):
        pen.dot(x, 13.5, 3, shade(colour, -0.42))
        pen.dot(x, 13.5, 1.9, (255, 226, 150))


def _car(pen: Pen, kind: str, colour: RGB, look: str, action: str, turn: float) -> None:
    turn = turn if action != "stand" else 0.6
    dark, glass = shade(colour, -0.26), (190, 226, 236)
    pen.blob([(-40, 28), (-32, 50), (-22, 57), (10, 57), (22, 50), (38, 28)], colour)
    pen.blob([(-33, 30), (-27, 47), (-19, 52), (-4, 52), (-4, 30)], glass)
    pen.blob([(1, 30), (1, 52), (9, 52), (17, 47), (29, 30)], glass)
    pen.poly([(6, 52), (12, 51), (3, 31), (1, 31), (1, 40)], (226, 244, 246))
    body = [(-66, 14), (-66, 26), (-58, 33), (-36, 34), (34, 34), (58, 30), (68, 22), (68, 12), (60, 9), (-60, 9)]
    pen.blob([(float(x), float(y)) for x, y in body], colour)
    pen.blob([(-66, 15), (0, 16), (68, 14), (67, 10), (0, 8), (-64, 10)], dark)
    pen.limb([(-2, 31), (-2, 17)], 1.3, dark)
    pen.limb([(5, 26), (11, 26)], 2, shade(colour, 0.6))
    pen.dot(64, 22.5, 4, (255, 240, 176), 4.4)
    pen.box(-68, 20, -63, 27, (240, 92, 76), 2)
    for x in (-38, 40):
        pen.dot(x, 11, 15.5, dark)
        pen.dot(x, 11, 13, (48, 46, 58))
        pen.dot(x, 11, 7, (214, 212, 214))
        for i in range(3):
            a = -turn + i * 2 * math.pi / 3
            pen.limb([(x, 11), (x + 5.4 * math.cos(a), 11 + 5.4 * math.sin(a))], 2, (120, 120, 134))
        pen.dot(x, 11, 2, (90, 90, 106))


def _shape(pen: Pen, kind: str, colour: RGB, look: str, action: str, turn: float) -> None:
    y, r = 42.0, 36.0
    if kind == "circle":
        pen.dot(0, y, r * 0.95, colour)
    elif kind == "ring":
        pen.dot(0, y, r * 1.05, colour)
        pen.dot(0, y, r * 0.52, (0, 0, 0, 0))
    elif kind == "square":
        pen.box(-r * 0.86, y - r * 0.86, r * 0.86, y + r * 0.86, colour, 4)
    elif kind == "triangle":
        pen.poly([(-1.08 * r, y - 0.86 * r), (1.08 * r, y - 0.86 * r), (0, y + 1.05 * r)], colour)
    elif kind == "star":
        tips = [(math.pi * (0.5 + 0.2 * i), r * (1.18, 0.55)[i % 2]) for i in range(10)]
        pen.poly([(a * math.cos(t), y + a * math.sin(t)) for t, a in tips], colour)
    else:
        half = [(0, -0.95), (0.5, -0.45), (0.98, 0.12), (0.92, 0.66), (0.5, 0.88), (0.14, 0.66), (0, 0.45)]
        right = [(r * a, y + r * b) for a, b in half]
        pen.poly([*_smooth(right), *[(-a, b) for a, b in reversed(_smooth(right))]], colour)


def _smooth(points: list[Point]) -> list[Point]:
    """An open line with its corners cut twice (Chaikin); the ends stay."""
    for _ in range(3):
        cut = [points[0]]
        for (a, b), (c, d) in itertools.pairwise(points):
            cut += [(0.75 * a + 0.25 * c, 0.75 * b + 0.25 * d), (0.25 * a + 0.75 * c, 0.25 * b + 0.75 * d)]
        points = [*cut, points[-1]]
    return points


_DRAW: dict[str, Callable[[Pen, str, RGB, str, str, float], None]] = {
    **dict.fromkeys(PEOPLE, _person),
    **dict.fromkeys(PETS, _pet),
    "bird": _bird,
    "balloon": _balloon,
    "boat": _boat,
    "car": _car,
    **dict.fromkeys(SHAPES, _shape),
}


def held(frame: int) -> int:
    """The frame whose pose is shown: poses change every second frame, so that a latent frame holds two."""
    return (frame + 1) // 2 * 2 % CYCLE


@functools.lru_cache(maxsize=4000)
def sprite(
    figure: str, colour: str, look: str, action: str, pose: int, light: str, mirrored: bool, scale: float = 1.0
) -> tuple[Image.Image, int, int]:
    """A figure in one pose of :func:`held`, and how far its origin lies from the left and from the top.

    Only what is not transparent is kept.
    """
    width, height, origin = CANVAS
    pen = Pen(width, height, origin, SCALE.get(figure, 1.0) * scale)
    _DRAW[figure](pen, figure, COLOURS[colour], look, action, 2 * math.pi * pose / CYCLE)
    image = pen.finished()
    x, y = (round(v * SCALE.get(figure, 1.0) * scale) for v in origin)
    if mirrored:
        image, x = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.width - x
    if light != "day":
        *channels, alpha = image.split()
        dimmed = [c.point([round(v * f) for v in range(256)]) for c, f in zip(channels, TINT[light], strict=True)]
        image = Image.merge("RGBA", [*dimmed, alpha])
    left, top, right, bottom = image.getbbox() or (0, 0, 1, 1)
    return image.crop((left, top, right, bottom)), x - left, y - top
