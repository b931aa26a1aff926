"""What an account may store, and how its files are served.

This app knows no plans, so an app that does registers what follows from them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from apps.accounts.models import User


@dataclass(frozen=True, slots=True)
class Limits:
    """How many gigabytes an account may store, and whether its owner gets the copies with the watermark."""

    storage_gb: float
    watermark: bool = False


def _of_operator(user: User) -> Limits:
    return Limits(settings.USER_STORAGE_GB)


def _nothing(user: User) -> str:
    return ""


_of: Callable[[User], Limits] = _of_operator
_more: Callable[[User], str] = _nothing


def register(of: Callable[[User], Limits], more_storage: Callable[[User], str]) -> None:
    """Let a function say what holds for a user, and another one, in a sentence, what has more storage than theirs."""
    global _of, _more
    _of, _more = of, more_storage


def of(user: User) -> Limits:
    return _of(user)


def more_storage(user: User) -> str:
    """Return a sentence about what has more storage than a user has now; empty where nothing has."""
    return _more(user)
