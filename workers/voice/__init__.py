"""Speech without an engine: its types, the text that is spoken, and the mixing of sounds. No torch, no Django."""
