"""The models that make pictures, as rows of the catalogue. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from workers.engines.skyreels import cards as films
from workers.prompts.styles import STYLES, words_of
from workers.weights import catalog
from workers.weights.card import DIFFUSERS_LAYOUT, WeightCard

QUALITY, LOW, HIGH = 70, 30, 100  # of a picture: what is recommended, the least and the most
WITHOUT = 1.0  # the guidance at which the prompt is asked for alone
APACHE = "https://www.apache.org/licenses/LICENSE-2.0"
# By ratio, about a megapixel; sides divide by 16: the VAE halves three times, and patches are 2 x 2.
MEGAPIXEL = {"1:1": (1024, 1024), "16:9": (1280, 720), "9:16": (720, 1280), "4:3": (1152, 864)}
STILLS = (
    "A lighthouse on a black cliff above a stormy sea, its beam cutting through the rain, seen from far away",
    "A portrait of an old clockmaker with round glasses, warm lamplight, brass gears out of focus behind her",
    "A fox asleep in fresh snow under a birch, soft morning light, seen from above",
    "A small blue house between two tall grey towers, flat evening light, one lit window",
    "A bowl of ripe figs on a linen cloth, side light, shallow depth of field",
    "An empty night train with green seats, neon signs passing behind the windows",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCard(WeightCard):
    """A model that makes pictures, and what it can be told.

    `sizes` maps a ratio such as "16:9" to (width, height) in pixels. `fewest` and `most` are the sampler steps of the
    lowest and the highest quality. `guidance_scale` is counted as most models count it: at 1 the prompt is asked for
    alone, in one pass a step, and above it in two. A `distilled` model has no guidance and no negative prompt.
    `tier` is what its pictures are priced by.
    """

    kind: ClassVar[str] = "image"
    makes: ClassVar[str] = "pictures"
    layout: ClassVar[tuple[str, ...]] = (*DIFFUSERS_LAYOUT, "tokenizer/*.jinja")

    sizes: dict[str, tuple[int, int]]
    fewest: int
    most: int
    guidance_scale: float = WITHOUT
    distilled: bool = False
    tier: str = ""
    good_for: str = ""
    examples: tuple[str, ...] = STILLS

    @property
    def recommended(self) -> str:
        """What it is good for."""
        return self.good_for

    @property
    def ratios(self) -> tuple[str, ...]:
        """The aspect ratios that it is offered in, the usual one first."""
        return tuple(self.sizes)

    @property
    def looks(self) -> tuple[str, ...]:
        """The looks whose words the model knows, by their keys; one without words is among them."""
        return tuple(key for key in STYLES if not self.unknown_words(words_of(key, still=True)))

    @property
    def ignores(self) -> tuple[str, ...]:
        """The parameters that this model takes no notice of."""
        return ("quality", "negative_prompt", "guidance_scale") if self.distilled else ()

    def steps(self, quality: int) -> int:
        """Return the sampler steps of a quality from LOW to HIGH."""
        return self.fewest + round((quality - LOW) / (HIGH - LOW) * (self.most - self.fewest))

    def passes(self, quality: int, guidance_scale: float | None = None) -> int:
        """Return how often the model is asked for one picture."""
        guided = (self.guidance_scale if guidance_scale is None else guidance_scale) > WITHOUT
        return self.steps(quality) * (2 if guided else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineCard(ImageCard):
    """A model that one of diffusers' pipelines runs.

    `offset` is what the pipeline's own guidance is less than ours: Z-Image computes `pos + g * (pos - neg)` for every
    g above 0, where others compute `neg + g * (pos - neg)`, so that its 4 is others' 5, and its 1 is no "off".
    """

    engine: ClassVar[str] = "workers.engines.image.engine:Painter"
    checker: ClassVar[str] = "workers.engines.image.check:check"

    pipeline: str
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCard(ImageCard):
    """A video model that makes a film of one frame. It has no files of its own: they are those of the model `of`."""

    engine: ClassVar[str] = "workers.engines.image.frame:FramePainter"

    @property
    def builtin(self) -> Path | None:
        """The folder of the model, where that ships with this software."""
        return catalog.get(self.of).builtin

    def folder(self) -> Path | None:
        """Return the local folder with the model's weights, None when they are not on this machine."""
        return catalog.get(self.of).folder()


def frame_of(film: films.ModelCard) -> FrameCard:
    """Return the row of a video model as one that makes pictures."""
    stills = film.world.get("stills", {})
    return FrameCard(
        id=f"{film.id}-image",
        of=film.id,
        title=f"{film.title} - one frame",
        sizes={"1:1": film.sizes["1:1"], **film.sizes}
        | {ratio: (int(width), int(height)) for ratio, (width, height) in stills.get("sizes", {}).items()},
        fewest=10 if film.embedded else 20,
        most=24 if film.embedded else film.steps,
        guidance_scale=film.guidance_scale,
        tier=film.tier,
        licence=film.licence,
        licence_url=film.licence_url,
        parameters=film.parameters,
        examples=tuple(stills.get("examples", STILLS)),
        limits=str(stills.get("limits", "")),
        words=film.words,
        good_for="First frames in the video model's own look.",
    )


# Films by words alone are enough: what begins with a picture needs one.
catalog.add(*(frame_of(card) for card in films.all() if card.released and card.variant in ("df", "t2v")))
catalog.add(
    PipelineCard(
        id="Z-Image",
        title="Z-Image",
        pipeline="ZImagePipeline",
        repo="Tongyi-MAI/Z-Image",
        licence="Apache-2.0",
        licence_url=APACHE,
        disk_gb=33.0,
        parameters="6B",
        sizes=MEGAPIXEL,
        fewest=28,
        most=50,
        guidance_scale=5.0,
        offset=1.0,
        good_for="Every look, long prompts, and negative prompts.",
    ),
    PipelineCard(
        id="Z-Image-Turbo",
        title="Z-Image Turbo",
        pipeline="ZImagePipeline",
        repo="Tongyi-MAI/Z-Image-Turbo",
        licence="Apache-2.0",
        licence_url=APACHE,
        disk_gb=33.0,
        parameters="6B",
        sizes=MEGAPIXEL,
        fewest=8,
        most=8,
        offset=1.0,
        distilled=True,
        good_for="Drafts: a tenth of the time, photographic by nature.",
    ),
    PipelineCard(
        id="FLUX.2-klein-4B",
        title="FLUX.2 klein 4B",
        pipeline="Flux2KleinPipeline",
        repo="black-forest-labs/FLUX.2-klein-4B",
        licence="Apache-2.0",
        licence_url=APACHE,
        disk_gb=16.0,
        parameters="4B",
        sizes=MEGAPIXEL,
        fewest=4,
        most=4,
        distilled=True,
        good_for="The quickest one; the smallest on a card.",
    ),
)


def all() -> tuple[ImageCard, ...]:
    """Return every model that makes pictures, the embedded one first."""
    return catalog.all_of(ImageCard)


def get(model: str) -> ImageCard:
    """Return the card of one model; raises KeyError for an id that has none."""
    return catalog.get_of(model, ImageCard)
