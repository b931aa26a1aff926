"""Lips that say what a speech says: faces, times of phonemes, mouths, and the draft engine. No torch, no Django."""
