"""Looks that a user can choose: words added to the prompt, shown on the page and in the recipe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """A look: its title, and the words that ask a model for it. Its picture is static/looks/<key>.webp.

    `still` are the words for a picture, where those for a film speak of what moves.
    """

    title: str
    words: str = ""
    still: str = ""


STYLES: dict[str, Look] = {
    "realistic": Look("Realistic"),
    "cinematic": Look("Cinematic", "cinematic lighting, shallow depth of field, film grain"),
    "animated": Look("Animated", "animated film, clean lines, vivid colours"),
    "anime": Look("Anime", "anime, cel shading, painted sky, expressive light"),
    "noir": Look("Noir", "film noir, black and white, hard shadows, high contrast"),
    "vintage": Look("Vintage", "vintage film of the 1970s, faded warm colours, soft focus, light leaks"),
    "documentary": Look(
        "Documentary",
        "documentary footage, handheld camera, natural light, muted colours",
        still="documentary photograph, natural light, muted colours",
    ),
    "watercolour": Look("Watercolour", "watercolour painting, soft washes of colour, visible paper"),
    "artistic": Look("Artistic", "oil painting, expressive brush strokes, bold colour, painterly light"),
    "abstract": Look("Abstract", "abstract composition, geometric shapes, flat fields of colour"),
    "sketch": Look("Sketch", "pencil drawing on paper, hatching, monochrome"),
    "render": Look("3D render", "3D render, soft studio light, smooth rounded forms, clean materials"),
}


def words_of(style: str, still: bool = False) -> str:
    """The words of a look, those for a picture where `still`. Raises KeyError for a style that does not exist."""
    look = STYLES[style]
    return (look.still if still else "") or look.words


def styled(prompt: str, style: str, still: bool = False) -> str:
    """The prompt as the model gets it, for a picture where `still`. Raises KeyError for a style that does not exist."""
    words = words_of(style, still)
    return f"{prompt}, {words}" if words else prompt
