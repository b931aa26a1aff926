"""Draw the presenters that come with the studio: `make presenters`, or some of them by their slugs.

Nobody was looked at: the shape of the face is MediaPipe's canonical one (Apache-2.0), moved about; all else is drawn.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.portraits import sheet
from scripts.portraits.clothes import Tailor
from scripts.portraits.face import skin
from scripts.portraits.features import Face, ears
from scripts.portraits.glasses import glasses
from scripts.portraits.hair import painted
from scripts.portraits.light import Lamp, Lights, Strokes, blurred, finished, linear, noise, over, within
from scripts.portraits.outfits import OUTFITS
from scripts.portraits.rooms import ROOMS
from scripts.portraits.styles import STYLES
from scripts.portraits.surface import Build, Push, View, drawn, head, smile
from workers import presenters

SIDE, SMALL = 1920, 480
FINE = 2  # pixels that are drawn for one of a head, in each direction
WINDOW = (0.29, 0.26, 0.71, 0.86)  # of the picture: where head and hair are
CROP = (0.25, 0.235, 0.75, 0.735)  # of the picture: what the small one shows
QUALITY, SMALL_QUALITY = 94, 88
ROOT = Path(__file__).resolve().parents[1]
STATIC, DOCS = ROOT / "static" / "presenters", ROOT / "docs"

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody is drawn."""

    build: Build
    face: Face
    hair: str
    outfit: str
    room: str
    lights: Lights = field(default_factory=Lights)
    scalp: tuple[float, float, float] = (0, 0, 0)
    ears: bool = False
    glasses: bool = False
    seed: int = 1


