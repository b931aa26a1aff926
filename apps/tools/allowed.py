"""What the plans mean to the library, which does not know them, and to the choices of forms."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from apps.accounts.models import User
from apps.billing import powers
from apps.billing.powers import Powers
from apps.library.limits import Limits
from apps.tools.fields import refused
from workers.engines.upscale.plan import FACTORS


class Card(Protocol):
    """A model that makes films or images of these sizes."""

    @property
    def id(self) -> str: ...

    @property
    def sizes(self) -> Mapping[str, tuple[int, int]]: ...


def limits(user: User) -> Limits:
    """Return how much an account may store, and whether it gets the copies with the watermark."""
    now = powers.of(user)
    storage = now.number("storage_gb")
    return Limits(float("inf") if storage is None else storage, watermark=not now.has("no_watermark"))


def more_storage(user: User) -> str:
    """Name the plan that has more storage than an account has now."""
    return powers.more_of("storage_gb", user)


def lines_of(card: Card) -> int:
    """Return the shorter side of the smallest thing that a model makes, in pixels."""
    return min(min(size) for size in card.sizes.values())


def finishes(cards: Iterable[Card], now: Powers) -> dict[str, dict[str, str]]:
    """Return, for each model, the finishes that a plan does not have, each as the page shows it."""
    asked = {(card.id, factor): {"lines": lines_of(card) * factor} for card in cards for factor in FACTORS}
    found: dict[str, dict[str, str]] = {}
    for (model, factor), plan in powers.refused(asked, now).items():
        found.setdefault(model, {})[str(factor)] = refused(f"× {factor}", plan)
    return found
