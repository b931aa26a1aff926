"""Text to speech: `say`, `voices` and `get`, answered by the engine that CINEVIVID_VOICE_ENGINE names."""

from __future__ import annotations

from workers.voice.base import Speech, Voice


def say(text: str, voice: str, language: str = "", speed: float = 1.0, pitch: float = 0.0) -> Speech:
    """Speak a text with the voice of this slug.

    `language` is a BCP 47 tag, empty for the voice's own; `speed` is a factor from SLOWEST to FASTEST; `pitch` is in
    semitones from LOWEST to HIGHEST. Raises VoiceError.
    """
    raise NotImplementedError


def voices(engine: str | None = None) -> tuple[Voice, ...]:
    """Return the voices of an engine, by default of the chosen one. Raises VoiceError when the provider fails."""
    raise NotImplementedError


def get(slug: str) -> Voice:
    """Return one voice. Raises VoiceError("voice_gone") for a slug that has none."""
    raise NotImplementedError
