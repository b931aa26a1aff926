"""Which views take files: the others are sent small bodies only."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.urls import ResolverMatch

View = TypeVar("View", bound=Callable[..., Any])


def takes_files(view: View) -> View:
    """Mark a view, or the method of a class-based one, to which a form with files may be posted."""
    view.takes_files = True  # type: ignore[attr-defined]
    return view


def to_take_files(match: ResolverMatch) -> bool:
    """Whether a POST to this address may bring files."""
    view: Any = match.func
    if view_class := getattr(view, "cls", None) or getattr(view, "view_class", None):
        actions = getattr(view, "actions", None) or {"post": "post"}
        view = getattr(view_class, actions.get("post", ""), None)
    return bool(getattr(view, "takes_files", False))
