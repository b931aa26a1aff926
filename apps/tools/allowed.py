"""What the plans mean to the library, which does not know them."""

from apps.accounts.models import User
from apps.billing import powers
from apps.library.limits import Limits


def limits(user: User) -> Limits:
    """Return how much an account may store, and whether it gets the copies with the watermark."""
    now = powers.of(user)
    storage = now.number("storage_gb")
    return Limits(float("inf") if storage is None else storage, watermark=not now.has("no_watermark"))


def more_storage(user: User) -> str:
    """Name the plan that has more storage than an account has now."""
    return powers.more_of("storage_gb", user)
