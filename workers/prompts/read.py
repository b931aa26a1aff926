"""English text as a shot: text of the grammar exactly, and what people write as well as can be.

Of a free prompt nothing is lost: what is no shot word, no camera motion and no lighting stays in a subject's action or
in the environment.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from workers.base import Sentence
from workers.prompts.names import name_in, named, type_of
from workers.prompts.shot import MAX_NAME, MAX_SUBJECTS, MAX_TEXT, TEXTS, Shot, Subject, from_text, tidy
from workers.prompts.vocabulary import CAMERA_MOVES, FIELDS, LIGHT_WORDS, TYPE_OF, Term, lexicon
from workers.prompts.write import DRESSED, FEELING, write

SENTENCES = re.compile(r"(?<=[.!?…])\s+|\n+")
OPENINGS = re.compile(r"(there is|there are|we see|a video of|a clip of|a film of)\s+", re.IGNORECASE)
SETTING = re.compile(r"(?:the )?(?:setting|environment|background) is (.+)|the scene takes place (.+)", re.IGNORECASE)
LIGHTING = re.compile(r"(?:the )?light(?:ing)? is (.+)|the scene is lit (.+)|lighting: (.+)", re.IGNORECASE)
CAMERA = re.compile(r"(?:the )?camera\b.*", re.IGNORECASE | re.DOTALL)
IN_FRAME = re.compile(r"in the frame, (?:she|he|they|it) (?:is|are) (.+)", re.IGNORECASE)
FELT = re.compile(r"(?:she|he|they|it) (?:looks?|shows?) (.+)", re.IGNORECASE)
SEEN = re.compile(r"(?:she|he|they|it) (is|are|has|have) (.+)", re.IGNORECASE)
LED_BY = re.compile(r"(in|under|with|by|lit by|at|during|against)\s", re.IGNORECASE)
BLANK = re.compile(r"\{\{?\s*[\w .-]{1,40}\s*\}?\}")
FEW_WORDS = 7

# Frequent words of languages in Latin letters that are no English words.
FOREIGN = {
    Sentence("Spanish"): "el la los las un una unos del con por para que es en y se su sobre mientras bajo",
    Sentence("French"): "le la les un une des du dans avec pour qui est sur et au aux ses son sous pendant",
    Sentence("German"): "der die das ein eine einen einem und ist mit auf im am über unter durch den dem des läuft",
    Sentence("Italian"): "il lo la gli un una di del della che è con per sul sulla nel nella mentre sotto",
    Sentence("Portuguese"): "o os as um uma do da dos das com por para que é em no na ao sobre enquanto sob",
}
ENGLISH = lexicon(
    "the a an of in on at is are and with to over under from by for its his her their through across into "
    "while as moves walks runs camera shot light"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the shot, and sentences for the user about what was decided."""

    shot: Shot
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    subjects: list[Subject] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, words: str, joint: str = ", ") -> None:
        """Put words into a field of the shot, behind those that it has."""
        before = self.values.get(name, "")
        self.values[name] = f"{before}{joint}{words}" if before else words

    def tell(self, name: str, words: str, joint: str = ", ") -> None:
        """Put words into a field of the newest subject."""
        last = self.subjects[-1]
        before = getattr(last, name)
        told: dict[str, Any] = {name: f"{before}{joint}{words}" if before else words}
        self.subjects[-1] = replace(last, **told)

    @property
    def shot(self) -> Shot:
        return tidy(Shot(subjects=tuple(self.subjects), **self.values))


def read(text: str) -> Reading:
    """Return the shot of a text in normal form, with notes on what could not be taken as it is said.

    A text that is a shot in JSON is that shot. Raises PromptError when it is JSON with fields that cannot be.
    """
    if shot := from_text(text):
        return Reading(tidy(shot))
    text = text.strip()
    notes = [*_contradictions(text), *blanks(text)]
    strict = _strict(text)
    if write(strict) == " ".join(text.split()) and lifted(strict) == strict:
        return Reading(strict, tuple(notes))
    if language := other_language(text):
        return Reading(tidy(Shot(environment=text)), (_kept_note(language), *notes))
    return Reading(_free(text), tuple(notes))


def normal(shot: Shot) -> Shot:
    """Return the shot in the form in which its JSON and its text say exactly the same."""
    return lifted(tidy(shot))


def lifted(shot: Shot) -> Shot:
    """Return a shot in which what actions say of the camera and the light stands in the fields for it."""
    draft = _Draft(values={name: value for name in (*FIELDS, *TEXTS) if (value := getattr(shot, name))})
    for subject in shot.subjects:
        sentence = named(subject.sub_type, subject.action)
        rest = _parsed(draft, sentence)
        if rest != sentence:
            name, action = name_in(rest) if rest else (subject.sub_type, "")
            subject = replace(subject, sub_type=name, action=action)
        draft.subjects.append(subject)
    return draft.shot


def _kept_note(language: str) -> str:
    return Sentence(
        "Your prompt is {language}. It is kept as it is: the model knows English best, so translate it if you can.",
        language=language,
    )


