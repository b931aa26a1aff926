"""A request for one picture. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_SEED = 2**31 - 1
MAX_LINKS = 8  # in the noise of a variation of a variation of …
LINK = re.compile(r"(\d{1,10})(?:@(\d{1,3}))?")


class NoiseError(ValueError):
    """A text names no noise."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What a picture begins with: the noise of the first seed, and then, for each link, a part of the way to another's.

    `links` are (seed, per cent). As text it is "7" for the noise of seed 7, and "7 12@30" for what lies 30 % of the way
    from there to that of seed 12.
    """

    seed: int
    links: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Noise:
        """Read a noise. Raises NoiseError."""
        found = [LINK.fullmatch(word) for word in text.split()]
        if not found or len(found) > MAX_LINKS + 1:
            raise NoiseError(text)
        parts = [(int(match[1]), match[2]) for match in found if match]
        if len(parts) < len(found) or parts[0][1] or any(not percent for _, percent in parts[1:]):
            raise NoiseError(text)
        links = tuple((seed, int(percent)) for seed, percent in parts[1:])
        if any(seed > MAX_SEED for seed, _ in parts) or any(not 0 < percent <= 100 for _, percent in links):
            raise NoiseError(text)
        return cls(parts[0][0], links)

    def __str__(self) -> str:
        return " ".join([str(self.seed), *(f"{seed}@{percent}" for seed, percent in self.links)])

    def towards(self, seed: int, percent: int) -> Noise:
        """Return the noise that lies so far on the way to that of another seed. Of many links the first is let go."""
        if len(self.links) >= MAX_LINKS:
            # What the first links did is hardly seen any more; a recipe names what was made, so it stays true.
            return Noise(self.seed, (*self.links[1:], (seed, percent)))
        return Noise(self.seed, (*self.links, (seed, percent)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything that decides a picture. Sides are in pixels; `guidance_scale` is counted as `ImageCard` says."""

    model: str
    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    steps: int
    guidance_scale: float
    noise: Noise
