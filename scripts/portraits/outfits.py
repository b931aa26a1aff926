"""What the presenters wear, piece by piece; places are in cm of the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.portraits.casual import cardigan, hoodie
from scripts.portraits.clothes import Fold, Line, Tailor, mirrored
from scripts.portraits.cuts import MAN, WOMAN
from scripts.portraits.light import Colour

Array = NDArray[Any]


def _jacket(tailor: Tailor, half: Line, colour: Colour, opening: float, deep: float, neck: float, **more: Any) -> Array:
    """Lay a jacket with notched lapels; `opening` is how wide its V is at the chest, and `deep` where it closes."""
    body = tailor.body(half)
    shoulder = half[4][0]
    folds = [
        Fold([(shoulder - 3.2, -21), (shoulder - 4.2, -27), (shoulder - 4.4, -36)], -1.3, 0.5),
        Fold([(shoulder - 2.0, -26), (shoulder - 6.5, -28.5)], 0.5, 0.7),
        Fold([(shoulder - 2.4, -29), (shoulder - 8.0, -32.5)], 0.45, 0.8),
        Fold([(shoulder - 0.5, -24), (shoulder + 1.2, -30), (shoulder + 0.6, -37)], 0.5, 0.9),
        Fold([(shoulder + 1.8, -25), (shoulder - 0.4, -31)], -0.5, 0.6),
        Fold([(7.5, -34.5), (11, -32.5), (15, -31.5)], 0.4, 0.8),
        Fold([(4.5, -36), (9.5, -35.5), (14, -35)], -0.4, 0.7),
    ]
    folds += [Fold(mirrored([(x * 0.98, y - 0.6) for x, y in fold.line]), fold.high * 0.9, fold.soft) for fold in folds]
    front = list(half[1:-1])
    right = [
        (neck, front[0][1] + 0.5),
        *front[1:],
        (0.4, -44),
        (0.3, deep),
        (opening * 0.55, (deep - 17) / 2 - 2),
        (opening * 0.95, -19),
    ]
    left = mirrored([(x, y) for x, y in right])
    left[-3] = (0.9, deep - 0.2)
    for line in (left, right):
        tailor.piece(line, colour, body=body, folds=folds, puff=0.5, **more)
    for way in (-1, 1):
        arm = [
            (way * (shoulder - 0.9), -18.6),
            (way * (shoulder - 2.4), -22),
            (way * (shoulder - 3.5), -27),
            (way * (shoulder - 3.6), -33),
        ]
        tailor.seam(arm, width=0.10, dark=0.55)
        collar = [
            (neck - 0.5, front[0][1] + 1.1),
            (neck + 1.8, front[0][1] + 0.2),
            (neck + 3.6, -18.0),
            (neck + 3.1, -19.6),
            (opening + 0.8, -18.2),
            (opening - 0.7, -17.2),
        ]
        lapel = [
            (opening - 0.9, -17.2),
            (opening + 0.9, -18.6),
            (neck + 2.5, -20.1),
            (neck + 4.7, -21.0),
            (neck + 3.4, -24.5),
            (opening * 0.9 + 1.2, -29.5),
            (1.2, deep + 1.6),
            (0.1, deep - 0.2),
            (0.9, deep + 3.5),
            (opening * 0.66, -24.5),
        ]
        if way < 0:
            lapel = [(x - (0.5 if y < deep + 4 else 0.0), y) for x, y in lapel]
        place = (lambda line: line) if way > 0 else mirrored
        soft = dict(body=body * 0.55, puff=0.45, **more)
        tailor.piece(place(collar), colour, cast=0.6, **soft)
        tailor.piece(
            place(lapel),
            colour,
            cast=0.75,
            folds=[Fold(place([(neck + 0.5, -20.5), (opening * 0.8, -28), (1, deep)]), 0.35, 0.5)],
            **soft,
        )
    return body


def blazer(tailor: Tailor) -> None:
    """A blazer over a fine jumper with a short neck."""
    body = tailor.body(WOMAN)
    ivory = (226, 214, 196)
    top = [
        (4.9, -11.8),
        (5.1, -14.2),
        (8.5, -17),
        (9, -44),
        (-9, -44),
        (-8.5, -17),
        (-5.1, -14.2),
        (-4.9, -11.8),
        (-2.6, -12.9),
        (0, -13.3),
        (2.6, -12.9),
    ]
    folds = [
        Fold([(-4.6, -13.6), (-2.4, -14.7), (0, -15.1), (2.4, -14.7), (4.6, -13.6)], -0.35, 0.16),
        Fold([(4.2, -15.5), (2.2, -17.6), (0.2, -18.2)], 0.22, 0.5),
        Fold([(-4.4, -15.3), (-2.6, -18.4), (-0.4, -19.6)], 0.22, 0.5),
        Fold([(5.2, -18.5), (3.2, -23), (2.2, -29)], -0.3, 0.8),
        Fold([(-5.2, -18.5), (-3.4, -24), (-2.4, -29)], -0.3, 0.8),
        Fold([(-2, -33), (0.2, -29), (1.2, -25)], 0.25, 0.9),
    ]
    rib = 1 + 0.10 * np.sin(tailor.view.cm()[0] * 2 * np.pi / 0.32) * np.clip((tailor.view.cm()[1] + 15.2) / 0.3, 0, 1)
    tailor.piece(
        top, ivory, body=body * 0.7, folds=folds, puff=0.9, weave=0.012, tone=rib.astype(np.float32), cast=0.55
    )
    _jacket(tailor, WOMAN, (34, 70, 82), 4.6, -33.5, 5.6, weave=0.03, fine=0.07)
    tailor.disc(0.9, -35.2, 0.62, 0.62, (30, 40, 46), puff=0.5, gloss=0.3, cast=0.8)


def suit(tailor: Tailor) -> None:
    """A suit with a shirt and a tie."""
    body = tailor.body(MAN)
    white = (222, 226, 232)
    shirt = [
        (5.6, -12.4),
        (6.4, -15),
        (8, -18),
        (8, -44),
        (-8, -44),
        (-8, -18),
        (-6.4, -15),
        (-5.6, -12.4),
        (-3, -14.6),
        (0, -15.6),
        (3, -14.6),
    ]
    folds = [
        Fold([(5, -19), (3.8, -25), (3.4, -31)], -0.35, 0.5),
        Fold([(-5, -19), (-4.2, -25), (-3.2, -31)], -0.35, 0.5),
        Fold([(4.6, -22), (2.6, -27)], 0.25, 0.5),
    ]
    tailor.piece(shirt, white, body=body * 0.6, folds=folds, puff=0.8, weave=0.006, cast=0.5)
    wine = (124, 40, 44)
    x, y = tailor.view.cm()
    stripe = (1 + 0.35 * (np.sin((x * 0.8 + y) * 2 * np.pi / 1.9) > 0.86)).astype(np.float32)
    tie = [(1.25, -17.6), (2.0, -25), (2.7, -34), (2.9, -44), (-2.6, -44), (-2.4, -34), (-1.8, -25), (-1.15, -17.6)]
    tailor.piece(
        tie,
        wine,
        puff=0.8,
        folds=[Fold([(0.1, -18), (0.5, -22), (0.4, -28)], -0.4, 0.35)],
        gloss=0.10,
        tone=stripe,
        weave=0.012,
    )
    knot = [(1.75, -15.1), (1.2, -17.6), (0.9, -18.1), (-0.8, -18.1), (-1.1, -17.6), (-1.65, -15.1), (0, -14.7)]
    tailor.piece(knot, wine, puff=0.8, gloss=0.12, tone=stripe, weave=0.012, cast=0.6)
    for way in (-1, 1):
        leaf = [
            (5.7, -11.9),
            (6.5, -13.6),
            (5.7, -17.0),
            (4.6, -19.3),
            (2.9, -17.4),
            (1.3, -15.4),
            (0.4, -14.9),
            (2.6, -14.1),
            (4.6, -12.9),
        ]
        line = leaf if way > 0 else mirrored(leaf)
        tailor.piece(
            line,
            white,
            puff=0.45,
            weave=0.005,
            cast=0.65,
            folds=[Fold([(way * 5.8, -12.6), (way * 3.4, -14.4), (way * 0.6, -15.2)], 0.25, 0.25)],
        )
    _jacket(tailor, MAN, (44, 50, 66), 5.4, -35.5, 6.2, weave=0.035, fine=0.08)
    square = [(10.2, -26.6), (11.4, -25.4), (12.6, -25.9), (14.0, -25.3), (14.4, -26.9), (14.3, -28.2), (10.4, -28.2)]
    tailor.piece(
        square,
        (214, 206, 196),
        puff=0.5,
        weave=0.006,
        cast=0.3,
        folds=[Fold([(11.4, -25.6), (11.7, -28)], -0.3, 0.15), Fold([(13, -25.7), (12.9, -28)], -0.3, 0.15)],
    )
    pocket = [(9.6, -27.8), (14.9, -27.2), (15.0, -28.5), (9.7, -29.1)]
    tailor.piece(pocket, (44, 50, 66), body=body, puff=0.3, weave=0.03, cast=0.4, smooth=False)


OUTFITS = {"blazer": blazer, "suit": suit, "hoodie": hoodie, "cardigan": cardigan}
