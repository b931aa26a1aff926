"""One module a tool. A file put here is a tool: nothing else needs an edit."""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import every module of this package, so that its tool registers."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
