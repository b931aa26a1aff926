"""Presenters who come with the studio, for talking avatars: drawn by `scripts/presenters.py`, so they are nobody.

Each has a portrait beside this module, 1920 x 1920, of which the middle 1920 x 1080, the middle 1080 x 1920 and the
whole are framed head and shoulders; a small square for pages at static/presenters/<slug>.webp; and the whole, small, at
static/presenters/whole/<slug>.webp.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Presenter:
    """Somebody who presents: a title and a line about them, the slug of the voice that fits, and the `alt` text of
    the portrait."""

    slug: str
    title: str
    about: str
    voice: str
    alt: str


PRESENTERS = (
    Presenter(
        "professional-woman",
        "Professional woman",
        "Calm and clear: announcements, training, news.",
        "rachel",
        "A woman in her thirties with shoulder-length dark hair and a blazer, in a studio.",
    ),
    Presenter(
        "business-man",
        "Business man",
        "Confident and warm: results, pitches, welcomes.",
        "drew",
        "A man in his forties with short black hair, a suit and a tie, in an office above a city in the evening.",
    ),
    Presenter(
        "young-creator",
        "Young creator",
        "Lively and close: reviews, shorts, how-tos.",
        "bella",
        "A young woman with curly hair, a hoodie and headphones round the neck, in a room with coloured lights.",
    ),
    Presenter(
        "senior-presenter",
        "Senior presenter",
        "Measured and kind: stories, history, lessons.",
        "george",
        "A man in his sixties with grey hair, a short beard and glasses, in a library.",
    ),
)


def get(slug: str) -> Presenter:
    """Return a presenter. Raises KeyError for a slug that does not exist."""
    return {presenter.slug: presenter for presenter in PRESENTERS}[slug]


def path(slug: str) -> Path:
    """Return the portrait of a presenter, a WebP. Raises KeyError for a slug that does not exist."""
    return Path(__file__).with_name(f"{get(slug).slug}.webp")