def _strict(text: str) -> Shot:
    """Read the sentences of the grammar; what is none of them is a subject with its action."""
    draft = _Draft()
    for sentence in sentences_of(text):
        if not _framed(draft, sentence):
            name, action = name_in(sentence)
            draft.subjects.append(_named(name, action=action))
    return draft.shot


def _free(text: str) -> Shot:
    """Read what people write: each sentence by its frame, or clause by clause."""
    draft = _Draft()
    for sentence in sentences_of(text):
        if _framed(draft, sentence):
            continue
        if words := OPENINGS.sub("", _parsed(draft, sentence), count=1):
            _subject(draft, words)
    return draft.shot


def _parsed(draft: _Draft, sentence: str) -> str:
    """Take the shot words, camera motions and lights of a sentence; returns the rest, as it is where nothing is taken.

    What is named in the midst of other words is known, and stays there.
    """
    opened = _shot_words(draft, sentence)
    clauses = _clauses(opened)
    rest = [clause for clause in clauses if not _taken(draft, clause)]
    for name in FIELDS:
        if name not in draft.values and (found := _mentioned(opened, name)):
            draft.values[name] = found[0].value
    return opened if len(rest) == len(clauses) else ", ".join(rest)


def sentences_of(text: str) -> Iterator[str]:
    """Yield the sentences of a text without the marks at their ends."""
    for part in SENTENCES.split(text):
        if sentence := " ".join(part.split()).strip(" .!?…;,:"):
            yield sentence


def _framed(draft: _Draft, sentence: str) -> bool:
    """Take a sentence that the grammar writes for one field; False for any other."""
    found, rest = shot_line(sentence)
    if found and not rest:
        draft.values |= {name: value for name, value in found.items() if name not in draft.values}
        return True
    if match := SETTING.fullmatch(sentence):
        draft.add("environment", match[1] or match[2])
    elif match := LIGHTING.fullmatch(sentence):
        draft.add("lighting", match[1] or match[2] or match[3])
    elif CAMERA.fullmatch(sentence):
        draft.add("camera_motion", sentence[:1].upper() + sentence[1:], ". ")
    elif draft.subjects and (match := IN_FRAME.fullmatch(sentence)):
        draft.tell("position", match[1])
    elif draft.subjects and (match := FELT.fullmatch(sentence)):
        draft.tell("expression", match[1])
    elif draft.subjects and (match := SEEN.fullmatch(sentence)):
        doing = match[2].lower().split()[0]
        if match[1].lower() in ("has", "have") or not doing.endswith("ing") or doing in DRESSED:
            draft.tell("appearance", match[2])
        else:
            draft.tell("expression" if doing in FEELING else "action", match[2])
    else:
        return False
    return True


def shot_line(sentence: str) -> tuple[dict[str, str], str]:
    """Return the shot fields with which a sentence begins, and the rest: "a close-up from a low angle" has none."""
    rest, found = sentence, {}
    opened = re.match(r"(?:seen |shot |filmed )", rest, re.IGNORECASE)
    if opened:
        rest = rest[opened.end() :]
    for name in FIELDS:
        for begins, _, term in _patterns(name):
            if match := begins.match(rest):
                found[name], rest = term.value, rest[match.end() :]
                break
    return (found, rest) if found else ({}, sentence)


@cache
def _patterns(name: str) -> list[tuple[re.Pattern[str], re.Pattern[str], Term]]:
    """Return how each term of a field is found at the beginning of a text and anywhere, longer words first."""
    terms = CAMERA_MOVES if name == "camera_motion" else FIELDS[name]
    pairs = [(re.sub(r"^An? ", "", words), term) for term in terms for words in (term.phrase, *term.also)]
    return [
        (
            re.compile(rf"(?:an? |the )?{re.escape(words)}(?![\w-])[,\s]*", re.IGNORECASE),
            re.compile(rf"(?<![\w-]){re.escape(words)}(?![\w-])", re.IGNORECASE),
            term,
        )
        for words, term in sorted(pairs, key=lambda pair: -len(pair[0]))
    ]


def _shot_words(draft: _Draft, sentence: str) -> str:
    """Take "a close-up of" from the front of a sentence; returns the rest."""
    found, rest = shot_line(sentence)
    if match := re.match(r"(?:of|showing|shows|:)\s+", rest, re.IGNORECASE) if found else None:
        draft.values |= {name: value for name, value in found.items() if name not in draft.values}
        return rest[match.end() :]
    if found and sentence[: len(sentence) - len(rest)].rstrip().endswith(","):
        draft.values |= {name: value for name, value in found.items() if name not in draft.values}
        return rest
    return sentence


def _clauses(sentence: str) -> list[str]:
    """Split at commas and semicolons, and where the camera begins: "… while the camera pans left"."""
    apart = re.sub(r"\s+(?:while|as|and)\s+(?=the camera\b)", ", ", sentence, flags=re.IGNORECASE)
    return [clause for part in re.split(r"[,;]\s*", apart) if (clause := part.strip())]


