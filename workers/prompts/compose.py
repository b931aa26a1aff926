"""A fuller prompt from a rough one, at once and without a model: shot, angle, light, detail and camera are added.

Every word of the user stays, in its order; what is added comes from the shot grammar, fits what is seen, and speaks of
nothing that the prompt speaks of already. The same prompt and seed give the same words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workers.base import Sentence
from workers.prompts import nano, storybook
from workers.prompts.changes import Span, changes
from workers.prompts.names import pronoun
from workers.prompts.read import blanks, other_language, read, sentences_of
from workers.prompts.shot import LIKE_JSON, PromptError, Shot, from_text
from workers.prompts.small_world import Composed
from workers.prompts.vocabulary import (
    CAMERA_MOVES,
    LIGHT_WORDS,
    SHOT_ANGLES,
    SHOT_POSITIONS,
    SHOT_TYPES,
    TIMES,
    TYPE_OF,
    Term,
)
from workers.prompts.write import Target, write

ENGINE = "shot-grammar"
# What writes the sentences of a video model that knows only those of its small world, by the model's id.
SMALL_WORLDS: Mapping[str, Callable[[str, int, bool], Composed]] = {
    nano.MODEL: nano.compose,
    storybook.MODEL: storybook.compose,
}
MAX_PROMPT = 2000  # characters, as the video tool takes them
MAX_JSON = 20_000
SHOT_WORDS = ("shot", "close-up", "closeup", "close up", "portrait", "panorama", "view of")
CAMERA_WORDS = re.compile(
    r"\bcamera\b|\b(zoom|pan|tilt|dolly)(s|ming|ning|ing)?\b|\btracking\b|\bhandheld\b|\bpov\b|\bdrone\b|timelapse|time-lapse"
)
# Looks that a natural light or a natural detail would contradict.
LOOKS = re.compile(
    r"\b(anime|animat\w+|cartoon|comic|drawing|drawn|painting|watercolou?r|pixel|low poly|clay|claymation|sketch|"
    r"black and white|monochrome|silhouette|abstract|logo|diagram|text|3d render|render)\b"
)
INDOORS = re.compile(
    r"\b(indoors?|inside|room|kitchen|office|studio|library|café|cafe|bar|restaurant|hall|corridor|house|cave|tunnel|"
    r"bedroom|church|museum|laboratory|lab|factory|train|car|elevator|stage)\b"
)
WEATHER = re.compile(r"\b(rain\w*|storm\w*|snow\w*|fog\w*|mist\w*|cloud\w*|blizzard|thunder\w*|wind\w*)\b")
ELSEWHERE = re.compile(r"\b(underwater|under water|space|planet|galaxy|ocean floor|deep sea|moon|heaven|hell)\b")
MOVING = re.compile(
    r"\b(runs?|running|walks?|walking|rides?|riding|gallops?|galloping|flies|flying|drives?|driving|races?|racing|swims?|"
    r"swimming|dances?|dancing|skates?|skating|chases?|chasing|glides?|gliding|jumps?|jumping|sails?|sailing)\b"
)

DAYLIGHT = ("soft and natural", "warm and gentle, with soft shadows", "clear, with crisp highlights")
LAMPS = ("soft and warm", "gentle, with a quiet contrast", "soft, coming from one side")
GREY = ("soft and diffuse", "even and muted", "cool and diffuse")
STILL_CAMERA = ("The camera is static.", "The camera slowly moves closer.", "The camera slowly moves back.")
LIVELY_CAMERA = (
    *("The camera tracks the subject smoothly.", "The camera pans with the movement."),
    *("The camera follows at a steady distance.", "The camera slowly moves closer."),
)
QUIET_CAMERA = (
    *("The camera slowly moves closer.", "The camera slowly pans right.", "The camera slowly pans left."),
    *("The camera slowly zooms in.", "The camera slowly tilts up."),
)
DETAILS = {
    "Human": ("fine details in skin, hair and clothing", "a natural posture and small, lifelike movements"),
    "Animal": ("fine, lifelike detail and natural movements", "a clear outline and natural, fluid movements"),
    "Plant": ("fine, crisp textures and gently stirring parts", "crisp outlines and rich natural tones"),
    "Scenery": ("a strong sense of depth and crisp detail in the distance", "rich textures and a clear foreground"),
    "": ("crisp outlines and fine textures", "clearly visible surfaces and a realistic weight"),
}
DRAWN_DETAIL = ("clean outlines and a clear shape", "consistent lines from frame to frame")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A prompt beside the one that it was made from.

    `prompt` is the suggestion, `original` what the user wrote, `engine` the id of what wrote it, `notes` sentences for
    the user.
    """

    original: str
    prompt: str
    shot: Shot
    engine: str = ENGINE
    notes: tuple[str, ...] = ()
    seed: int = 0

    @property
    def changes(self) -> list[Span]:
        """What the suggestion keeps, adds and removes."""
        return changes(self.original, self.prompt)

    def to_json(self) -> dict[str, Any]:
        """Return everything about it as JSON."""
        return {
            "original": self.original,
            "prompt": self.prompt,
            "changes": [{"kind": span.kind, "text": span.text} for span in self.changes],
            "shot": self.shot.to_json(),
            "notes": list(self.notes),
            "engine": self.engine,
            "seed": self.seed,
        }


