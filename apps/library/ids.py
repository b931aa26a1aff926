"""What a text that should be the key of a row is worth."""

import uuid


def as_uuid(text: object) -> uuid.UUID | None:
    """The UUID that a text spells in any way, as people and programs may; None when it is none."""
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def is_uuid(text: str) -> bool:
    """True for a UUID spelt as rows spell theirs, which is how it stands in parameters and in names of folders."""
    return str(as_uuid(text)) == text
