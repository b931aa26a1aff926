"""The models of SkyReels-V2 (https://github.com/SkyworkAI/SkyReels-V2) and the embedded ones. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from workers.base import Sentence
from workers.prompts.styles import STYLES
from workers.weights import catalog
from workers.weights.card import WeightCard

DEFAULT_ID = "nano"  # the embedded model that makes films where none is chosen
NANO = Path(__file__).parent / "nano"
STORYBOOK = Path(__file__).parent / "storybook"
SKYWORK_LICENCE = "Skywork Community License"
SKYWORK_LICENCE_URL = "https://github.com/SkyworkAI/SkyReels-V2/blob/main/LICENSE.txt"

# What the makers' scripts always tell the model to avoid; it comes from Wan, on which SkyReels-V2 was trained. The
# script for diffusion forcing says it in Chinese, the other one in English.
NEGATIVE_PROMPT_FORCING = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，"
    "静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
NEGATIVE_PROMPT = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall "
    "gray, worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, "
    "poorly drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three "
    "legs, many people in the background, walking backwards"
)

# Prompts to begin with, one subject, one move and one light each. With a picture the prompt says what moves in it.
EXAMPLES_OF_WORDS = (
    "A graceful white swan with a curved neck swims on a still lake at dawn, its reflection rippling, mist "
    "drifting over the water, slow tracking shot",
    "An old fisherman in a yellow raincoat steers his small boat through heavy rain, waves breaking over the bow,"
    " low angle, stormy grey light",
    "A red vintage car drives along a coastal road at golden hour, dust rising behind it, the sea glittering "
    "below, aerial shot that follows it",
    "A young woman turns her head and smiles in a night market, paper lanterns glowing out of focus behind her, "
    "close-up, warm light",
    "A lone astronaut walks across a red desert towards a distant tower, long shadows, wind lifting the sand, "
    "wide shot",
    "A barista pours steamed milk into a cup, a leaf forming in the foam, steam curling up, macro shot, soft "
    "morning light",
)
EXAMPLES_OF_PICTURES = (
    "The person in the picture turns to the camera and smiles, hair moving in a light breeze, the camera stays still",
    "The camera pushes in slowly while clouds drift across the sky and the light turns golden",
    "The water begins to flow, ripples spread and leaves float by, calm and steady",
    "The subject walks forward towards the camera, clothes swaying, people in the background pass by",
    "Snow starts to fall, smoke rises from the chimneys and the lights in the windows flicker on",
    "The camera circles the subject to the right, the background slides past, soft afternoon light",
)

# How to write a prompt, with words to take.
TIPS = (
    Sentence("Be specific: name one subject and where it is."),
    Sentence("Say how it moves with a verb: {words}.", words="glides, turns, rises, runs"),
    Sentence("Choose a style instead of describing one."),
    Sentence("Name the mood or the light: {words}.", words="calm, stormy, golden hour"),
)
TIPS_OF_NANO = (
    Sentence("Name one shape and its colour: {words}.", words="a red heart, a golden ball"),
    Sentence("Say how it moves: {words}.", words="moves right, bounces, grows, spins"),
    Sentence("Say where it is: {words}.", words="over the sea, at sunset, in the night sky"),
)
TIPS_OF_STORYBOOK = (
    Sentence("Name one figure or two, and a colour: {words}.", words="a girl in a yellow dress, a white dog"),
    Sentence("Say what it does: {words}.", words="walks to the left, waves, jumps, sits"),
    Sentence("Say where it is, and at which hour: {words}.", words="at the beach, in the forest, at sunset, at night"),
)

Variant = Literal["df", "t2v", "i2v", "camera"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard(WeightCard):
    """A video model: what it is, and the values its makers recommend for it.

    `sizes` maps a ratio such as "16:9" to (width, height) in pixels; frames are counted at `fps`. `picture` has the
    values that are recommended instead where a film begins with a picture or leads up to one.
    """

    kind: ClassVar[str] = "video"
    engine: ClassVar[str] = "workers.engines.skyreels.engine:SkyReelsEngine"
    makes: ClassVar[str] = "films"
    checker: ClassVar[str] = "workers.engines.skyreels.check:check_card"

    variant: Variant
    resolution: str  # "540P" | "720P" | the id of an embedded model
    sizes: dict[str, tuple[int, int]]
    fps: int
    base_num_frames: int
    overlap_history: int
    steps: int
    guidance_scale: float
    shift: float
    addnoise_condition: int
    picture: dict[str, float] = field(default_factory=dict)
    negative_prompt: str = ""
    overlap: Literal["latent", "reencode"] = "latent"
    max_sequence_length: int = 512
    max_num_frames: int = 1457
    examples: tuple[str, ...] = ()
    tips: tuple[Sentence, ...] = TIPS
    embedded: Path | None = None  # the folder of a model that ships with this software
    world: dict[str, Any] = field(default_factory=dict)  # what an embedded model says of itself: its world.json
    # Whether things stay where they are when a frame is shown anew; else only its colours are taken.
    holds_places: bool = True
    asynchronous_block: int = 5  # latents of a block where ar_step is not 0 and nothing else is asked for
    # TeaCache's polynomials, the highest power first, without and with retained steps; empty: none was fitted.
    teacache: tuple[float, ...] = ()
    teacache_retained: tuple[float, ...] = ()

    @property
    def teacache_warning(self) -> str:
        """A warning shown before this model reuses steps (TeaCache); may be empty."""
        if self.variant == "df":
            warning = "The makers say that TeaCache and diffusion forcing do not go together: the picture may suffer."
        else:
            warning = ""
        if not self.teacache:
            warning += " No polynomial was fitted for this model: changes count as they are."
        return warning.strip()

    @property
    def looks(self) -> tuple[str, ...]:
        """The looks whose words the model knows, by their keys; one without words is among them."""
        return tuple(key for key, look in STYLES.items() if not self.unknown_words(look.words))

    @property
    def long(self) -> bool:
        """True when the model goes on past one window: diffusion forcing models do."""
        return self.variant == "df"

    @property
    def tier(self) -> str:
        """What its films are priced by: "embedded", "1.3B-540P", "14B-720P"."""
        return "embedded" if self.embedded else f"{self.parameters}-{self.resolution}"

    @property
    def ratios(self) -> tuple[str, ...]:
        """The aspect ratios this model is offered in, the widest use first."""
        return tuple(self.sizes)

    @property
    def builtin(self) -> Path | None:
        """The folder of an embedded model."""
        return self.embedded

    @property
    def recommended(self) -> str:
        """The first size and the length of one window."""
        width, height = next(iter(self.sizes.values()))
        return f"{width} × {height}, {self.base_num_frames} frames"


_SIZES_540 = {"16:9": (960, 544), "9:16": (544, 960), "1:1": (544, 544), "4:3": (720, 544)}
_SIZES_720 = {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (720, 720), "4:3": (960, 720)}

# id, released, download size in GB: transformer, UMT5-XXL text encoder (11.4 in bfloat16) and VAE (0.5 in float32).
_ROWS: tuple[tuple[str, bool, float], ...] = (
    ("SkyReels-V2-DF-1.3B-540P", True, 14.7),
    ("SkyReels-V2-DF-5B-540P", False, 0.0),
    ("SkyReels-V2-DF-5B-720P", False, 0.0),
    ("SkyReels-V2-DF-14B-540P", True, 40.4),
    ("SkyReels-V2-DF-14B-720P", True, 40.4),
    ("SkyReels-V2-T2V-1.3B-540P", False, 0.0),
    ("SkyReels-V2-T2V-5B-540P", False, 0.0),
    ("SkyReels-V2-T2V-5B-720P", False, 0.0),
    ("SkyReels-V2-T2V-14B-540P", True, 40.4),
    ("SkyReels-V2-T2V-14B-720P", True, 40.4),
    ("SkyReels-V2-I2V-1.3B-540P", True, 17.3),
    ("SkyReels-V2-I2V-5B-540P", False, 0.0),
    ("SkyReels-V2-I2V-5B-720P", False, 0.0),
    ("SkyReels-V2-I2V-14B-540P", True, 47.0),
    ("SkyReels-V2-I2V-14B-720P", True, 47.0),
    ("SkyReels-V2-CameraDirector-5B-540P", False, 0.0),
    ("SkyReels-V2-CameraDirector-5B-720P", False, 0.0),
    ("SkyReels-V2-CameraDirector-14B-720P", False, 0.0),
)
_VARIANTS: dict[str, tuple[Variant, str]] = {
    "DF": ("df", "Diffusion forcing"),
    "T2V": ("t2v", "Text to video"),
    "I2V": ("i2v", "Image to video"),
    "CameraDirector": ("camera", "Camera director"),
}

# Without and with retained steps, as the makers have them in transformer.py (`initialize_teacache`). They go by size
# for words and diffusion forcing, and by resolution for pictures; the 5B models, unreleased, have none.
_TEACACHE: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "1.3B": (
        (2.39676752e03, -1.31110545e03, 2.01331979e02, -8.29855975e00, 1.37887774e-01),
        (-5.21862437e04, 9.23041404e03, -5.28275948e02, 1.36987616e01, -4.99875664e-02),
    ),
    "14B": (
        (-5784.54975374, 5449.50911966, -1811.16591783, 256.27178429, -13.02252404),
        (-3.03318725e05, 4.90537029e04, -2.65530556e03, 5.87365115e01, -3.15583525e-01),
    ),
    "540P": (
        (-3.02331670e02, 2.23948934e02, -5.25463970e01, 5.87348440e00, -2.01973289e-01),
        (2.57151496e05, -3.54229917e04, 1.40286849e03, -1.35890334e01, 1.32517977e-01),
    ),
    "720P": (
        (-114.36346466, 65.26524496, -18.82220707, 4.91518089, -0.23412683),
        (8.10705460e03, 2.13393892e03, -3.72934672e02, 1.66203073e01, -4.17769401e-02),
    ),
}


def _row(model_id: str, released: bool, disk_gb: float) -> ModelCard:
    _, _, word, parameters, resolution = model_id.split("-")
    variant, title = _VARIANTS[word]
    base = 97 if resolution == "540P" else 121
    image = variant == "i2v"
    teacache, retained = _TEACACHE.get(resolution if image else parameters, ((), ()))
    return ModelCard(
        id=model_id,
        title=f"{title} {parameters} {resolution}",
        variant=variant,
        resolution=resolution,
        parameters=parameters,
        repo=f"Skywork/{model_id}-Diffusers" if released else "",
        sizes=_SIZES_540 if resolution == "540P" else _SIZES_720,
        fps=24,
        base_num_frames=base,
        overlap_history=17,
        steps=50,
        guidance_scale=5.0 if image else 6.0,
        shift=5.0 if image else 8.0,
        addnoise_condition=20 if variant == "df" else 0,
        licence=SKYWORK_LICENCE,
        licence_url=SKYWORK_LICENCE_URL,
        # With a picture the makers ask for less guidance and a smaller shift, on diffusion forcing models too.
        picture={"guidance_scale": 5.0, "shift": 5.0} if variant == "df" else {},
        negative_prompt=NEGATIVE_PROMPT_FORCING if variant == "df" else NEGATIVE_PROMPT,
        released=released,
        # The official script feeds re-encoded frames to the next window, so that is what these weights have seen.
        overlap="reencode" if variant == "df" else "latent",
        max_num_frames=1457 if variant == "df" else base,
        disk_gb=disk_gb,
        teacache=teacache,
        teacache_retained=retained,
        examples=EXAMPLES_OF_PICTURES if image else EXAMPLES_OF_WORDS,
    )


def of_folder(folder: Path, tips: tuple[Sentence, ...]) -> ModelCard:
    """Return the row of an embedded model; its folder is called by its id."""
    world = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    return ModelCard(
        id=folder.name,
        title=f"SkyReels-V2 {folder.name}",
        embedded=folder,
        variant="df",
        resolution=folder.name,
        parameters=folder.name,
        repo="",
        sizes={ratio: (int(width), int(height)) for ratio, (width, height) in world["sizes"].items()},
        fps=int(world["fps"]),
        base_num_frames=int(world["base_num_frames"]),
        overlap_history=int(world["overlap_history"]),
        steps=int(world["steps"]),
        guidance_scale=float(world["guidance_scale"]),
        shift=float(world["shift"]),
        picture={"guidance_scale": float(world["picture_guidance_scale"])},
        asynchronous_block=1,
        holds_places=False,
        addnoise_condition=int(world.get("addnoise_condition", 20)),
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        max_sequence_length=int(world.get("max_sequence_length", 64)),
        max_num_frames=int(world.get("max_num_frames", 1457)),
        disk_gb=round(sum(f.stat().st_size for f in folder.rglob("*.safetensors")) / 1e9, 3),
        examples=tuple(world.get("examples", ())),
        tips=tips,
        limits=str(world.get("limits", "")),
        words=f"workers.prompts.{folder.name}",
        world=world,
    )


_TIPS = {NANO: TIPS_OF_NANO, STORYBOOK: TIPS_OF_STORYBOOK}
# Those that are here, and first the default.
_HERE = sorted((folder for folder in _TIPS if folder.is_dir()), key=lambda folder: folder.name != DEFAULT_ID)
catalog.add(*(of_folder(folder, _TIPS[folder]) for folder in _HERE), *(_row(*row) for row in _ROWS))


def all() -> tuple[ModelCard, ...]:
    """Return every model of SkyReels-V2, the embedded ones first, unreleased ones included."""
    return catalog.all_of(ModelCard)


def get(model_id: str) -> ModelCard:
    """Return the card of one model; raises KeyError for an id that is no model of SkyReels-V2."""
    return catalog.get_of(model_id, ModelCard)