def refuse(prompt: str) -> str:
    """Return the prompt stripped of white space. Raises PromptError on `prompt` for an empty or too long one."""
    prompt = prompt.strip()
    if not prompt:
        raise PromptError({"prompt": Sentence("Write what should be seen.")})
    most = MAX_JSON if LIKE_JSON.match(prompt) else MAX_PROMPT
    if why := too_long(prompt, most):
        raise PromptError({"prompt": why})
    return prompt


def too_long(prompt: str, most: int = MAX_PROMPT) -> Sentence | None:
    """Return what is said of a prompt that is longer than a tool takes it; None for others."""
    if len(prompt) <= most:
        return None
    return Sentence("A prompt has at most {most:,} characters; this one has {number:,}.", most=most, number=len(prompt))


def compose(prompt: str, seed: int, *, target: Target = "t2v", model: str = "") -> Suggestion:
    """Return a fuller prompt for the same scene.

    For a film that begins with a picture (`i2v`) only the camera's motion is added: the picture shows the rest. For a
    video model with a small world it is a sentence of that world. Raises PromptError, on `prompt`, for what cannot be
    used.
    """
    text, noted = written(prompt, target)
    prompt, notes = prompt.strip(), list(noted)
    if sentence := SMALL_WORLDS.get(model):
        told = sentence(text, seed, target == "i2v")
        found = (*notes, *told.notes, *blanks(text))
        return Suggestion(prompt, told.prompt, read(told.prompt).shot, notes=found, seed=seed)
    reading = read(text)
    notes += reading.notes
    if other_language(text):
        return Suggestion(prompt, text, reading.shot, notes=tuple(notes), seed=seed)
    added = _Additions(text, reading.shot, random.Random(f"{seed}:{target}"))
    fuller = added.moved() if target == "i2v" else added.whole()
    if len(fuller) > MAX_PROMPT:
        fuller = text
        notes.append(Sentence("Your prompt is as long as can be, so nothing was added."))
    elif fuller in (text, f"{text}."):
        notes.append(Sentence("Your prompt says everything already, so nothing was added."))
    return Suggestion(prompt, fuller, read(fuller).shot, notes=tuple(notes), seed=seed)


def written(prompt: str, target: Target = "t2v") -> tuple[str, tuple[str, ...]]:
    """Return a prompt as text, of a shot in JSON what it says, with notes. Raises PromptError for what cannot be used.

    Whatever this takes, `compose` takes.
    """
    prompt = refuse(prompt)
    shot = _of_json(prompt)
    if shot is None:
        return " ".join(prompt.split()), ()
    text = write(shot, target)
    if not text:
        why = Sentence("Nothing of this shot can be said: give it a subject or a camera motion.")
        raise PromptError({"prompt": why})
    if too_long(text):
        why = Sentence(
            "A prompt has at most {most:,} characters; as text this shot has {number:,}.",
            most=MAX_PROMPT,
            number=len(text),
        )
        raise PromptError({"prompt": why})
    return text, (Sentence("The prompt is a shot in JSON: it is written out as text first."),)


def _of_json(prompt: str) -> Shot | None:
    try:
        return from_text(prompt)
    except PromptError as error:
        raise PromptError(
            {"prompt" if name == "shot" else f"prompt.{name}": text for name, text in error.errors.items()}
        ) from error


MOVES = "|".join(re.escape(word) for move in CAMERA_MOVES for word in move.also)


