"""Pictures of the shot grammar, and parts of a suggestion, in templates."""

from functools import cache
from pathlib import Path

from django import template
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from workers.prompts.changes import Piece

register = template.Library()


@register.filter
def adds(part: list[Piece]) -> bool:
    """Whether a part of a suggestion has words of its own; the others only strike some out."""
    return any(piece.kind == "added" for piece in part)


@register.simple_tag
@cache
def shot_picture(name: str, value: str) -> SafeString:
    """Return the drawing of a value of a field; empty for one that has none, such as "other"."""
    path = Path(settings.BASE_DIR) / "static" / "img" / "shots" / f"{value}.svg"
    if not path.is_file():
        return mark_safe("")
    svg = path.read_text(encoding="utf-8").replace("<svg ", '<svg class="shot__picture" aria-hidden="true" ', 1)
    # The frame of each drawing has an id of its own on the page.
    return mark_safe(
        svg.replace('id="f"', f'id="frame-{name}-{value}"').replace("#f)", f"#frame-{name}-{value})").strip()
    )
