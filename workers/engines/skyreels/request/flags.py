"""The flags of SkyReels-V2's two scripts, declared once for command lines, forms and the API. Imports no torch.

`generate_video` is for text and image models, `generate_video_df` for diffusion forcing ones
(https://github.com/SkyworkAI/SkyReels-V2). What is left out takes the value that the makers recommend for the model.
"""

from __future__ import annotations

import argparse
import math
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workers.engines.skyreels import cards
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.spec import SpecError, VideoSpec
from workers.weights import catalog

Command = Literal["generate_video", "generate_video_df"]
MAX_DRAWN_SEED = 2**31
OUTDIR = Path("video_out")
TEACACHE_THRESHOLD = 0.2


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `field` is the value of VideoSpec that it sets, empty for what concerns the run; a switch has no value.

    `forcing` marks those of diffusion forcing models only.
    """

    name: str
    help: str
    kind: Callable[[str], Any] | None = str  # None: a switch
    field: str = ""
    forcing: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """The flag as it is written: with underscores, as the scripts have it, and with dashes."""
        return tuple(dict.fromkeys((f"--{self.name}", f"--{self.name.replace('_', '-')}")))


FLAGS: tuple[Flag, ...] = (
    Flag("prompt", "what is to be seen", field="prompt", required=True),
    Flag(
        "negative_prompt", "what is not to be seen (default: what the makers always exclude)", field="negative_prompt"
    ),
    Flag("model_id", "a model of the catalogue, with or without its owner's name"),
    Flag("resolution", "of the model: 540P or 720P", choices=("540P", "720P")),
    Flag("ratio", "16:9, 9:16, 1:1 or 4:3 (default: the picture's, or 16:9)"),
    Flag("num_frames", "length in frames: 97 for 540P, 121 for 720P, more with diffusion forcing", int, "num_frames"),
    Flag("image", "the picture that the video begins with", Path, "image"),
    Flag("end_image", "the picture that the video leads up to", Path, "end_image", forcing=True),
    Flag("video_path", "a video that goes on; its last frames count in num_frames", Path, "video", forcing=True),
    Flag("inference_steps", "sampler steps (recommended: 50)", int, "steps"),
    Flag("fps", "frames a second (recommended: 24)", int, "fps"),
    Flag("shift", "of the flow: 8 from words, 5 from a picture", float, "shift"),
    Flag(
        "guidance_scale", "how closely the prompt is followed: 6 from words, 5 from a picture", float, "guidance_scale"
    ),
    Flag("seed", "the same seed makes the same video (default: random)", int, "seed"),
    Flag("ar_step", "sampler steps between neighbouring blocks; 0: all together", int, "ar_step", forcing=True),
    Flag(
        "causal_block_size",
        "latents in a block (where ar_step is not 0: 5, of embedded models 1)",
        int,
        "causal_block_size",
        forcing=True,
    ),
    Flag(
        "causal_attention", "hide later blocks; no released weights know this", None, "causal_attention", forcing=True
    ),
    Flag(
        "base_num_frames", "frames of one window: 97 or 121, less to save memory", int, "base_num_frames", forcing=True
    ),
    Flag("overlap_history", "frames that a window sees of the one before: 17", int, "overlap_history", forcing=True),
    Flag("addnoise_condition", "noise on these: 20, at most 50", int, "addnoise_condition", forcing=True),
    Flag(
        "overlap",
        "how a window sees the one before: its latents, or its frames encoded again",
        field="overlap",
        forcing=True,
        choices=("latent", "reencode"),
    ),
    Flag("offload", "keep in memory only what is at work", None),
    Flag("use_usp", "several GPUs on one video", None),
    Flag("prompt_enhancer", "write a longer prompt first", None),
    Flag("teacache", "reuse what hardly changes between steps", None),
    Flag("teacache_thresh", "how much change that is; more is faster and worse (recommended: 0.2)", float),
    Flag("use_ret_steps", "compute the first steps always", None),
    Flag("outdir", "the folder for the video (default: video_out)", Path),
)


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A video as one of the scripts would make it: the `spec`, how to `run` it, and where it goes."""

    spec: VideoSpec
    run: Execution = field(default_factory=Execution)
    outdir: Path = OUTDIR
    prompt_enhancer: bool = False


def add_flags(parser: argparse.ArgumentParser, command: Command) -> None:
    """Give a parser the flags of a command."""
    for flag in flags_of(command):
        if flag.kind is None:
            parser.add_argument(*flag.options, dest=flag.name, action="store_true", help=flag.help)
        else:
            parser.add_argument(
                *flag.options,
                dest=flag.name,
                type=flag.kind,
                required=flag.required,
                choices=flag.choices or None,
                help=flag.help,
            )