def _taken(draft: _Draft, clause: str) -> bool:
    """Take a clause that is a shot word, a camera motion or a light as a whole."""
    found, rest = shot_line(clause)
    if found and not rest and not found.keys() & draft.values.keys():
        draft.values |= found
        return True
    if CAMERA.fullmatch(clause):
        draft.add("camera_motion", clause[:1].upper() + clause[1:], ". ")
        return True
    said = clause.lower()
    for move in CAMERA_MOVES:
        if said.removeprefix("slow ").removeprefix("slowly ") in move.also:
            slow = "slowly " if said.startswith("slow") and " is " not in move.phrase else ""
            draft.add("camera_motion", move.phrase.replace("The camera ", f"The camera {slow}"), ". ")
            return True
    words = re.findall(r"[\w'-]+", said)
    if len(words) <= FEW_WORDS and _lights(words) and (draft.subjects or "lighting" in said):
        draft.add("lighting", clause)
        return True
    if len(words) <= FEW_WORDS and _lights(words) and LED_BY.match(clause):
        draft.add("lighting", clause)
        return True
    return False


def _lights(words: list[str]) -> bool:
    return bool(words) and words[-1] in LIGHT_WORDS


def _subject(draft: _Draft, words: str) -> None:
    """Make a subject of words, or put them where they are kept."""
    name, action = name_in(words)
    if not name or len(name) > MAX_NAME or len(draft.subjects) >= MAX_SUBJECTS or not name[0].isalnum():
        draft.add("environment", words, "; ")
    elif type_of(name) == "Other" and draft.subjects and name.lower() not in TYPE_OF:
        # A sentence about something unknown tells more of the same scene.
        draft.tell("action", words[:1].lower() + words[1:], "; ")
    else:
        draft.subjects.append(_named(name, action=action))


def _named(name: str, **texts: str) -> Subject:
    told: dict[str, Any] = {key: text[:MAX_TEXT] for key, text in texts.items()}
    return Subject(type=type_of(name), sub_type=name[:MAX_NAME], **told)


def _mentioned(text: str, name: str) -> list[Term]:
    """Return the terms of a field that a text names, in the order of the text, longer names before shorter ones."""
    found: list[tuple[int, Term]] = []
    for _, anywhere, term in _patterns(name):
        for match in anywhere.finditer(text):
            found.append((match.start(), term))
        text = anywhere.sub(lambda match: "\0" * len(match[0]), text)
    return list(dict.fromkeys(term for _, term in sorted(found, key=lambda pair: pair[0])))


def _contradictions(text: str) -> list[str]:
    """Return a note for each field of which a text names two values: the first one is taken, and no word goes."""
    notes: list[str] = []
    for name in FIELDS:
        found = _mentioned(text, name)
        if len(found) > 1 and name == "shot_type":
            notes.append(
                Sentence(
                    "You ask for more than one shot size ({first}, {second}). One shot has one size: the first is "
                    "taken, and your words stay. Make two videos for both.",
                    **_first_two(found),
                )
            )
        elif len(found) > 1 and name == "shot_angle":
            notes.append(
                Sentence(
                    "You name two camera angles ({first}, {second}): the first is taken, and your words stay.",
                    **_first_two(found),
                )
            )
    moves = _mentioned(text, "camera_motion")
    if len(moves) > 1 and moves[0].value != moves[1].value and "static" in {move.value for move in moves}:
        notes.append(Sentence("The camera is said to be static and to move. Both stay as you wrote them; remove one."))
    return notes


def _first_two(terms: list[Term]) -> dict[str, str]:
    return dict(zip(("first", "second"), (Sentence(term.title) for term in terms), strict=False))


def blanks(text: str) -> list[str]:
    """Return a note on what looks like a template that nobody has filled in."""
    found = list(dict.fromkeys(match[0] for match in BLANK.finditer(text)))
    if not found:
        return []
    named = ", ".join(found[:5])
    if len(found) == 1:
        return [
            Sentence(
                "{blank} looks like a blank of a template. Write what you want to see there; until then it is sent as "
                "it is.",
                blank=named,
            )
        ]
    return [
        Sentence(
            "{blanks} look like blanks of a template. Write what you want to see there; until then they are sent as "
            "they are.",
            blanks=named,
        )
    ]


def other_language(text: str) -> str:
    """Return "in Spanish" or "not in English" for a text in another language; empty for English, or when in doubt."""
    letters = [letter for letter in text if letter.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    if letters and latin < len(letters) / 2:
        return Sentence("not in English")
    words = re.findall(r"[^\W\d_]+", text.lower())
    english = sum(word in ENGLISH for word in words)
    counts = {language: sum(word in known.split() for word in words) for language, known in FOREIGN.items()}
    language, most = max(counts.items(), key=lambda pair: pair[1])
    return Sentence("in {language}", language=language) if most >= 2 and most > english else ""
