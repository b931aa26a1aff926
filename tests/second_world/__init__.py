"""A studio with a second embedded model: the storybook, with weights that are still being trained and not offered.

`python -m tests.second_world` is `manage.py` with it.
"""

from pathlib import Path

from workers.engines.skyreels import cards
from workers.weights import catalog

FOLDER = Path(cards.__file__).parent / "storybook_lab" / "begun" / cards.STORYBOOK.name
CARD = cards.of_folder(FOLDER, cards.TIPS_OF_STORYBOOK)


def install() -> None:
    """Put the model into the catalogue, unless it ships, before the models of pictures read there what films can do."""
    if not cards.STORYBOOK.is_dir():
        catalog.add(CARD)