def flags_of(command: Command) -> tuple[Flag, ...]:
    """Return the flags that a command has."""
    return tuple(flag for flag in FLAGS if command == "generate_video_df" or not flag.forcing)


def request(
    values: Mapping[str, Any], command: Command | None = None, picture_size: tuple[int, int] | None = None
) -> VideoRequest:
    """Turn flags (names to values, None where left out) into a valid request; without a `command`, as the model has it.

    `picture_size` is (width, height) of the start picture as it is shown: without a ratio the video takes the nearest
    that the model has. A seed that is left out is drawn, so that the film can be made again. Raises SpecError, whose
    field is the flag's name.
    """
    given = {flag.name: values[flag.name] for flag in FLAGS if values.get(flag.name) is not None}
    card = model_of(given.get("model_id"))
    if command == "generate_video_df" and card.variant != "df":
        raise SpecError("model_id", "This model has no diffusion forcing: use generate_video.")
    foreign = next((f.name for f in FLAGS if f.forcing and f.kind is not Path and given.get(f.name)), None)
    if foreign and card.variant != "df":
        raise SpecError(foreign, "Only diffusion forcing models know this.")
    if given.get("resolution", card.resolution) != card.resolution:
        raise SpecError("resolution", f"{card.title} makes {card.resolution} only.")
    chosen = {flag.field: given[flag.name] for flag in FLAGS if flag.field and flag.name in given}
    chosen.setdefault("seed", random.SystemRandom().randrange(MAX_DRAWN_SEED))
    if chosen.keys() & {"image", "end_image"} and "video" not in chosen:
        chosen = {**card.picture, **chosen}
    threshold = given.get("teacache_thresh", TEACACHE_THRESHOLD)
    if not 0 < threshold <= 1:
        raise SpecError("teacache_thresh", "The threshold is a number above 0, and at most 1.")
    if given.get("teacache"):
        chosen |= {"teacache": threshold, "use_ret_steps": bool(given.get("use_ret_steps"))}
    if chosen.get("ar_step") and "causal_block_size" not in chosen:
        chosen["causal_block_size"] = card.asynchronous_block
    ratio = given.get("ratio") or (nearest_ratio(card, *picture_size) if picture_size else None)
    try:
        spec = VideoSpec.for_model(card.id, chosen.pop("prompt", ""), ratio=ratio, **chosen)
        spec.validate()
    except SpecError as error:
        raise SpecError(_name_of(error.field), error.public_text, error.nearest) from error
    if given.get("prompt_enhancer") and given.get("use_usp"):
        raise SpecError("prompt_enhancer", "The prompt enhancer does not run on several GPUs: run it first.")
    run = Execution(memory="model" if given.get("offload") else "auto", ranks=devices() if given.get("use_usp") else 1)
    return VideoRequest(spec, run, given.get("outdir", OUTDIR), bool(given.get("prompt_enhancer")))


def video_request(
    params: Mapping[str, Any], files: Mapping[str, Path], picture_size: tuple[int, int] | None = None
) -> VideoRequest:
    """Turn the parameters of a form, named as `parameter_of` says, and files, named as in VideoSpec, into a request.

    Raises SpecError, whose field is the parameter's name.
    """
    values = {flag.name: (files if flag.kind is Path else params).get(parameter_of(flag)) for flag in FLAGS}
    try:
        return request(values, picture_size=picture_size)
    except SpecError as error:
        named = {flag.name: parameter_of(flag) for flag in FLAGS}
        raise SpecError(named.get(error.field, error.field), error.public_text, error.nearest) from error


def parameter_of(flag: Flag) -> str:
    """Return what forms and the API call a flag: as VideoSpec does where it has a field for it."""
    return flag.field or flag.name


def devices() -> int:
    """Return how many devices of this machine may share one video: `CINEVIVID_RANKS`, 1 without it."""
    return int(os.environ.get("CINEVIVID_RANKS") or 1)


def model_of(name: str | None) -> cards.ModelCard:
    """Find a model by the name that a script gives it; None: the one that this installation uses.

    Raises SpecError for a name that is not in the catalogue.
    """
    name = name or catalog.chosen("video")
    try:
        return cards.get(name.rstrip("/").rsplit("/", 1)[-1].removesuffix("-Diffusers"))
    except KeyError:
        raise SpecError("model_id", "There is no model of this name.") from None


def nearest_ratio(card: cards.ModelCard, width: int, height: int) -> str:
    """Return the model's ratio that cuts the least off a picture of these sides."""
    wanted = math.log(width / height)
    return min(card.sizes, key=lambda ratio: abs(math.log(card.sizes[ratio][0] / card.sizes[ratio][1]) - wanted))


def _name_of(field: str) -> str:
    return next((flag.name for flag in FLAGS if flag.field == field), {"model": "model_id"}.get(field, field))
