"""A shot as SkyCaptioner-V1 describes one: subjects, how the camera sees them, where they are, and in which light."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.base import PublicError, Sentence
from workers.prompts.names import type_of
from workers.prompts.vocabulary import CAMERA_MOVES, FIELDS, VALUES

MAX_SUBJECTS = 8
MAX_TEXT = 1000  # characters of one field
MAX_NAME = 60
TEXTS = ("camera_motion", "environment", "lighting")
SUBJECT_TEXTS = ("appearance", "action", "expression", "position")
LIKE_JSON = re.compile(r"""\s*(\{\s*["}]|\[\s*\{)""")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
HALF = re.compile("[\ud800-\udfff]")  # what JSON can name by "\\ud800", and no text can hold


class PromptError(PublicError):
    """A prompt or a shot cannot be used: `errors` has a sentence by the name of the field, such as `shot_type`."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("validation_failed", " ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Somebody or something that is seen; `type` and `sub_type` name it, such as Human and Woman; the rest is text.

    People and animals have an `expression`; `position` is where in the frame the subject is.
    """

    type: str = ""
    sub_type: str = ""
    appearance: str = ""
    action: str = ""
    expression: str = ""
    position: str = ""
    is_main_subject: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the subject in the shape of the captions."""
        texts = {name: getattr(self, name) for name in SUBJECT_TEXTS}
        types = {"type": self.type, "sub_type": self.sub_type}
        return {"TYPES": types, **texts, "is_main_subject": self.is_main_subject}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One shot. Every field may be empty: the captions of the training left out some on purpose."""

    subjects: tuple[Subject, ...] = ()
    shot_type: str = ""
    shot_angle: str = ""
    shot_position: str = ""
    camera_motion: str = ""
    environment: str = ""
    lighting: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the shot in the shape of the captions."""
        told = {name: getattr(self, name) for name in (*FIELDS, *TEXTS)}
        return {"subjects": [subject.to_json() for subject in self.subjects], **told}

    @property
    def main(self) -> Subject | None:
        """The main subject, the first one where none is marked; None without subjects."""
        return next((each for each in self.subjects if each.is_main_subject), next(iter(self.subjects), None))


def from_json(data: Any) -> Shot:
    """Read a shot from parsed JSON. Raises PromptError, whose names are such as `subjects[0].action`."""
    errors: dict[str, str] = {}
    if not isinstance(data, Mapping):
        raise PromptError({"shot": Sentence("A shot is an object with the fields of the shot grammar.")})
    _unknown(data, ("subjects", *FIELDS, *TEXTS), "", errors)
    values = {name: _choice(name, data.get(name), errors) for name in FIELDS}
    values |= {name: _text(name, data.get(name), errors) for name in TEXTS}
    given = data.get("subjects") or []
    if not isinstance(given, list | tuple):
        errors["subjects"] = Sentence("The subjects are a list.")
        given = []
    if len(given) > MAX_SUBJECTS:
        errors["subjects"] = Sentence(
            "A shot has at most {most} subjects; this one has {number}.", most=MAX_SUBJECTS, number=len(given)
        )
        given = []
    subjects = [_subject(f"subjects[{place}]", each, errors) for place, each in enumerate(given)]
    if errors:
        raise PromptError(errors)
    return Shot(subjects=tuple(subjects), **values)


def from_text(text: str) -> Shot | None:
    """Return the shot of a text that is JSON; None for a text that is none. Raises PromptError as `from_json` does.

    A text that begins as JSON does and is none is refused on `shot`: nobody wants brackets in a video.
    """
    if not LIKE_JSON.match(text):
        return None
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno}
        why = Sentence("This begins as JSON, and cannot be read from line {line}, column {column} on.", **where)
        raise PromptError({"shot": why}) from error
    except (ValueError, RecursionError) as error:
        raise PromptError(
            {"shot": Sentence("This JSON is no shot: it is nested too deeply, or has a huge number.")}
        ) from error
    return from_json(data)


def _subject(where: str, data: Any, errors: dict[str, str]) -> Subject:
    if not isinstance(data, Mapping):
        errors[where] = Sentence("A subject is an object.")
        return Subject()
    types = data.get("TYPES") or {}
    if not isinstance(types, Mapping):
        errors[f"{where}.TYPES"] = Sentence("TYPES is an object with type and sub_type.")
        types = {}
    _unknown(data, ("TYPES", "type", "sub_type", *SUBJECT_TEXTS, "is_main_subject"), f"{where}.", errors)
    _unknown(types, ("type", "sub_type"), f"{where}.TYPES.", errors)
    named = {
        name: _text(f"{where}.{name}", types.get(name) or data.get(name), errors, MAX_NAME)
        for name in ("type", "sub_type")
    }
    main = data.get("is_main_subject")
    if main is not None and not isinstance(main, bool):
        errors[f"{where}.is_main_subject"] = Sentence("is_main_subject is true or false.")
    texts = {name: _text(f"{where}.{name}", data.get(name), errors) for name in SUBJECT_TEXTS}
    return Subject(**named, **texts, is_main_subject=main is True)


def _unknown(data: Mapping[str, Any], known: tuple[str, ...], where: str, errors: dict[str, str]) -> None:
    for name in map(str, data):
        if name not in known:
            shown, near = (
                HALF.sub("?", CONTROLS.sub(" ", name[:MAX_NAME])),
                difflib.get_close_matches(name[:MAX_NAME], known, n=1),
            )
            errors[f"{where}{shown}"] = (
                Sentence("There is no field {name}. Did you mean {near}?", name=shown, near=near[0])
                if near
                else Sentence("There is no field {name}.", name=shown)
            )
        if len(errors) > 20:
            return


def _choice(name: str, value: Any, errors: dict[str, str]) -> str:
    """Return the value of an enumeration, also for another word that means it, such as "Close up"."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        if value in VALUES[name]:
            return value
        said = " ".join(re.split(r"[\s_-]+", value.strip().lower()))
        for term in FIELDS[name]:
            if said in {
                " ".join(re.split(r"[\s_-]+", word))
                for word in (term.value, term.title.lower(), *term.also, *term.seed)
            }:
                return term.value
    errors[name] = Sentence("{name} is one of {values}.", name=name, values=", ".join(VALUES[name]))
    return ""


def _text(name: str, value: Any, errors: dict[str, str], most: int = MAX_TEXT) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        errors[name] = Sentence("{name} is a text.", name=name.rpartition(".")[2])
        return ""
    text = " ".join(CONTROLS.sub(" ", value).split())
    if HALF.search(text):
        errors[name] = Sentence("{name} has half a character.", name=name.rpartition(".")[2])
        return ""
    if len(text) > most:
        errors[name] = Sentence(
            "{name} has at most {most:,} characters; this one has {number:,}.",
            name=name.rpartition(".")[2],
            most=most,
            number=len(text),
        )
    return text


def tidy(shot: Shot) -> Shot:
    """Return the shot in normal form, in which JSON and text say exactly the same.

    The main subject is the first one; names are capitalised, with the type that they have; texts have no full stop
    at their end and none between, but for the camera, whose motion is whole sentences.
    """
    main = shot.main
    ordered = ([main] if main else []) + [each for each in shot.subjects if each is not main]
    subjects = [_tidy_subject(each, first=place == 0) for place, each in enumerate(ordered)]
    subjects = [each for each in subjects if each.sub_type]
    if subjects and not subjects[0].is_main_subject:
        subjects[0] = dataclasses.replace(subjects[0], is_main_subject=True)
    return dataclasses.replace(
        shot,
        subjects=tuple(subjects),
        environment=_bare(shot.environment, ("the setting is ", "the scene takes place ")),
        lighting=_light(shot.lighting),
        camera_motion=camera_sentence(shot.camera_motion),
    )


def _tidy_subject(subject: Subject, first: bool) -> Subject:
    name = _bare(subject.sub_type or subject.type, ("a ", "an ", "the "))
    texts = {each: _plain(getattr(subject, each)) for each in SUBJECT_TEXTS}
    texts["appearance"] = _bare(texts["appearance"], ("has ", "have ", "with "))
    if not name and any(texts.values()):
        name = "Subject"
    name = name[:1].upper() + name[1:]
    return Subject(type=type_of(name), sub_type=name, **texts, is_main_subject=first)


def _plain(text: str) -> str:
    """Return a text without what would end a sentence, on one line."""
    words = re.sub(r"\s*[.!?…]+(?=\s)", ";", " ".join(text.split()))
    return words.strip(" .!?…;,:")


def _bare(text: str, openings: tuple[str, ...]) -> str:
    plain = _plain(text)
    while opening := next((each for each in openings if plain.lower().startswith(each)), ""):
        plain = _plain(plain[len(opening) :])
    return plain


def _light(text: str) -> str:
    """Return lighting without the word that its sentence has anyway: of "warm lighting" that is "warm"."""
    plain = _bare(text, ("the lighting is ", "the scene is lit ", "lit "))
    while re.search(r"\w lighting$", plain, re.IGNORECASE):
        plain = _plain(plain[: -len("lighting")])
    return plain


def camera_sentence(text: str) -> str:
    """Return camera motion as capitalised sentences without the last full stop; of a bare value, such as "pan-left",
    the sentence that says it."""
    text = " ".join(text.split()).strip(" .;,:")
    if not text:
        return ""
    said = " ".join(re.split(r"[\s_-]+", text.lower()))
    for move in CAMERA_MOVES:
        if said in {" ".join(re.split(r"[\s_-]+", word)) for word in (move.value, *move.also, *move.seed)}:
            return move.phrase
    parts = [part.strip(" .;,:") for part in re.split(r"(?<=[.!?])\s+", text)]
    return ". ".join(_camera(part) for part in parts if part)


def _camera(sentence: str) -> str:
    if re.match(r"(the )?camera\b", sentence, re.IGNORECASE):
        return sentence[:1].upper() + sentence[1:]
    return f"Camera motion: {sentence}"
