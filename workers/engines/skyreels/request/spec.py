"""A request for a video, and the arithmetic that says which requests can be made. Imports no torch.

Frames and latents: the VAE of Wan (https://github.com/Wan-Video/Wan2.1) turns the first frame into one latent and each
four that follow into one more, so a film has 4k + 1 frames and k + 1 latents. Sides divide by 16: the VAE halves three
times and the transformer takes patches of 2 x 2.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from workers.base import PublicError
from workers.engines.skyreels import cards

FRAMES_PER_LATENT = 4
SIDE_MULTIPLE = 16
MIN_SIDE, MAX_SIDE = 32, 2048
MAX_PROMPT = 4000
MAX_STEPS = 200
MAX_ADDNOISE = 50
MAX_SEED = 2**63 - 1
INPUTS = ("image", "end_image", "video", "source")
MIN_STRENGTH, MAX_STRENGTH = 0.1, 0.98
HIGHEST_LEVEL = 0.999  # the share of noise that a film begins with


class SpecError(PublicError):
    """A value cannot be used: the `field`, a sentence for the user, and the `nearest` legal values (may be empty)."""

    def __init__(self, field: str, public_text: str, nearest: tuple[int, ...] = ()) -> None:
        super().__init__(field, public_text)
        self.code, self.field = "validation_failed", field
        self.nearest = nearest


def latents_of(frames: int) -> int:
    """Return how many latents carry a film of `frames` frames."""
    return (frames - 1) // FRAMES_PER_LATENT + 1


def frames_of(latents: int) -> int:
    """Return how many frames a film of `latents` latents has."""
    return (latents - 1) * FRAMES_PER_LATENT + 1


def is_frame_count(frames: int) -> bool:
    """True for 1, 5, 9, 13 and so on."""
    return frames >= 1 and (frames - 1) % FRAMES_PER_LATENT == 0


def nearest_frame_counts(frames: int, lowest: int = 1) -> tuple[int, ...]:
    """Return the frame counts of the form 4k + 1 on both sides of `frames`, none under `lowest`."""
    below = max(lowest, (max(frames, 1) - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1)
    above = below if below >= frames else below + FRAMES_PER_LATENT
    return (below,) if below == above else (below, above)


def nearest_sides(side: int) -> tuple[int, ...]:
    """Return the legal sides on both sides of `side`, in pixels."""
    clamped = min(max(side, MIN_SIDE), MAX_SIDE)
    below, above = clamped // SIDE_MULTIPLE * SIDE_MULTIPLE, math.ceil(clamped / SIDE_MULTIPLE) * SIDE_MULTIPLE
    return (below,) if below == above else (below, above)


def legal_num_frames(base_num_frames: int, overlap_history: int, up_to: int) -> list[int]:
    """Return the lengths in whole windows, in frames, up to `up_to`: the base, then what each further window adds.

    These waste no computation, so menus offer them. Every other 4k + 1 is legal as well (`VideoSpec.validate`): the
    last window then looks back further than the overlap, and adds less.
    """
    added = frames_of(latents_of(base_num_frames)) - frames_of(latents_of(overlap_history))
    return list(range(base_num_frames, up_to + 1, added)) if added > 0 else [base_num_frames]


def frames_for_seconds(seconds: float, fps: int) -> int:
    """Return the legal number of frames that is nearest to `seconds` at `fps`: 5 at the least, as 1 is a still."""
    wanted = max(1.0, seconds * fps)
    return max(1, round((wanted - 1) / FRAMES_PER_LATENT)) * FRAMES_PER_LATENT + 1


def block_sizes(latents: int, block: int, ready: int = 0) -> tuple[int, ...] | None:
    """Split the `latents` of one window into blocks that are denoised together; None when they do not fit.

    Blocks are of `block` latents, or of 1 and then `block` each. The first `ready` latents (history, start image) are
    given and never denoised; a block that they reach into is shortened, which is what keeps a start image alive where
    the official script and diffusers lose it. The returned sizes cover the latents after the ready ones.
    """
    if latents % block == 0:
        edges = list(range(block, latents + 1, block))
    elif (latents - 1) % block == 0:
        edges = list(range(1, latents + 1, block))
    else:
        return None
    sizes, start = [], ready
    for edge in edges:
        if edge > start:
            sizes.append(edge - start)
            start = edge
    return tuple(sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpec:
    """Everything that decides a video. Two equal specs give the same latents on the same weights.

    Sides are in pixels; `num_frames`, `base_num_frames` and `overlap_history` in frames; `addnoise_condition` in
    thousandths of noise mixed into the history; `ar_step` in sampler steps between neighbouring blocks (0: all latents
    together); `causal_block_size` in latents. `causal_attention` masks attention to later blocks: no released weights
    were trained for it, so it is not implied by the block size.

    `image` is the first frame. `end_image` is what the film leads up to; it is not shown itself. `video` is a clip that
    goes on: the last `overlap_history` frames of it are the first of the `num_frames`, so `new_frames` are added.

    `compat` is "fixed" for what is right. "official" and "diffusers" repeat the other two implementations, faults
    included, to compare with them: short last windows, a history cut to whole blocks, a scheduler whose sample is
    overwritten, noise on the history from a stream of its own. "official" also rounds colours down, shows the latent
    of the end picture where a film has several windows, and asks models without forcing with and without the prompt
    whatever the guidance; "diffusers" has a schedule of its own, shows CLIP the middle of a picture, and masks
    attention whenever there are blocks.

    `source` is a clip that the film shows in another look: each window begins from its latents, of which `strength` is
    noise (0 would be the clip as it is), and takes only the steps that are left from there. Without an `image` the
    first frame is made from the clip's first frame, before the film.

    `teacache` is how much the input of the transformer may change before it is asked again (0: always asked;
    sampler/teacache.py), and with `use_ret_steps` the first and last steps are always computed.
    """

    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    num_frames: int
    fps: int
    steps: int
    guidance_scale: float
    shift: float
    seed: int
    base_num_frames: int
    overlap_history: int
    addnoise_condition: int = 0
    ar_step: int = 0
    causal_block_size: int = 1
    causal_attention: bool = False
    model: str = cards.DEFAULT_ID
    overlap: Literal["latent", "reencode"] = "latent"
    image: Path | None = None
    end_image: Path | None = None
    video: Path | None = None
    compat: Literal["fixed", "official", "diffusers"] = "fixed"
    teacache: float = 0.0
    use_ret_steps: bool = False
    source: Path | None = None
    strength: float = MAX_STRENGTH

    @classmethod
    def for_model(cls, model: str, prompt: str, *, ratio: str | None = None, **values: Any) -> Self:
        """Build a spec from a model's recommended values; `ratio` and keyword values override them.

        Raises SpecError for a model that is unknown and for a ratio that it does not have.
        """
        card = _card(model)
        ratio = ratio or next(iter(card.sizes))
        if ratio not in card.sizes:
            raise SpecError("ratio", f"Choose one of these ratios: {', '.join(card.sizes)}.")
        width, height = card.sizes[ratio]
        defaults: dict[str, Any] = {
            "negative_prompt": card.negative_prompt,
            "width": width,
            "height": height,
            "num_frames": card.base_num_frames,
            "fps": card.fps,
            "steps": card.steps,
            "guidance_scale": card.guidance_scale,
            "shift": card.shift,
            "seed": 0,
            "base_num_frames": card.base_num_frames,
            "overlap_history": card.overlap_history,
            "addnoise_condition": card.addnoise_condition,
            # The official code has no other way, and diffusers knows only latents.
            "overlap": {"official": "reencode", "diffusers": "latent"}.get(values.get("compat", ""), card.overlap),
        }
        return cls(prompt=prompt, model=model, **(defaults | values))

    def validate(self) -> None:
        """Raise SpecError for the first value that cannot be used, with the nearest legal values."""
        card = _card(self.model)
        if not self.prompt.strip():
            raise SpecError("prompt", "Describe the video in a few words.")
        for field in ("prompt", "negative_prompt"):
            if len(getattr(self, field)) > MAX_PROMPT:
                raise SpecError(field, f"Use at most {MAX_PROMPT} characters.")
        for field in ("width", "height"):
            self._check_side(field)
        self._check_frames(card)
        self._check_range("fps", 1, 120)
        self._check_range("steps", 1, MAX_STEPS)
        self._check_range("guidance_scale", 0, 30)
        if not 0 < self.shift <= 100:
            raise SpecError("shift", "The shift is a number above 0, and at most 100.")
        self._check_range("seed", 0, MAX_SEED)
        self._check_range("addnoise_condition", 0, MAX_ADDNOISE)
        self._check_range("ar_step", 0, self.steps)
        self._check_range("teacache", 0, 1)
        for field, allowed in (("overlap", ("latent", "reencode")), ("compat", ("fixed", "official", "diffusers"))):
            if getattr(self, field) not in allowed:
                raise SpecError(field, f"Choose one of {', '.join(allowed)}.")
        self._check_inputs(card)
        self._check_source(card)
        self._check_blocks()

    def files(self) -> dict[str, str]:
        """Return the SHA-256 of the pictures and the clip by their fields; each file is read to its end."""
        found = {}
        for field in INPUTS:
            if (path := getattr(self, field)) is not None:
                with path.open("rb") as file:
                    found[field] = hashlib.file_digest(file, "sha256").hexdigest()
        return found

    def hash(self, files: Mapping[str, str] | None = None) -> str:
        """Return a hex digest that names this spec. Files count by their content, not by their path.

        `files` are their digests (`files`), where these are known; else they are read.
        """
        values = dataclasses.asdict(self) | (self.files() if files is None else dict(files))
        if self.source is None:
            # Films without a source have the name that they had before there were sources.
            del values["source"], values["strength"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    @property
    def seconds(self) -> float:
        """The length of the film in seconds."""
        return self.num_frames / self.fps

    @property
    def new_frames(self) -> int:
        """How many frames are made: all, or those that follow the clip."""
        return self.num_frames - (self.overlap_history if self.video else 0)

    @property
    def guided(self) -> bool:
        """True when the model is asked without the prompt as well."""
        return self.guidance_scale > 1 or (self.compat == "official" and cards.get(self.model).variant != "df")

    @property
    def begins_at(self) -> int:
        """The first step that is taken: where at most `strength` is noise; 0 where a film begins from noise alone."""
        if self.source is None:
            return 0
        for step in range(self.steps):
            even = HIGHEST_LEVEL * (1 - step / self.steps)
            if self.shift * even / (1 + (self.shift - 1) * even) <= self.strength:
                return step
        return self.steps - 1

    @property
    def masked(self) -> bool:
        """True when latents do not see later blocks."""
        return self.causal_attention or (self.compat == "diffusers" and self.causal_block_size > 1)

    def _check_range(self, field: str, low: int, high: int) -> None:
        value = getattr(self, field)
        if not low <= value <= high:
            nearest = (high,) if value > high else (low,)
            raise SpecError(field, f"Choose a number from {low} to {high}.", nearest)

    def _check_side(self, field: str) -> None:
        side = getattr(self, field)
        if side % SIDE_MULTIPLE or not MIN_SIDE <= side <= MAX_SIDE:
            nearest = nearest_sides(side)
            raise SpecError(
                field,
                f"The {field} is a multiple of {SIDE_MULTIPLE} from {MIN_SIDE} to {MAX_SIDE} pixels. {_named(nearest)}",
                nearest,
            )

    def _check_frames(self, card: cards.ModelCard) -> None:
        if self.num_frames > card.max_num_frames:
            raise SpecError(
                "num_frames", f"This model makes at most {card.max_num_frames} frames.", (card.max_num_frames,)
            )
        for field, lowest in (("num_frames", 1), ("base_num_frames", 5), ("overlap_history", 1)):
            frames = getattr(self, field)
            if not is_frame_count(frames) or frames < lowest:
                nearest = nearest_frame_counts(max(frames, lowest), lowest)
                words = field.replace("_", " ")
                raise SpecError(field, f"The {words} is 1 more than a multiple of 4. {_named(nearest)}", nearest)
        if self.video and self.num_frames <= self.overlap_history:
            nearest = (self.overlap_history + FRAMES_PER_LATENT,)
            raise SpecError("num_frames", f"The clip's own last frames count: ask for more. {_named(nearest)}", nearest)
        if self.num_frames > self.base_num_frames or self.video:
            if not card.long:
                if self.video:
                    raise SpecError("video", "Only diffusion forcing models can go on with a video.")
                raise SpecError(
                    "num_frames",
                    "This model makes one window only. " + _named((self.base_num_frames,)),
                    (self.base_num_frames,),
                )
            if self.num_frames > self.base_num_frames and self.overlap_history >= self.base_num_frames:
                nearest = (self.base_num_frames - FRAMES_PER_LATENT,)
                raise SpecError("overlap_history", f"The overlap is shorter than a window. {_named(nearest)}", nearest)

    def _check_inputs(self, card: cards.ModelCard) -> None:
        if self.image and self.video:
            raise SpecError("image", "A film begins with a picture or goes on with a video, not both.")
        if card.variant == "i2v" and not self.image:
            raise SpecError("image", "This model begins with a picture: choose one.")
        if card.variant == "t2v" and self.image:
            raise SpecError("image", "This model knows words only. Choose a diffusion forcing or image model.")
        if card.variant == "df":
            if self.end_image and self.masked:
                raise SpecError("end_image", "With causal attention a film cannot know how it ends.")
            return
        if self.end_image:
            raise SpecError("end_image", "Only diffusion forcing models can lead up to a picture.")
        for field, plain in (("ar_step", 0), ("causal_block_size", 1), ("causal_attention", False)):
            if getattr(self, field) != plain:
                raise SpecError(field, "Only diffusion forcing models are made in blocks.", (int(plain),))

    def _check_source(self, card: cards.ModelCard) -> None:
        if self.source is None:
            return
        if card.variant != "df":
            raise SpecError("source", "Only diffusion forcing models make a video in another look.")
        if not MIN_STRENGTH <= self.strength <= MAX_STRENGTH:
            nearest = MAX_STRENGTH if self.strength > MAX_STRENGTH else MIN_STRENGTH
            text = f"The strength is a number from {MIN_STRENGTH} to {MAX_STRENGTH}. Nearest: {nearest}."
            raise SpecError("strength", text)
        for field in ("end_image", "video"):
            if getattr(self, field):
                raise SpecError(field, "A video in another look begins and ends as its source does.")
        for field, plain in (("ar_step", 0), ("teacache", 0), ("compat", "fixed")):
            if getattr(self, field) != plain:
                raise SpecError(field, "A video in another look is made with all latents together, step by step.")

    def _check_blocks(self) -> None:
        longest = latents_of(min(self.num_frames, self.base_num_frames))
        if not 1 <= self.causal_block_size <= longest:
            raise SpecError(
                "causal_block_size",
                f"A block has 1 to {longest} latents here.",
                (longest if self.causal_block_size > longest else 1,),
            )
        if not self._fits(self.num_frames, self.base_num_frames):
            single = self.num_frames <= self.base_num_frames
            field = "num_frames" if single or self.compat != "fixed" else "base_num_frames"
            nearest = self._nearest_blocked(field)
            text = f"Blocks of {self.causal_block_size} latents do not fit into {getattr(self, field)} frames."
            raise SpecError(field, f"{text} {_named(nearest)}" if nearest else text, nearest)
        if self.compat != "fixed" and self.end_image and self.causal_block_size > 1:
            raise SpecError("end_image", "Blocks and an end picture go together only with compat=fixed.")

    def _fits(self, num_frames: int, base_num_frames: int) -> bool:
        """True when blocks fill every window of such a film."""
        block, total = self.causal_block_size, latents_of(num_frames)
        base, overlap = min(total, latents_of(base_num_frames)), latents_of(self.overlap_history)
        if self.compat == "fixed":
            # Every window is as long as the first.
            return block_sizes(base, block) is not None
        added = (total - overlap) % (base - overlap) if total > base > overlap else 0
        return base % block == 0 and (overlap + added) % block == 0 if added else base % block == 0

    def _nearest_blocked(self, field: str) -> tuple[int, ...]:
        wanted = getattr(self, field)
        lowest, furthest = 5, wanted + FRAMES_PER_LATENT * self.causal_block_size * latents_of(self.base_num_frames)

        def fits(frames: int) -> bool:
            if field == "num_frames":
                return self._fits(frames, self.base_num_frames)
            return frames > self.overlap_history and self._fits(self.num_frames, frames)

        below = next((n for n in range(wanted - FRAMES_PER_LATENT, lowest - 1, -FRAMES_PER_LATENT) if fits(n)), None)
        above = next((n for n in range(wanted + FRAMES_PER_LATENT, furthest + 1, FRAMES_PER_LATENT) if fits(n)), None)
        return tuple(n for n in (below, above) if n is not None)


def _named(nearest: tuple[int, ...]) -> str:
    return f"Nearest: {' or '.join(str(n) for n in nearest)}."


def _card(model: str) -> cards.ModelCard:
    try:
        card = cards.get(model)
    except KeyError:
        raise SpecError("model", "There is no model of this name.") from None
    if not card.released:
        raise SpecError("model", "The makers have not released this model yet.")
    return card
