"""An engine of a new kind, with its task and its tool: everything that somebody who adds one writes.

`engines/mosaic/`, `tasks/mosaic.py` and `catalog/mosaic.py` would stand in `workers/engines/`, `workers/tasks/` and
`apps/tools/catalog/`, where scans find them. Here they stay out of the product, and `install` lays these folders beside
those. `python -m tests.toy_engine` is `manage.py` with them.
"""

import importlib
from pathlib import Path

PLACES = {"workers.engines": "engines", "workers.tasks": "tasks", "apps.tools.catalog": "catalog"}


def install() -> None:
    """Let the scans of the three packages look here, too."""
    for package, folder in PLACES.items():
        path = importlib.import_module(package).__path__
        place = str(Path(__file__).parent / folder)
        if place not in path:
            path.append(place)


def remove() -> None:
    """End what `install` did."""
    for package, folder in PLACES.items():
        importlib.import_module(package).__path__.remove(str(Path(__file__).parent / folder))
