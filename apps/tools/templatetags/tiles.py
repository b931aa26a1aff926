"""Tiles in rows that are all full, whatever their number."""

from collections.abc import Sequence

from django import template

from apps.tools.registry import Tool

register = template.Library()
WIDE, MIDDLE = 3, 2  # tiles in a row, at most, of a large and of a middling window


def rows(count: int, most: int) -> list[int]:
    """Return how many of `count` tiles each row has: at most `most`, as even as can be, the larger rows last."""
    if not count:
        return []
    number = -(-count // most)
    least, more = divmod(count, number)
    return [least] * (number - more) + [least + 1] * more


@register.filter
def tiles(tools: Sequence[Tool]) -> list[tuple[Tool, int, int]]:
    """Each tool with the number of tiles in its row, in a large window and in a middling one."""
    wide, middle = ([size for size in rows(len(tools), most) for _ in range(size)] for most in (WIDE, MIDDLE))
    return list(zip(tools, wide, middle, strict=True))
