"""The language that a text is written in, guessed from its small words, and the names of languages."""

import re
from collections import Counter

# Small words that stand in most sentences of a language, without those that are words of English too.
_SMALL = {
    "en": "the of and to is are was were it that this with for you he she they have has not but his her from my your",
    "de": "der das und ist ich nicht ein eine einen mit auf für sie wir auch es den dem von zu sich aber wie noch sind",
    "fr": "le la les des une est et que qui dans pour pas je ne vous nous il elle avec sur ce cette sont mais du au",
    "es": "el los las una es y que en por con para está pero del se lo su mi muy más como qué nosotros también son",
    "it": "il lo gli una è e che di non per con sono del della mi ti questo anche ma ho nel alla più ci molto dei",
    "pt": "o os uma é e que não em para com do da dos das eu você está mas muito mais ele ela no na seu sua são",
    "nl": "het een en van ik niet dat zijn je met voor op aan er maar ook hij zij wij naar deze dit wordt hebben",
    "pl": "nie się na jest że do to z w jak ale po co tak za ja od czy mnie tym jego już są bardzo przez",
    "sv": "och det att en är jag inte som på för med har till den av ett om han hon vi du var sig men",
    "tr": "bir ve bu için çok ne ben sen değil mi de da var ile gibi daha ama kadar olan olarak şey ki",
}  # fmt: skip
_WORDS = {language: frozenset(words.split()) for language, words in _SMALL.items()}
NAMES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "en-gb": "British English", "en-us": "American English", "es": "Spanish", "fi": "Finnish", "fr": "French",
    "hi": "Hindi", "hu": "Hungarian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
_LEAST, _SHARE, _AHEAD = 3, 0.2, 3  # small words, their part of all words, and how often as many as of English


def guess(text: str) -> str:
    """Return the language of a text in Latin letters, such as "de"; empty where it may be English or is not clear."""
    # Names have small words too: Los Angeles.
    words = [word for word in re.findall(r"[^\W\d_]+", text) if word.islower()]
    found = Counter(language for word in words for language, small in _WORDS.items() if word in small)
    english = found.pop("en", 0)
    if not found:
        return ""
    (best, count), *others = found.most_common(2)
    clear = count >= max(_LEAST, _SHARE * len(words), _AHEAD * english)
    return best if clear and (not others or others[0][1] < count) else ""


def name(language: str) -> str:
    """Return the English name of a language such as "de" or "en-GB"; of one without a name here, its tag."""
    return NAMES.get(language.lower(), language)
