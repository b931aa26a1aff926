"""The voices that this software brings, and how an engine is chosen. Imports no engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from workers.voice.base import Voice

ENGINES = ("offline", "elevenlabs")
KEY = "ELEVENLABS_API_KEY"
# The voices that people know from ElevenLabs by name; without its key, four of ours stand for them.
SEED_NAMES = ("Rachel", "Drew", "Domi", "Bella")
VECTORS = Path(__file__).parent / "vectors"


@dataclass(frozen=True, slots=True)
class Card:
    """A voice of ours: its model, "kokoro" or "hibari", and for Kokoro its style vectors' name and sha256."""

    voice: Voice
    model: str
    vectors: str = ""
    sha256: str = ""

    @property
    def british(self) -> bool:
        """Whether its text is read by the British lexicon."""
        return self.voice.language[0] == "en-GB"


def chosen() -> str:
    """Return the engine that CINEVIVID_VOICE_ENGINE names; "offline" as long as ElevenLabs has no key."""
    named = os.environ.get("CINEVIVID_VOICE_ENGINE", "").strip() or "offline"
    return "offline" if named == "elevenlabs" and not os.environ.get(KEY, "").strip() else named


def trouble() -> str:
    """Return what is wrong with the choice of an engine, or an empty text."""
    named = os.environ.get("CINEVIVID_VOICE_ENGINE", "").strip()
    if named and named not in ENGINES:
        return f"CINEVIVID_VOICE_ENGINE names the engine '{named}'; there are {' and '.join(ENGINES)}."
    return ""


def _voice(kind: str, name: str, age: str, description: str) -> Voice:
    """Describe a voice; `kind` is "a" or "b" for American or British, and "f" or "m" for the sex."""
    british = kind[0] == "b"
    return Voice(
        slug=name.lower(),
        name=name,
        language=("en-GB" if british else "en-US",),
        sex="female" if kind[1] == "f" else "male",
        age=age,
        accent="British" if british else "American",
        engine="offline",
        description=description,
        stands_for=name if name in SEED_NAMES else "",
    )


def _kokoro(vectors: str, name: str, age: str, description: str, sha256: str) -> Card:
    return Card(_voice(vectors[:2], name, age, description), "kokoro", vectors, sha256)


CARDS = (
    _kokoro("af_heart", "Heart", "young", "Warm and even.",
            "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"),
    _kokoro("af_sarah", "Rachel", "young", "Calm and clear, for narration.",
            "4409fbc125afabacc615d94db5398d847006a737b0247d6892b7a9a0007a2f0a"),
    _kokoro("am_michael", "Drew", "middle", "Steady, for news and narration.",
            "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1"),
    _kokoro("af_kore", "Domi", "young", "Firm and confident.",
            "9be5221b6a941c04b561959b8ff0b06e809444dcc4ab7e75a7b23606f691819e"),
    _kokoro("af_bella", "Bella", "young", "Lively and expressive.",
            "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b"),
    _kokoro("am_fenrir", "Fenrir", "middle", "Energetic, for trailers.",
            "c27989f741f7ee34d273a39d8a595cc0837d35f5ced9a29b7cc162614616df43"),
    _kokoro("am_puck", "Puck", "young", "Light and quick, for stories.",
            "fcf73c989033e9233e0b98713eca600c8c74dcc1614b37009d5450ff4a2274a0"),
    _kokoro("bf_emma", "Emma", "middle", "Poised, for documentaries.",
            "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73"),
    _kokoro("bf_isabella", "Isabella", "young", "Gentle and soft.",
            "3754352c4aaa46d17f27654ab7518d65b62ad6163a0f55a5f4330c2da2c4e94f"),
    _kokoro("bm_george", "George", "middle", "Measured and serious.",
            "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc"),
    _kokoro("bm_fable", "Fable", "middle", "A story-teller.",
            "f889083196807b4adb15e9204252165f503b8d33d3982e681c52443c49d798f1"),
    Card(_voice("af", "Skylark", "young",
                "A very small model: speaks at once, for drafts and long texts."), "hibari"),
)  # fmt: skip


def voices() -> tuple[Voice, ...]:
    """Return our voices."""
    return tuple(card.voice for card in CARDS)


def get(slug: str) -> Card:
    """Return the card of one of our voices. Raises KeyError."""
    return {card.voice.slug: card for card in CARDS}[slug]
