"""Types shared by all voice engines and their callers. Imports neither torch nor Django."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.base import PublicError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEXES = ("female", "male", "neutral")
SLOWEST, FASTEST = 0.7, 1.5  # factors of the speed; `say` refuses others
LOWEST, HIGHEST = -4.0, 4.0  # semitones of the pitch; `say` refuses others
MAX_CHARACTERS = 20_000  # of one text


class VoiceError(PublicError):
    """A text cannot be spoken. The codes are rows of the error catalogue.

    voice_gone, voice_unavailable: there is no such voice, or the provider does not let this account use it.
    language_not_spoken, text_not_speakable, text_too_long: the request has to change.
    voice_quota, voice_provider_busy, voice_provider_refused, voice_provider_key: the provider did not do it.
    voice_not_cloned: the recordings or the account do not allow a voice of one's own.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice that can be chosen.

    `slug` is its stable name in requests, such as "af-heart" or "rachel"; `language` lists what it speaks as BCP 47
    tags, the main one first, such as ("en-US",); `sex` is one of SEXES; `age` is "young", "middle" or "old", or empty
    where it is not known; `engine` is "offline" or "elevenlabs". `stands_for` names the voice that it takes the place
    of: without a key, "Rachel" is an offline voice, and pages say so. `available` is False for a voice that is known by
    name but that the account does not have; `say` then raises VoiceError("voice_unavailable"). `mark` is what a studio
    has put on a voice that it had made from recordings; only the owner of the mark may use it.
    """

    slug: str
    name: str
    language: tuple[str, ...]
    sex: str
    age: str
    accent: str
    engine: str
    description: str
    stands_for: str = ""
    available: bool = True
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Timed:
    """A word or a phoneme with its place in the sound, in seconds from its beginning."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """What was said: `samples` is float32 mono [N] in -1 to 1 at `rate` samples a second.

    `words` are the words of the text as they were written, `phonemes` in IPA; `phonemes` is empty where the engine does
    not give them.
    """

    samples: NDArray[np.float32]
    rate: int
    words: tuple[Timed, ...]
    phonemes: tuple[Timed, ...]

    @property
    def seconds(self) -> float:
        """How long the sound is."""
        return len(self.samples) / self.rate
