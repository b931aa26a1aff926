"""Names of downloads: told by the prompt, and safe on every system."""

import re
import unicodedata
from pathlib import PurePath
from urllib.parse import quote

MAX_CHARACTERS = 72
MAX_BYTES = 200  # of UTF-8, of the 255 that most file systems allow; a browser adds " (1)", and the suffix follows
JOINERS = "\u200c\u200d"  # inside words of Persian, and inside emoji
APOSTROPHES = "'\u2018\u2019\u02bc"
VARIANTS = "\ufe0e\ufe0f"
# A file of this name is a device on Windows, whatever its suffix.
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)


def file_name(words: str, suffix: str, *, number: int = 1, otherwise: str = "cinevivid") -> str:
    """Return the name of a file that is about `words`: "a-red-heart-moves-right.mp4".

    Letters and digits of every script stay, and so do emoji; all else becomes a hyphen. From the second result on,
    `number` follows. `otherwise` is the name where nothing of the words is left.
    """
    stem = _cut(_hyphened(words)) or otherwise
    if DEVICES.fullmatch(stem):
        stem = f"{stem}-{otherwise}"
    return f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"


def without_suffix(name: str) -> str:
    """Return the name of a file that somebody brought without its ".jpg"."""
    return PurePath(name).stem if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", PurePath(name).suffix) else name


def disposition(name: str, *, attachment: bool, otherwise: str = "cinevivid") -> str:
    """Return a Content-Disposition (RFC 6266) that gives a file its name.

    A name beyond ASCII stands there twice: as it is for those that read `filename*`, and with what ASCII has of it,
    or `otherwise` where that is too little.
    """
    kind = "attachment" if attachment else "inline"
    if name.isascii():
        return f'{kind}; filename="{name}"'
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    plain = _cut(_hyphened(unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()))
    letters = sum(map(str.isalpha, plain))
    plain = (
        plain if letters and letters * 2 >= sum(map(str.isalpha, stem)) and not DEVICES.fullmatch(plain) else otherwise
    )
    return f"{kind}; filename=\"{plain}{suffix}\"; filename*=UTF-8''{quote(name, safe='')}"


def _hyphened(words: str) -> str:
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", words).lower():
        if character in APOSTROPHES:
            continue
        kept.append(character if _stays(character) else "-")
    text = "".join(kept)
    # A joiner joins: at an end, and beside what became a hyphen, it would be an unseen part of the name.
    text = re.sub(f"[{JOINERS}{VARIANTS}]*-+[{JOINERS}{VARIANTS}]*", "-", text)
    return text.strip(f"-{JOINERS}").lstrip(VARIANTS)


def _stays(character: str) -> bool:
    category = unicodedata.category(character)
    if category in ("So", "Sk"):
        return ord(character) > 0x2000  # emoji and their skin tones; ´ and ¨ are no words
    return category[0] in "LMN" or character in JOINERS


def _cut(stem: str) -> str:
    """Return the beginning of a stem that is short enough: whole words where it has some, never half a character."""
    end = min(len(stem), MAX_CHARACTERS)
    while len(stem[:end].encode()) > MAX_BYTES:
        end -= 1
    if end == len(stem):
        return stem
    hyphen = stem.rfind("-", 0, end + 1)
    if hyphen >= end // 2:
        return stem[:hyphen]
    while end and (_joins(stem[end]) or stem[end - 1] in JOINERS):
        end -= 1
    return stem[:end].rstrip(f"-{JOINERS}")


def _joins(character: str) -> bool:
    """Whether a character belongs to the one before: an accent, a skin tone, a joiner."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Sk") or character in JOINERS
