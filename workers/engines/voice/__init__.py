"""Text to speech: `say`, `voices` and `get`, answered by the engine that CINEVIVID_VOICE_ENGINE names."""

from __future__ import annotations

from workers.base import Sentence
from workers.engines.voice import cards
from workers.voice import text as texts
from workers.voice.base import FASTEST, HIGHEST, LOWEST, SLOWEST, Speech, Voice, VoiceError


def say(text: str, voice: str, language: str = "", speed: float = 1.0, pitch: float = 0.0) -> Speech:
    """Speak a text with the voice of this slug.

    `language` is a BCP 47 tag, empty for the voice's own; `speed` is a factor from SLOWEST to FASTEST; `pitch` is in
    semitones from LOWEST to HIGHEST. Raises VoiceError, and EngineError when an offline model is missing or damaged.
    """
    chosen = get(voice)
    if not SLOWEST <= speed <= FASTEST:
        raise VoiceError(
            "text_not_speakable",
            Sentence("The speed of a voice is between {least} and {most}.", least=SLOWEST, most=FASTEST),
        )
    if not LOWEST <= pitch <= HIGHEST:
        raise VoiceError(
            "text_not_speakable",
            Sentence("The pitch is between {least:g} and {most:g} semitones.", least=LOWEST, most=HIGHEST),
        )
    texts.check(text, chosen, language, cards.voices())
    if chosen.engine == "elevenlabs":
        from workers.engines.voice import elevenlabs

        return elevenlabs.say(chosen, text, language, speed, pitch)
    from workers.engines.voice import offline

    return offline.say(cards.get(voice), text, speed, pitch)


def voices(engine: str | None = None) -> tuple[Voice, ...]:
    """Return the voices of an engine, by default of the chosen one. Raises VoiceError when the provider fails."""
    if (engine or cards.chosen()) == "elevenlabs":
        from workers.engines.voice import elevenlabs

        return elevenlabs.voices()
    return cards.voices()


def get(slug: str) -> Voice:
    """Return one voice of the chosen engine, or else of ours. Raises VoiceError("voice_gone")."""
    ours = {voice.slug: voice for voice in cards.voices()}
    if cards.chosen() == "elevenlabs" and (slug not in ours or ours[slug].stands_for):
        ours |= {voice.slug: voice for voice in voices()}
        if slug not in ours:
            from workers.engines.voice import elevenlabs

            ours |= {voice.slug: voice for voice in elevenlabs.voices(elevenlabs.FRESH_SECONDS)}
    if slug not in ours:
        raise VoiceError("voice_gone", Sentence("There is no voice {slug}.", slug=slug[:60]))
    return ours[slug]
