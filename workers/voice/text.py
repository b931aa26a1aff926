"""The text that is spoken: refused with a reason, cut into sentences, and matched with the words that are said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from workers import base
from workers.voice import languages, numbers
from workers.voice.base import MAX_CHARACTERS, Voice, VoiceError
from workers.voice.readings import ABBREVIATIONS, GREEK, RULES

LONGEST_WORD = 100  # characters without a space
LONGEST_SENTENCE = 240  # characters; what is longer is cut at punctuation, else between words
# Languages that are written without spaces between words, and those that are written from right to left.
UNSPACED = ("zh", "ja", "th", "lo", "km", "my")
RIGHT_TO_LEFT = ("ar", "he", "fa", "ur", "ps", "yi")

# Seconds of silence after a sentence, by what it ends with.
PAUSES = {".": 0.35, "!": 0.35, "?": 0.4, "…": 0.55, ":": 0.3, ";": 0.25, "—": 0.25, "–": 0.25, ",": 0.15}
PAUSE_OF_A_LINE, PAUSE_OF_A_PARAGRAPH, PAUSE_OF_A_CUT = 0.45, 0.8, 0.05

_WIDE = str.maketrans("。！？，；：、", ".!?,;:,")
_PLAIN = {
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ß": "ss",
    "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "ng", "Ŋ": "Ng", "ĸ": "k", "ŧ": "t",
    "Ŧ": "T", "ẞ": "Ss", "ə": "e", "Ə": "E", "ƒ": "f", "ŀ": "l", "Ŀ": "L",
}  # fmt: skip
_TAG = re.compile(r"<\s*[/!?]?\s*[A-Za-z][^<>]*>")
_END = re.compile(r"[.!?…]+[\"'”’)\]»]*(?=\s|$)|[。！？]+[”’」』]?")
_LAST_WORD = re.compile(r"(?:^|[\s(\"'“‘])((?:[A-Za-z]\.)*[A-Za-z]+)$")
_CLOSING = "\"'”’)]»」』"
# Words that a number follows after their full stop, and abbreviations that often end a sentence.
_BEFORE_NUMBERS = ("no", "nos", "p")
_LAST = ("etc", "Inc", "Ltd", "Co", "Corp", "Jr", "Sr")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A part of a text that is spoken in one go, and the seconds of silence after it."""

    text: str
    pause: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Some characters of a text without the space around them, and the words that are said for them."""

    written: str
    said: str


def check(text: str, voice: Voice, language: str = "", others: Iterable[Voice] = ()) -> None:
    """Refuse a text that this voice cannot speak; `others` are the voices that a refusal may name.

    Without a language the text's own is guessed. Raises VoiceError("text_not_speakable"), VoiceError("text_too_long")
    or VoiceError("language_not_spoken").
    """
    guessed = "" if language else languages.guess(text[:MAX_CHARACTERS])
    language = language or voice.language[0]
    if len(text) > MAX_CHARACTERS:
        told = base.Sentence(
            "This text has {count:,} characters; at most {most:,} can be spoken at once.",
            count=len(text),
            most=MAX_CHARACTERS,
        )
        raise VoiceError("text_too_long", told)
    if not speaks(voice, language):
        raise _not_spoken(voice, language, others)
    clean = plain(text)
    if not clean.strip():
        raise VoiceError("text_not_speakable", "There is no text to speak.")
    if _TAG.search(clean):
        raise VoiceError("text_not_speakable", "Tags such as <break> cannot be spoken; use punctuation for pauses.")
    if main(language) not in RIGHT_TO_LEFT and any(
        unicodedata.bidirectional(letter) in ("R", "AL") for letter in clean
    ):
        told = base.Sentence("{voice} does not speak languages that are written from right to left.", voice=voice.name)
        raise VoiceError("language_not_spoken", told)
    if not any(letter.isalnum() for letter in clean):
        raise VoiceError("text_not_speakable", "This text has no words: emoji and signs alone cannot be spoken.")
    if main(language) not in UNSPACED and any(len(word) > LONGEST_WORD for word in clean.split()):
        told = base.Sentence("A word of this text has more than {most} characters without a space.", most=LONGEST_WORD)
        raise VoiceError("text_not_speakable", told)
    if main(language) == "en" and (foreign := _foreign(clean)):
        told = base.Sentence("{voice} reads English and cannot read “{word}”.", voice=voice.name, word=foreign)
        raise VoiceError("language_not_spoken", told)
    if guessed and not speaks(voice, guessed):
        raise _not_spoken(voice, guessed, others)
    if main(language) == "en" and not (_has_words(clean) or _has_words(folded(spoken(clean)))):
        raise VoiceError("text_not_speakable", "This text has no words: emoji and signs alone cannot be spoken.")


def speaks(voice: Voice, language: str) -> bool:
    """Whether a voice speaks a language such as "en", "en-GB" or "de"; a voice of "de" speaks every kind of German."""
    asked = language.lower()
    spoken = [tag.lower() for tag in voice.language]
    return asked in spoken or asked in map(main, spoken) or main(asked) in spoken


def main(language: str) -> str:
    """Return the language of a BCP 47 tag without its region."""
    return language.lower().replace("_", "-").split("-")[0]


def plain(text: str) -> str:
    """Return a text without characters that are not seen: controls, marks of direction, variants of emoji."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    return "".join(letter for letter in text if letter == "\n" or not _unseen(letter))


