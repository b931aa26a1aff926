"""The text that is spoken."""
