"""Speech by ElevenLabs."""
