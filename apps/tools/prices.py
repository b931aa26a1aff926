"""What everything costs: one table of rates, and the one function that reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Unit(StrEnum):
    """What a rate is for."""

    SECOND = "second"  # of film or sound
    CHARACTERS = "150 characters"
    PICTURE = "picture"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Rate:
    """Whole credits for one unit."""

    credits: int
    unit: Unit


ANY = ""  # the row of a kind of work for every tier that has none of its own

# By the kind of work and the tier of the model that does it. A second of film is as many frames as the model makes for
# one at its own rate, and a rate holds for recommended settings: what takes more passes costs as much more.
TABLE: Mapping[tuple[str, str], Rate] = {
    ("video", "embedded"): Rate(2, Unit.SECOND),
    ("video", "1.3B-540P"): Rate(10, Unit.SECOND),
    ("video", "14B-540P"): Rate(25, Unit.SECOND),
    ("video", "14B-720P"): Rate(50, Unit.SECOND),
    ("upscale", ANY): Rate(1, Unit.SECOND),
    ("voice", "offline"): Rate(1, Unit.CHARACTERS),
    ("voice", "elevenlabs"): Rate(2, Unit.CHARACTERS),
    ("image", "embedded"): Rate(1, Unit.PICTURE),
    ("image", ANY): Rate(10, Unit.PICTURE),
    ("lip-sync", ANY): Rate(5, Unit.SECOND),
    ("avatar", ANY): Rate(5, Unit.SECOND),
    ("writing", ANY): Rate(5, Unit.TEXT),
}


def rate(work: str, tier: str = ANY) -> Rate:
    """Return the rate of a kind of work by a tier of models. Raises KeyError where the table has none."""
    return TABLE.get((work, tier)) or TABLE[work, ANY]


def whole(credits: Fraction | float) -> int:
    """Return a price in whole credits: rounded up, and at least 1."""
    return max(1, math.ceil(credits))