PEOPLE = {
    "professional-woman": Person(
        Build(
            wide=0.98,
            long=0.92,
            neck=4.25,
            open=1.0,
            yaw=5,
            pitch=1.5,
            roll=-1.5,
            eyes=1.2,
            pushes=(
                *smile(1.0),
                Push((5.2, -6.0, 1.5), 2.6, (-0.55, 0.1, 0.0)),
                Push((0, -9.2, 4.2), 1.8, (-0.12, 0.25, 0.1)),
                Push((1.6, -1.0, 5.0), 1.0, (-0.22, 0.05, -0.1)),
                Push((0, -1.0, 7.0), 1.5, (0, 0.22, -0.55)),
                Push((0.8, -0.8, 6.4), 0.9, (-0.18, 0.0, 0.0)),
                Push((4.2, -6.8, 2.6), 2.0, (-0.35, 0.1, -0.1)),
                Push((0, 2.0, 5.6), 1.2, (0, 0.0, -0.15)),
                Push((0.9, 1.2, 5.2), 1.3, (-0.20, 0.0, 0.05)),
                Push((4.6, 0.2, 3.6), 1.8, (0.12, 0.1, 0.30)),
                Push((0, -3.6, 5.9), 0.9, (0, 0.10, 0.10)),
                Push((0, -5.0, 5.7), 0.9, (0, -0.12, 0.12)),
            ),
        ),
        Face(
            (214, 158, 128),
            (198, 108, 88),
            (172, 76, 74),
            (86, 62, 38),
            (74, 48, 34),
            brow_width=0.62,
            brow_lift=0.16,
            lashes=0.9,
            liner=0.5,
            gloss=0.75,
            seed=3,
        ),
        "bob",
        "blazer",
        "studio",
        Lights(rims=(Lamp((0.86, 0.30, -0.42), (1.3, 0.95, 0.6)), Lamp((-0.9, 0.2, -0.4), (0.25, 0.5, 0.6)))),
        scalp=(48, 30, 22),
        seed=11,
    ),
    "business-man": Person(
        Build(
            wide=1.0,
            long=1.0,
            neck=5.1,
            open=0.72,
            yaw=-5,
            pitch=1.0,
            roll=1.0,
            eyes=1.05,
            pushes=(
                *smile(0.9),
                Push((5.8, -6.4, 0.5), 2.4, (0.05, 0.0, 0.1)),
                Push((0, -9.2, 4.2), 2.0, (0.25, -0.1, 0.15)),
                Push((1.7, -1.1, 5.0), 1.1, (0.24, 0.0, 0.0)),
                Push((0, -0.8, 7.0), 1.4, (0, 0.0, -0.30)),
                Push((3.2, 4.6, 4.6), 1.5, (0, -0.18, 0.25)),
                Push((0, -3.6, 5.9), 1.0, (0, 0.14, 0.20)),
                Push((0, -5.0, 5.7), 1.0, (0, -0.18, 0.22)),
            ),
        ),
        Face(
            (116, 74, 52),
            (108, 58, 42),
            (112, 60, 54),
            (52, 34, 22),
            (26, 20, 18),
            brow_width=1.15,
            lashes=0.35,
            shaved=0.5,
            gloss=1.05,
            seed=5,
        ),
        "crop",
        "suit",
        "office",
        Lights(
            key=Lamp((-0.46, 0.50, 0.74), (1.9, 1.72, 1.5)),
            fill=Lamp((0.75, 0.05, 0.66), (0.36, 0.42, 0.56)),
            rims=(Lamp((0.86, 0.30, -0.42), (1.6, 0.95, 0.55)), Lamp((-0.9, 0.3, -0.4), (0.45, 0.55, 0.9))),
        ),
        scalp=(24, 19, 17),
        ears=True,
        seed=12,
    ),
    "young-creator": Person(
        Build(
            wide=0.95,
            long=0.94,
            neck=4.4,
            open=1.05,
            yaw=6,
            pitch=0.5,
            roll=2.5,
            eyes=1.18,
            pushes=(
                *smile(1.25),
                Push((5.2, -6.0, 1.5), 2.6, (-0.40, 0.15, 0.0)),
                Push((1.6, -1.0, 5.0), 1.0, (-0.08, 0.05, -0.1)),
                Push((0, -1.0, 7.0), 1.5, (0, 0.22, -0.45)),
                Push((0, 1.5, 5.8), 1.2, (0, 0.0, -0.2)),
                Push((0.9, 1.2, 5.2), 1.3, (-0.16, 0.0, 0.05)),
                Push((4.4, -0.6, 3.8), 1.9, (0.15, 0.1, 0.35)),
                Push((0, -3.6, 5.9), 0.9, (0, 0.14, 0.14)),
                Push((0, -5.0, 5.7), 0.9, (0, -0.16, 0.16)),
            ),
        ),
        Face(
            (178, 122, 90),
            (172, 84, 62),
            (158, 76, 70),
            (88, 58, 30),
            (44, 28, 20),
            brow_width=0.95,
            brow_lift=0.1,
            lashes=0.8,
            liner=0.25,
            gloss=0.8,
            freckles=0.5,
            seed=8,
        ),
        "curls",
        "hoodie",
        "bedroom",
        Lights(
            key=Lamp((-0.46, 0.50, 0.74), (1.6, 1.42, 1.3)),
            fill=Lamp((0.75, 0.0, 0.66), (0.30, 0.36, 0.60)),
            rims=(Lamp((0.86, 0.25, -0.42), (0.25, 0.75, 1.6)), Lamp((-0.9, 0.25, -0.4), (1.1, 0.24, 0.75))),
            above=(0.34, 0.30, 0.40),
            below=(0.18, 0.11, 0.16),
        ),
        scalp=(40, 24, 18),
        seed=13,
    ),
    "senior-presenter": Person(
        Build(
            wide=0.98,
            long=1.02,
            neck=5.2,
            open=0.62,
            yaw=-4,
            pitch=2.0,
            roll=-1.0,
            eyes=1.05,
            pushes=(
                *smile(0.8),
                Push((5.6, -6.6, 0.8), 2.2, (0.2, -0.15, 0.1)),
                Push((1.7, -1.1, 5.0), 1.1, (0.10, -0.05, 0.0)),
                Push((0, -0.9, 7.2), 1.2, (0, -0.12, 0.10)),
                Push((3.2, 4.4, 4.6), 1.4, (0, -0.25, 0.2)),
                Push((4.7, -0.6, 3.6), 1.6, (0.0, -0.1, 0.25)),
            ),
        ),
        Face(
            (212, 160, 134),
            (196, 112, 92),
            (164, 92, 84),
            (88, 112, 122),
            (150, 146, 142),
            brow_width=1.2,
            lashes=0.25,
            age=0.9,
            shaved=0.55,
            gloss=0.7,
            seed=9,
        ),
        "combed",
        "cardigan",
        "library",
        Lights(rims=(Lamp((0.86, 0.30, -0.42), (1.7, 1.05, 0.55)), Lamp((-0.9, 0.3, -0.4), (0.3, 0.34, 0.4)))),
        scalp=(150, 120, 104),
        ears=True,
        glasses=True,
        seed=14,
    ),
}