def folded(text: str) -> str:
    """Return a text with its Latin letters as the plain ones that they come from: "Łódź" as "Lodz"."""
    return "".join(
        part
        for letter in text
        for part in unicodedata.normalize("NFKD", _PLAIN.get(letter, letter))
        if not unicodedata.combining(part)
    )


def _unseen(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cn", "Cs") or letter in "\ufe0e\ufe0f"


def _not_spoken(voice: Voice, language: str, others: Iterable[Voice]) -> VoiceError:
    able = [other.name for other in others if other.available and speaks(other, language)]
    if not able:
        told = base.Sentence(
            "{voice} does not speak {language}. No voice of this studio does.",
            voice=voice.name,
            language=languages.name(language),
        )
    else:
        told = base.Sentence(
            "{voice} does not speak {language}. These voices do: {voices}.",
            voice=voice.name,
            language=languages.name(language),
            voices=", ".join(able[:8]),
        )
    return VoiceError("language_not_spoken", told)


def _foreign(text: str) -> str:
    """Return the first word with a letter that is neither Latin nor read by its name, or an empty text."""
    for word in text.split():
        for letter in word:
            if letter.isalpha() and letter not in GREEK and not _latin(letter):
                return word[:40]
    return ""


def _has_words(text: str) -> bool:
    return any(letter.isascii() and letter.isalpha() for letter in text)


def _latin(letter: str) -> bool:
    """Whether a letter is Latin, or another form of some, such as "ﬁ" and the bold letters of mathematics."""
    plainer = [each for each in unicodedata.normalize("NFKC", letter) if each.isalpha()]
    return bool(plainer) and all("LATIN" in unicodedata.name(each, "") for each in plainer)


def sentences(text: str) -> list[Sentence]:
    """Cut a text into what is spoken in one go, with the pause after each part by its punctuation."""
    found: list[Sentence] = []
    for paragraph in re.split(r"\n\s*\n", plain(text)):
        for line in paragraph.split("\n"):
            parts = [
                Sentence(part, pause)
                for sentence in _cut(" ".join(line.split()))
                for part, pause in _short(sentence)
                if any(letter.isalnum() for letter in part)
            ]
            if parts:
                parts[-1] = Sentence(parts[-1].text, max(parts[-1].pause, PAUSE_OF_A_LINE))
            found += parts
        if found:
            found[-1] = Sentence(found[-1].text, PAUSE_OF_A_PARAGRAPH)
    if found:
        found[-1] = Sentence(found[-1].text, 0.0)
    return found


def _cut(line: str) -> list[str]:
    parts, begin = [], 0
    for match in _END.finditer(line):
        rest = line[match.end() :].lstrip()
        if rest and match.group()[0] in ".…" and not _ends(line[begin : match.start()], match.group(), rest):
            continue
        parts.append(line[begin : match.end()].strip())
        begin = match.end()
    return [part for part in (*parts, line[begin:].strip()) if part]


def _ends(before: str, stop: str, rest: str) -> bool:
    """Whether a full stop between these two ends a sentence, and not an abbreviation, an initial or a hesitation."""
    if rest[0].islower():
        return False
    match = _LAST_WORD.search(before)
    if not match or stop != ".":
        return True
    word = match.group(1)
    if rest[0].isdigit() and word.lower() in _BEFORE_NUMBERS:
        return False
    if len(word) == 1:
        return word.islower() or word == "I"
    return f"{word}." not in ABBREVIATIONS or word in _LAST


def _short(sentence: str) -> Iterator[tuple[str, float]]:
    """Cut a long sentence at punctuation, else between words, into parts of LONGEST_SENTENCE characters at most."""
    while len(sentence) > LONGEST_SENTENCE:
        head = sentence[:LONGEST_SENTENCE]
        cuts = [match.end() for match in re.finditer(r"[;:—–,](?=\s)|[，；：、]", head)]
        at = cuts[-1] if cuts and cuts[-1] > LONGEST_SENTENCE // 4 else head.rfind(" ")
        part, sentence = sentence[: at if at > 0 else None].strip(), sentence[at:].strip() if at > 0 else ""
        if at <= 0:  # no space: a language without them
            part, sentence = part[:LONGEST_SENTENCE], part[LONGEST_SENTENCE:]
        yield part, PAUSES.get(part[-1].translate(_WIDE), PAUSE_OF_A_CUT)
    if sentence:
        ending = sentence.rstrip(_CLOSING).replace("...", "…")[-1:].translate(_WIDE)
        yield sentence, PAUSES.get(ending, PAUSES["."])


def spoken(text: str, language: str = "en-US") -> str:
    """Return a text with its numbers, dates, money, units and abbreviations as the words that are said."""
    return " ".join(reading.said for reading in read(text, language) if reading.said)


def read(text: str, language: str = "en-US") -> list[Reading]:
    """Return the words of a text in order, each with what is said for it.

    What is read as one, such as "June 3, 2024" or "5 km", is one reading; an empty `said` is silent, such as an emoji.
    Only English is read; other languages are said as they are written.
    """
    written = plain(text)
    text = written.replace("’", "'").replace("‘", "'")
    if main(language) != "en":
        return [Reading(word, word.replace("’", "'").replace("‘", "'")) for word in written.split()]
    british = language.lower() not in ("en", "en-us")
    spans: list[tuple[int, int, str]] = []
    taken = bytearray(len(text))
    for pattern, say in RULES:
        for match in pattern.finditer(text):
            begin, end = match.span()
            said = None if begin == end or any(taken[begin:end]) else say(match, british)
            if said is not None:
                taken[begin:end] = b"\1" * (end - begin)
                spans.append((begin, end, said))
    return _readings(written, text, sorted(spans))


def _readings(written: str, text: str, spans: list[tuple[int, int, str]]) -> list[Reading]:
    """Put what is said for spans into their words, and join the words that a span reaches over.

    `written` is the text as it was written, of the same length.
    """
    found, at, span = [], 0, 0
    for match in re.finditer(r"\S+", text):
        begin, end = match.span()
        if begin < at:
            continue
        pieces, place = [], begin
        while span < len(spans) and spans[span][0] < end:
            first, last, said = spans[span]
            span += 1
            before, after = text[place:first], text[last : last + 1]
            pieces += [before, " " if before[-1:].isalnum() else "", said, " " if after.isalnum() else ""]
            place = last
            while end < len(text) and (end < last or not text[end].isspace()):
                end += 1
        pieces.append(text[place:end])
        found.append(Reading(written[begin:end], _tidy("".join(pieces))))
        at = end
    return found


def _tidy(said: str) -> str:
    """Leave letters and punctuation; of a word without letters, only the punctuation that is heard."""
    # Other forms of letters and digits, such as "①" and "ﬁ", become plain ones, whose digits are read here.
    said = "".join(unicodedata.normalize("NFKC", each) if each not in "…½¼¾⅓⅔" else each for each in said)
    said = re.sub(r"\d+", lambda number: f" {numbers.number(number.group()[:100])} ", said)
    said = said.replace("...", "…").replace("–", "—").replace("--", "—")
    if not any(letter.isalnum() for letter in said):
        return "".join(letter for letter in said if letter in "—…,.!?;:")
    said = "".join(letter if letter.isalnum() or letter in "'-.,;:!?—…\"“”()" else " " for letter in said)
    return " ".join(said.split())
