"""The JSON schema of a shot that a language model may answer: every text and list has an end."""

from __future__ import annotations

import json
import re
from typing import Any

from workers.base import Sentence
from workers.prompts.compose import Suggestion, written
from workers.prompts.read import blanks, read
from workers.prompts.shot import PromptError, Shot, from_json
from workers.prompts.vocabulary import VALUES, lexicon
from workers.prompts.write import Target, write

MOST_SUBJECTS = 3
TEXT, NAME = 120, 24  # characters
INSTRUCTION = (
    "You describe one shot for a video model, as JSON. Keep everything that the user asks for, in English, and add "
    "nothing that contradicts it. Give the main subject first. Write short phrases: how it looks (appearance), what it "
    "does (action, a verb first), what it feels (expression), where in the frame it is (position). Choose shot_type, "
    "shot_angle and shot_position. camera_motion is a sentence such as: The camera slowly pans left. Then environment "
    "and lighting."
)
# Words of a prompt that need not come back.
SMALL = lexicon(
    "a an the of in on at is are and with to over under from by for its his her their through across into while as "
    "that this there then some very shot video film clip scene camera view"
)
ENOUGH = 0.6  # of the words that mean something


def _text(most: int, least: int = 0) -> dict[str, Any]:
    # Letters, marks of a sentence and no white space at the beginning: a run of blanks would be no answer.
    return {"type": "string", "pattern": rf"^([A-Za-z0-9][A-Za-z0-9 ,'-]{{0,{most - 1}}}){'' if least else '?'}$"}


def schema(longest: int = TEXT) -> dict[str, Any]:
    """Return the schema of an answer, a part of what `from_json` reads, with texts of at most `longest` characters."""
    subject = {
        "TYPES": _object({"type": _text(min(NAME, longest), 1), "sub_type": _text(min(NAME, longest), 1)}),
        **{name: _text(longest) for name in ("appearance", "action", "expression", "position")},
        "is_main_subject": {"type": "boolean"},
    }
    return _object(
        {
            "subjects": {"type": "array", "items": _object(subject), "minItems": 1, "maxItems": MOST_SUBJECTS},
            **{name: {"enum": [*values]} for name, values in VALUES.items()},
            **{name: _text(longest) for name in ("camera_motion", "environment", "lighting")},
        }
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def answered(answer: str) -> Shot:
    """Read a model's answer. Raises PromptError for one that is no shot."""
    try:
        return from_json(json.loads(answer))
    except (ValueError, RecursionError) as error:
        raise PromptError({"shot": Sentence("The answer is no JSON.")}) from error


def sensible(prompt: str, text: str) -> bool:
    """Whether a text says enough of what the prompt says: most of the words that mean something, by their stems."""
    asked = {word[:5] for word in re.findall(r"[^\W\d_]+", prompt.lower()) if word not in SMALL}
    told = {word[:5] for word in re.findall(r"[^\W\d_]+", text.lower())}
    return len(asked & told) >= ENOUGH * len(asked)


def suggestion(prompt: str, answer: str, seed: int, engine: str, target: Target) -> Suggestion | None:
    """Return what a model's answer suggests; None for an answer that is no shot or says something else."""
    asked, notes = written(prompt, target)
    try:
        shot = answered(answer)
    except PromptError:
        return None
    text = write(shot, target)
    if not text or not sensible(asked, write(shot)):
        return None
    found = (*notes, *blanks(asked))
    return Suggestion(prompt.strip(), text, read(text).shot, engine=engine, notes=found, seed=seed)
