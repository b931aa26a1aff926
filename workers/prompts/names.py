"""What subjects are called: the name with which a sentence begins, its article and its pronoun."""

from __future__ import annotations

import re

from workers.prompts.vocabulary import FEMALE, MALE, MASS, PLURALS, TYPE_OF, lexicon

ARTICLES = ("a", "an", "the")
COUNTED = lexicon(
    "two three four five six seven eight nine ten many several some few my your his her its our their "
    "this that these those every each no"
)
BARE = lexicon("everything everybody everyone something somebody someone nothing nobody i you he she it we they")
PLACED = lexicon(
    "in on at under over near by inside outside along among between behind beside above below beneath "
    "beyond across around against aboard amid within before through underwater"
)
STOPS = PLACED | lexicon("and or of with while as to from for who that which is are was has have into onto")
LONGEST_NAME = 5  # words


def named(name: str, action: str) -> str:
    """Return the sentence of a subject: "A woman walks". Where the name would not be found again, a comma ends it."""
    called = with_article(name)
    if not action:
        return called
    plain = f"{called} {action}"
    return plain if name_in(plain) == (name, action) else f"{called}, {action}"


def with_article(name: str) -> str:
    """Return a capitalised name with its article: "A woman", "An old man", "Two dogs", "Waves"."""
    if any(letter.isupper() for letter in name[1:]) or name.lower() in BARE:
        return name
    if is_plural(name) or name.lower().split()[-1] in MASS or name.lower().split()[0] in COUNTED:
        return name
    lowered = name[:1].lower() + name[1:]
    return f"{'An' if lowered[0] in 'aeiou' else 'A'} {lowered}"


def is_plural(name: str) -> bool:
    """Whether a name stands for several."""
    last = name.lower().split()[-1] if name.split() else ""
    return last in PLURALS or (len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is")))


def pronoun(name: str) -> str:
    """Return "She", "He", "They" or "It" for the name of a subject."""
    last = name.lower().split()[-1] if name.split() else ""
    if is_plural(name):
        return "They"
    if last in FEMALE:
        return "She"
    if last in MALE:
        return "He"
    return "They" if type_of(name) == "Human" and last not in ("baby", "crowd", "group") else "It"


def name_in(sentence: str) -> tuple[str, str]:
    """Split a sentence into its capitalised subject and what that does: "An old man walks" is "Old man" and "walks".

    Known names are found with what describes them; else a comma within the first words ends the name, or it is one
    word.
    """
    words = sentence.split()
    led = bool(words) and words[0].lower() in ARTICLES and len(words) > 1
    body = words[1:] if led else words
    size = _name_size(body, led)
    name = " ".join(body[:size])
    action = " ".join(body[size:])
    name = name.rstrip(",;")
    return name[:1].upper() + name[1:], action


def _name_size(words: list[str], led: bool) -> int:
    """Return how many words the name has that a sentence begins with."""
    described = led or (bool(words) and words[0].lower() in COUNTED)
    for start in range(min(len(words), LONGEST_NAME if described else 2)):
        for end in range(min(len(words), start + 3), start, -1):
            known = " ".join(words[start:end]).lower()
            if known.rstrip(",;") in TYPE_OF or known.rstrip(",;").removesuffix("s") in TYPE_OF:
                return end
        word = words[start].lower()
        counted = start == 0 and word in COUNTED
        if not counted and (word in STOPS or word.endswith((",", "s", ";"))):
            break
    for place, word in enumerate(words[:LONGEST_NAME], 1):
        if word.endswith((",", ";")):
            return place
    capitals = next((place for place, word in enumerate(words) if not word[0].isupper()), len(words))
    return min(max(capitals, 1), LONGEST_NAME, len(words))


def type_of(name: str) -> str:
    """Return the type of a subject by its name: of "Old man" that of "man"; Other for what is not known."""
    words = re.findall(r"[\w'-]+", name.lower())
    for start in range(len(words)):
        for end in range(len(words), start, -1):
            phrase = " ".join(words[start:end])
            if (kind := TYPE_OF.get(phrase) or TYPE_OF.get(phrase.removesuffix("s"))) and end == len(words):
                return kind
    return "Other"
