"""A shot as English text, by the rules with which SkyReels-V2's captions were joined to sentences."""

from __future__ import annotations

import re
from typing import Literal

from workers.prompts.names import ARTICLES, PLACED, named, pronoun
from workers.prompts.shot import Shot, Subject, tidy
from workers.prompts.vocabulary import lexicon, term

Target = Literal["t2v", "i2v"]
TARGETS: tuple[Target, ...] = ("t2v", "i2v")
# Words that say how somebody is; with others, a description says what they have.
ADJECTIVES = lexicon(
    "old young tall short small large big little tiny huge thin fat slim strong weak beautiful pretty "
    "handsome ugly cute elderly bald blonde blond tired wet dry dirty clean shiny fluffy furry red orange "
    "yellow green blue purple pink brown black white grey gray golden silver dark bright pale transparent "
    "wooden metallic round square elegant muscular very and quite"
)
FEELING = lexicon("smiling laughing crying grinning frowning weeping")
DRESSED = lexicon("wearing dressed clad covered made painted decorated carrying holding in")


def write(shot: Shot, target: Target = "t2v") -> str:
    """Return the text of a shot: shot type, angle and position, subjects, environment, lighting, camera motion.

    For a film that begins with a picture (`i2v`) only what moves is told, because the picture shows the rest: names,
    actions, expressions and the camera's motion.
    """
    shot = tidy(shot)
    if target == "i2v":
        told = [each for each in shot.subjects if each.action or each.expression]
        sentences = [sentence for each in told for sentence in _moves(each)]
    else:
        sentences = [_seen(shot), *(sentence for each in shot.subjects for sentence in _subject(each))]
        sentences += [_setting(shot.environment), _lit(shot.lighting)]
    sentences.append(shot.camera_motion)
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def _seen(shot: Shot) -> str:
    """How the camera sees it: "A medium shot from a low angle, in side view"."""
    kind, angle, position = (
        term(name, value).phrase if value else ""
        for name, value in (
            ("shot_type", shot.shot_type),
            ("shot_angle", shot.shot_angle),
            ("shot_position", shot.shot_position),
        )
    )
    if not (kind or angle or position):
        return ""
    first = " ".join(part for part in (kind or "Seen", angle) if part)
    return ", ".join(part for part in (first, position) if part) if kind or angle else f"{first} {position}"


def _subject(subject: Subject) -> list[str]:
    """A subject's sentences: what it does, how it looks, what it feels, and where in the frame it is."""
    who, (is_, has, *_) = pronoun(subject.sub_type), _verbs(subject.sub_type)
    told = _moves(subject)
    if subject.appearance:
        words = re.findall(r"[\w'-]+", subject.appearance.partition(",")[0].lower())
        how = is_ if words and (words[0] in DRESSED or all(word in ADJECTIVES for word in words)) else has
        told.insert(1, f"{who} {how} {subject.appearance}")
    if subject.position:
        told.append(f"In the frame, {who.lower()} {is_} {subject.position}")
    return told


def _moves(subject: Subject) -> list[str]:
    told = [named(subject.sub_type, subject.action)]
    if subject.expression:
        is_, _, looks, shows = _verbs(subject.sub_type)
        first = subject.expression.lower().split()[0]
        verb = shows if first in ARTICLES else is_ if first in FEELING else looks
        told.append(f"{pronoun(subject.sub_type)} {verb} {subject.expression}")
    return told


def _verbs(name: str) -> tuple[str, str, str, str]:
    return ("are", "have", "look", "show") if pronoun(name) == "They" else ("is", "has", "looks", "shows")


def _setting(environment: str) -> str:
    if not environment:
        return ""
    placed = environment.lower().split()[0] in PLACED
    return f"The scene takes place {environment}" if placed else f"The setting is {environment}"


def _lit(lighting: str) -> str:
    if not lighting:
        return ""
    led = lighting.lower().split()[0] in ("by", "with", "under", "in", "from", "only")
    return f"The scene is lit {lighting}" if led else f"The lighting is {lighting}"