class _Additions:
    """Chooses what is added to one prompt. Every choice is drawn in any case: each depends on the seed alone."""

    def __init__(self, text: str, shot: Shot, draw: random.Random) -> None:
        self.text, self.shot, self.said = text, shot, text.lower()
        main = shot.main
        self.name, self.kind = (main.sub_type, main.type) if main else ("", "")
        self.places = [draw.random() for _ in range(6)]

    def whole(self) -> str:
        """Return the text with everything that it does not say."""
        body = self._body()
        return " ".join(part for part in (self._seen(), body, self._detail(), self._light(), self._camera()) if part)

    def moved(self) -> str:
        """Return the text with the motion of the camera, where it says none."""
        return " ".join(part for part in (self._body(), self._camera()) if part)

    def _body(self) -> str:
        """The user's words as they are, as sentences: with a capital before and a full stop behind them."""
        text = self.text[:1].upper() + self.text[1:]
        return text if text[-1:] in ".!?…" else f"{text}."

    def _pick(self, at: int, choices: Iterable[Any]) -> Any:
        found = list(choices)
        return found[int(self.places[at] * len(found))]

    def _seen(self) -> str:
        """The opening sentence: how large the subject is seen, from where; empty where the prompt says one of them."""
        shot = self.shot
        said_size = bool(shot.shot_type) or any(word in self.said for word in SHOT_WORDS)
        sizes = {"Scenery": SHOT_TYPES[:1], "Human": SHOT_TYPES[1:3], "Animal": SHOT_TYPES[1:3]}.get(
            self.kind, SHOT_TYPES[2:3]
        )
        if MOVING.search(self.said):
            sizes = SHOT_TYPES[1:2] if self.kind in ("Human", "Animal") else SHOT_TYPES[:1]
        size: Term = self._pick(0, sizes)
        angle: Term = self._pick(1, (SHOT_ANGLES[0], SHOT_ANGLES[0], SHOT_ANGLES[2]))
        side: Term | None = self._pick(2, (None, SHOT_POSITIONS[0], SHOT_POSITIONS[2]))
        looks_from = (
            shot.shot_angle or shot.shot_position or re.search(r"\b(angle|above|below|behind|view|pov)\b", self.said)
        )
        if said_size or self._many():
            return ""
        parts = [size.phrase] if looks_from else [f"{size.phrase} {angle.phrase}"]
        if side and not looks_from and self.kind in ("Human", "Animal", "Vehicles"):
            parts.append(side.phrase)
        return f"{', '.join(parts)}."

    def _many(self) -> bool:
        """A prompt of many sentences has an order of its own, before which nothing is put."""
        return len(list(sentences_of(self.text))) > 4

    def _detail(self) -> str:
        """A sentence on the surface of the only subject, where the prompt has no more than it."""
        known = bool(self.name) and (self.kind != "Other" or self.name.lower() in TYPE_OF)
        if len(self.shot.subjects) != 1 or self.shot.subjects[0].appearance or not known:
            return ""
        drawn = LOOKS.search(self.said)
        detail = self._pick(3, DRAWN_DETAIL if drawn else DETAILS.get(self.kind, DETAILS[""]))
        if re.search(r"\b(detail\w*|texture\w*|sharp|crisp|blur\w*|dark|silhouette\w*)\b", self.said):
            return ""
        last = list(sentences_of(self.text))[-1].lower()
        if self._many() or CAMERA_WORDS.search(last):
            return ""
        who = pronoun(self.name)
        return f"{who} {'have' if who == 'They' else 'has'} {detail}."

    def _light(self) -> str:
        said = re.findall(r"[\w'-]+", self.said)
        known = self.shot.lighting or any(word in LIGHT_WORDS for word in said) or LOOKS.search(self.said)
        timed = any(re.search(rf"\b{time}\b", self.said) for time in TIMES)
        evening = re.search(
            r"\b(evening|morning|afternoon|fire|flames?|candles?|lanterns?|stars?|starry|lightning)\b", self.said
        )
        pool = GREY if WEATHER.search(self.said) else LAMPS if INDOORS.search(self.said) else DAYLIGHT
        light = self._pick(4, pool)
        return "" if known or timed or evening or ELSEWHERE.search(self.said) else f"The lighting is {light}."

    def _camera(self) -> str:
        pool = LIVELY_CAMERA if MOVING.search(self.said) else STILL_CAMERA if "Human" in self.kind else QUIET_CAMERA
        move = self._pick(5, pool)
        moves = re.search(rf"\b(?:{MOVES})\b", self.said)
        said = self.shot.camera_motion or moves or CAMERA_WORDS.search(self.said)
        return "" if said else str(move)
