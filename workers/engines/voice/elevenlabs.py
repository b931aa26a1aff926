"""Speech by ElevenLabs."""

from __future__ import annotations

from workers.voice.base import Speech, Voice, VoiceError


def voices() -> tuple[Voice, ...]:
    """Return the voices of the account."""
    raise VoiceError("voice_provider_key", "ElevenLabs is not set up.")


def say(voice: Voice, text: str, language: str, speed: float, pitch: float) -> Speech:
    """Speak a text."""
    raise VoiceError("voice_provider_key", "ElevenLabs is not set up.")
