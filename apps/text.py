"""Text as people type it: tidied before it is counted and stored, folded before it is compared.

`told` has the sentences of the workers, who know no Django, in the reader's language.
"""

import re
import unicodedata

from django.utils.translation import gettext

from workers.base import Sentence

LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# The NUL is left, to be refused: databases do not take it.
CONTROLS = re.compile("[\x01-\x08\x0e-\x1b\x1f\x7f-\x9f]")
# Letters, marks and signs that are drawn as nothing: fillers, a blank Braille cell, selectors of variants.
BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# What people leave out when they type: points of Hebrew and Arabic, the stretched line of Arabic, and what is unseen.
LEFT_OUT = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff]"
)
# What means nothing at the end of a text, though inside an emoji or a word of Persian it does.
EDGES = " \t\n\u00a0\u00ad\u061c\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
EDGES += "\u200c\u200d\u200e\u200f\u202f\u205f\u2060\u3000\ufeff"


def tidy(text: str) -> str:
    """Return a text with "\\n" for every line end, and without control characters and what is unseen at its ends.

    Empty when nothing of it can be seen. Joiners inside stay: emoji and many scripts need them.
    """
    text = CONTROLS.sub("", LINE_ENDS.sub("\n", text))
    return text.strip(EDGES) if any(_shows(character) for character in text) else ""


def folded(text: str) -> str:
    """Return what a text is compared by.

    It is the same for both cases, for both spellings of é, for the four i of Turkish, with and without what is unseen
    and the vowel points of Hebrew and Arabic, and for any white space.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(LEFT_OUT.sub("", text.replace("i\u0307", "i").replace("\u0131", "i")).split())


def told(sentence: str) -> str:
    """Return a sentence of the workers in the reader's language, where that has it."""
    if isinstance(sentence, Sentence) and sentence.values:
        values = {
            name: told(value) if isinstance(value, Sentence) else value for name, value in sentence.values.items()
        }
        return gettext(sentence.pattern).format(**values)
    return gettext(sentence) if sentence else ""


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Zs") and not BLANK.match(character)