def picture(person: Person, side: int = SIDE, fine: int = FINE) -> Array:
    """Return a portrait, uint8 RGB [side, side, 3]."""
    canvas = ROOMS[person.room](side)
    whole = View(side, person.build)
    near = View(side * fine, person.build, WINDOW)
    surface = head(person.build)
    seen = drawn(surface, near)
    solid = _solid(seen.mask)
    for_hair = replace(seen, mask=solid, place=np.where(seen.mask[..., None], seen.place, np.float32(3.0)))
    groups = [
        painted(near, strands, person.lights, for_hair, person.seed)
        for strands in STYLES[person.hair](surface, person.seed)
    ]
    over_head = groups[0][1].cover
    moved = cv2.warpAffine(over_head, np.array([[1, 0, 0.45 * near.unit], [0, 1, 0.75 * near.unit]]), near.shape[::-1])
    shade = 1 - 0.62 * np.clip(blurred(moved, 0.35, near.unit), 0, 1)
    under = np.zeros((*near.shape, 3), np.float32)
    cover = np.zeros(near.shape, np.float32)
    if person.ears:
        cover = ears(under, near, surface, person.face, person.lights)
    skin(under, near, surface, seen, person.face, person.lights, shade)
    root = blurred(over_head, 0.22, near.unit) * solid
    over(under, under * 0.25 + linear(person.scalp) * 0.35, np.clip(root * 1.25 - 0.15, 0, 1))
    inner = np.clip(blurred(groups[0][0].cover + over_head, 0.45, near.unit) * 2.2 - 1.0, 0, 1)
    dark = np.broadcast_to(linear(person.scalp) * 0.5, under.shape)
    _lay(canvas, whole, _reduced(np.dstack([dark, inner]), fine))  # no wall is seen through the hair
    _lay(canvas, whole, _reduced(_linear(groups[0][0]), fine))
    cover = np.maximum(cover, solid)
    under = np.where((cover > 0.9)[..., None], under, within(under, cover > 0.9, 0.03, near.unit))
    _lay(canvas, whole, _reduced(np.dstack([under, blurred(cover, 0.016, near.unit)]), fine))
    jaw = np.clip((whole.cm()[1] + 21) / 9, 0, 1) * np.exp(-(((whole.cm()[0] - 1) / 9) ** 2))
    OUTFITS[person.outfit](
        Tailor(
            canvas,
            whole,
            person.lights,
            (1 - 0.55 * jaw) * np.clip(1.12 + (whole.cm()[1] + 16) / 42, 0.35, 1.12),
            person.seed,
        )
    )
    for _, before in groups:
        _lay(canvas, whole, _reduced(_linear(before), fine))
    if person.glasses:
        left, top = (round(each * side) for each in WINDOW[:2])
        part = canvas[top : top + near.shape[0] // fine, left : left + near.shape[1] // fine]
        large = cv2.resize(part, near.shape[::-1], interpolation=cv2.INTER_NEAREST)
        glasses(large, near, surface)
        part[:] = cv2.resize(large, part.shape[1::-1], interpolation=cv2.INTER_AREA)
    return _graded(canvas, person.seed)


def _solid(mask: Array) -> Array:
    """Return a mask without its holes."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    out = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(out, outlines, -1, 1, -1)
    return out > 0


def _linear(strokes: Strokes) -> Array:
    cover = strokes.cover
    colour = linear(np.clip(strokes.drawn[..., :3] / np.maximum(cover, 1e-3)[..., None], 0, 255))
    return np.dstack([colour, cover])


def _reduced(layer: Array, fine: int) -> Array:
    """Return a layer [H, W, 4] of linear light and cover in the size of the picture, its light times its cover."""
    layer = layer.astype(np.float32)
    layer[..., :3] *= layer[..., 3:]
    size = round(layer.shape[1] / fine), round(layer.shape[0] / fine)
    return np.asarray(cv2.resize(layer, size, interpolation=cv2.INTER_AREA))


def _lay(canvas: Array, view: View, layer: Array) -> None:
    left, top = round(WINDOW[0] * view.side), round(WINDOW[1] * view.side)
    part = canvas[top : top + layer.shape[0], left : left + layer.shape[1]]
    part *= 1 - layer[..., 3:]
    part += layer[..., :3]


def _graded(canvas: Array, seed: int) -> Array:
    """Return a canvas as a picture: a little darker to its edges, and with a grain."""
    side = canvas.shape[0]
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    canvas = canvas * (1 - 0.26 * np.clip(np.hypot(x, y) - 0.35, 0, 1) ** 1.5)[..., None]
    out = finished(canvas)
    out = out + 1.6 * noise((side, side), 1.6, seed + 90, 1)[..., None]
    return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slugs", nargs="*", default=[each.slug for each in presenters.PRESENTERS])
    parser.add_argument("--quick", type=Path, help="draw them quickly, as PNG files in this folder, to look at")
    parser.add_argument("--fine", type=int, default=1, help="pixels drawn for one of them, in each direction")
    parser.add_argument("--shown", action="store_true", help="only write static/presenters/whole anew")
    parser.add_argument("--sheets", action="store_true", help="only write docs/presenters-<slug>.webp anew")
    asked = parser.parse_args(arguments)
    for slug in asked.slugs:
        if asked.sheets:
            sheet.write(slug, DOCS / f"presenters-{slug}.webp")
        elif asked.shown:
            sheet.whole(slug, STATIC / "whole" / f"{slug}.webp")
        elif asked.quick:
            asked.quick.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(PEOPLE[slug], SIDE, asked.fine)).save(asked.quick / f"{slug}.png")
        else:
            drawn_of = Image.fromarray(picture(PEOPLE[slug]))
            drawn_of.save(presenters.path(slug), quality=QUALITY, method=6)
            box = tuple(round(each * SIDE) for each in CROP)
            small = drawn_of.crop(box).resize((SMALL, SMALL), Image.Resampling.LANCZOS)  # type: ignore[arg-type]
            (STATIC / "whole").mkdir(parents=True, exist_ok=True)
            small.save(STATIC / f"{slug}.webp", quality=SMALL_QUALITY, method=6)
            sheet.whole(slug, STATIC / "whole" / f"{slug}.webp")
            sheet.write(slug, DOCS / f"presenters-{slug}.webp")
        print(slug, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
