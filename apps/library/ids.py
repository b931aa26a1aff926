"""Reading UUIDs, which are the keys of jobs and assets."""

import uuid


def as_uuid(text: object) -> uuid.UUID | None:
    """Return the UUID that a text spells, in any spelling; None when it spells none."""
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def is_uuid(text: str) -> bool:
    """Return whether a text is a UUID in the one spelling that our rows, parameters and folder names have."""
    return str(as_uuid(text)) == text
