"""The outlines of shoulders and arms, their right halves, from the neck down; cm of the picture."""

from scripts.portraits.clothes import Line

WOMAN: Line = (
    (0, -13.0),
    (5.0, -14.0),
    (7.6, -16.0),
    (12.5, -17.4),
    (16.2, -19.2),
    (18.2, -22.5),
    (19.2, -28),
    (20.2, -42),
    (0, -44),
)
MAN: Line = (
    (0, -13.0),
    (5.6, -13.4),
    (9.0, -15.6),
    (15.0, -17.2),
    (19.6, -19.0),
    (22.0, -22.6),
    (23.2, -28),
    (24.4, -42),
    (0, -44),
)
