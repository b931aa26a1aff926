"""Mixing of sounds."""
