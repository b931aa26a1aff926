"""What the presenters wear when they are less formal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.portraits.clothes import Fold, Line, Tailor, mirrored
from scripts.portraits.cuts import MAN

Array = NDArray[Any]


def hoodie(tailor: Tailor) -> None:
    """A hoodie over a T-shirt, and headphones round the neck."""
    half: Line = (
        (0, -13),
        (5.0, -13.8),
        (8.5, -15.8),
        (13.0, -17.6),
        (17.0, -19.8),
        (19.4, -23.4),
        (20.8, -29),
        (22, -42),
        (0, -44),
    )
    body = tailor.body(half)
    colour = (206, 140, 46)
    tee = [
        (5.6, -14),
        (7.5, -18),
        (7, -26),
        (-7, -26),
        (-7.5, -18),
        (-5.6, -14),
        (-3.2, -16.3),
        (0, -17.2),
        (3.2, -16.3),
    ]
    tailor.piece(
        tee,
        (44, 42, 52),
        puff=0.6,
        body=body * 0.4,
        folds=[Fold([(-4.6, -15.6), (-2.6, -17.4), (0, -18.2), (2.6, -17.4), (4.6, -15.6)], -0.3, 0.12)],
        cast=0.5,
    )
    folds = [
        Fold([(14.2, -20.5), (13.6, -27), (14.2, -36)], -1.2, 0.6),
        Fold([(16, -25), (11.5, -29)], 0.6, 0.8),
        Fold([(16.4, -28.5), (10.5, -33.5)], 0.6, 0.9),
        Fold([(18.4, -25), (17, -31), (18, -37)], -0.6, 0.7),
        Fold([(8.5, -23), (5.5, -28), (4.8, -35)], 0.6, 1.0),
        Fold([(10, -22), (9, -28)], -0.5, 0.9),
        Fold([(2.8, -26), (1.6, -33)], -0.45, 0.9),
        Fold([(12.5, -36.5), (7, -34)], -0.5, 0.8),
    ]
    folds += [Fold(mirrored([(x * 0.95, y - 0.8) for x, y in fold.line]), fold.high, fold.soft) for fold in folds]
    front = [*half[1:-1], (0, -44)]
    line = [
        (6.4, -14.4),
        *front[1:-1],
        (-22, -42),
        *mirrored(front[1:-2])[::-1],
        (-6.4, -14.4),
        (-5.2, -18.2),
        (-2.6, -21.6),
        (0, -23.2),
        (2.6, -21.6),
        (5.2, -18.2),
    ]
    fleece: dict[str, Any] = {"weave": 0.03, "fine": 0.09, "sheen": 0.5}
    tailor.piece(line, colour, body=body, folds=folds, puff=0.9, **fleece)
    for way in (-1, 1):
        arm = [(way * 16.2, -19.2), (way * 14.6, -23.5), (way * 13.9, -29), (way * 14.2, -36)]
        tailor.seam(arm, width=0.12, dark=0.55)
    for way in (1, -1):  # the hood, lying round the neck
        hood = [
            (4.4, -11.2),
            (7.2, -11.6),
            (10.0, -14.2),
            (10.6, -17.4),
            (8.2, -20.6),
            (4.6, -23.4),
            (0.9, -25.2),
            (-0.2, -24.3),
            (2.2, -21.2),
            (4.2, -17.8),
            (5.0, -14.6),
        ]
        hood = hood if way > 0 else mirrored([(x, y + 0.3) for x, y in hood])
        crease = [
            [(way * 6.0, -12.6), (way * 7.2, -16), (way * 5.4, -20), (way * 2.2, -23.4)],
            [(way * 8.0, -13.2), (way * 8.9, -16.6), (way * 7.0, -20.2)],
        ]
        tailor.piece(
            hood,
            colour,
            puff=1.7,
            cast=0.8,
            folds=[Fold(crease[0], -0.45, 0.35), Fold(crease[1], 0.45, 0.45)],
            **fleece,
        )
        cord = [(way * 2.5, -22.6), (way * 3.1, -26), (way * 2.7, -30), (way * 3.2, -34.4)]
        points = np.array(cord)
        outline = [*(points + np.array([0.22, 0])).tolist(), *(points[::-1] - np.array([0.22, 0])).tolist()]
        tailor.piece([(a, b) for a, b in outline], (232, 226, 214), puff=0.3, weave=0.03, cast=0.7)
        tailor.disc(way * 2.5, -22.4, 0.34, 0.34, (70, 60, 44), puff=0.3, gloss=0.5, cast=0.3)
    dark, metal = (36, 36, 44), (150, 152, 160)
    for way in (-1, 1):
        band = [
            (5.6, -10.9),
            (7.2, -11.6),
            (9.0, -13.6),
            (9.6, -15.6),
            (8.7, -15.9),
            (8.0, -14.2),
            (6.6, -12.6),
            (5.3, -11.9),
        ]
        tailor.piece(band if way > 0 else mirrored(band), metal, puff=0.5, gloss=0.5, weave=0.0, cast=0.6)
        tilt = way * 16
        tailor.disc(way * 8.0, -19.3, 3.0, 3.9, dark, tilt, puff=1.5, gloss=0.22, weave=0.012, cast=0.95)
        tailor.disc(way * 8.5, -19.4, 2.35, 3.2, (58, 58, 70), tilt, puff=0.7, gloss=0.4, weave=0.0, cast=0.5)
        tailor.disc(way * 8.6, -19.4, 1.7, 2.45, (226, 112, 62), tilt, puff=0.5, gloss=0.35, weave=0.0, cast=0.4)
        tailor.disc(way * 8.6, -19.4, 1.25, 1.9, (44, 44, 54), tilt, puff=0.4, gloss=0.35, weave=0.0, cast=0.3)


def cardigan(tailor: Tailor) -> None:
    """A shirt with an open collar under a knitted cardigan."""
    body = tailor.body(MAN)
    blue = (150, 172, 196)
    shirt = [
        (5.7, -12.6),
        (6.4, -15),
        (9, -18),
        (9, -44),
        (-9, -44),
        (-9, -18),
        (-6.4, -15),
        (-5.7, -12.6),
        (-3.4, -14.8),
        (-1.2, -17.8),
        (-0.1, -19.6),
        (1.2, -17.8),
        (3.4, -14.8),
    ]
    x, y = tailor.view.cm()
    checks = 1 - 0.10 * (np.sin(x * 2 * np.pi / 1.3) > 0.72) - 0.10 * (np.sin(y * 2 * np.pi / 1.3) > 0.72)
    folds = [
        Fold([(5, -20), (3.6, -26), (3.2, -33)], -0.35, 0.5),
        Fold([(-5, -20), (-4, -26), (-3, -33)], -0.35, 0.5),
        Fold([(0, -19.6), (0.3, -27), (0.2, -40)], 0.22, 0.25),
    ]
    tailor.piece(
        shirt, blue, body=body * 0.6, folds=folds, puff=0.7, weave=0.008, tone=checks.astype(np.float32), cast=0.5
    )
    for at in (-22.4, -27.2, -32.0):
        tailor.disc(0.25, at, 0.36, 0.36, (216, 212, 202), puff=0.3, gloss=0.2, cast=0.5, weave=0)
    for way in (-1, 1):
        leaf = [
            (5.9, -11.9),
            (7.0, -13.6),
            (7.3, -17.2),
            (5.8, -20.4),
            (3.6, -19.4),
            (1.6, -18.9),
            (0.5, -19.3),
            (2.0, -16.2),
            (4.2, -13.4),
        ]
        line = leaf if way > 0 else mirrored(leaf)
        tailor.piece(
            line,
            blue,
            puff=0.45,
            weave=0.006,
            cast=0.65,
            tone=checks.astype(np.float32),
            folds=[Fold([(way * 6.1, -12.7), (way * 4.2, -14.8), (way * 1.2, -18.4)], 0.3, 0.25)],
        )
    colour = (70, 84, 66)
    knit = (
        1
        + 0.16 * np.sin(x * 2 * np.pi / 0.42)
        + 0.10 * np.sin(y * 2 * np.pi / 0.30 + 1.6 * np.sin(x * 2 * np.pi / 0.42))
    )
    half = MAN
    folds = [
        Fold([(16.4, -21), (15.4, -27), (15.6, -36)], -1.2, 0.6),
        Fold([(17.5, -26), (12.5, -29)], 0.6, 0.8),
        Fold([(17.4, -29.5), (11.5, -34)], 0.6, 0.9),
        Fold([(20.5, -25), (19.5, -31), (20.4, -37)], -0.6, 0.7),
        Fold([(10.5, -22), (9.2, -29)], -0.4, 0.9),
        Fold([(8.5, -33), (12, -36.5)], 0.5, 0.8),
    ]
    folds += [Fold(mirrored([(a * 0.97, b - 0.5) for a, b in fold.line]), fold.high, fold.soft) for fold in folds]
    wool: dict[str, Any] = {"weave": 0.05, "fine": 0.12, "sheen": 0.45, "tone": knit.astype(np.float32)}
    front = list(half[1:-1])
    right = [(6.2, -12.9), *front[1:], (0.2, -44), (0.3, -37), (3.2, -29.5), (5.9, -21.5), (6.6, -16.5)]
    for line in (mirrored(right), right):
        tailor.piece(line, colour, body=body, folds=folds, puff=0.7, **wool)
    rib = (1 + 0.22 * np.sin((x * 0.35 + y) * 2 * np.pi / 0.5)).astype(np.float32)
    for way in (-1, 1):
        edge = [
            (5.9, -12.4),
            (7.4, -13.0),
            (8.9, -16.5),
            (8.5, -21.5),
            (5.9, -29.5),
            (2.7, -37),
            (2.0, -44),
            (-0.6, -44),
            (-0.2, -37.4),
            (3.2, -29.2),
            (5.9, -21.5),
            (6.5, -16.5),
        ]
        tailor.piece(
            edge if way > 0 else mirrored(edge), colour, puff=0.8, cast=0.7, weave=0.04, fine=0.1, sheen=0.4, tone=rib
        )
        arm = [(way * 18.6, -18.8), (way * 16.9, -22.5), (way * 15.9, -28), (way * 15.9, -35)]
        tailor.seam(arm, width=0.12, dark=0.5)
