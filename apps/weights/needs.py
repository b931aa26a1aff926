"""Models that must not be removed. This app knows no jobs, so apps that have jobs register what these need."""

from collections.abc import Callable, Collection

_asked: list[Callable[[], Collection[str]]] = []


def register(models: Callable[[], Collection[str]]) -> None:
    """Add a function that returns the ids of models which must not be removed now."""
    if models not in _asked:
        _asked.append(models)


def needed() -> set[str]:
    """The ids of the models that somebody needs now."""
    return {model for models in _asked for model in models()}
