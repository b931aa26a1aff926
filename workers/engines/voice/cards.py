"""The voices that this software brings."""
