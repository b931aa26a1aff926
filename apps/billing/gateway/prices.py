"""Prices, and the products that they are for."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from apps.billing.gateway.client import asking, id_of, v1
from apps.billing.gateway.refusals import PaymentRefused
from apps.billing.gateway.values import Price

log = structlog.get_logger(__name__)


def price_of(lookup_key: str) -> Price:
    """Return the price that is on sale under a lookup key. Raises PaymentRefused where there is none."""
    with asking():
        found = v1().prices.list({"lookup_keys": [lookup_key], "active": True, "limit": 1}).data
    if not found:
        log.error("price_missing", lookup_key=lookup_key)
        raise PaymentRefused(_("This is not on sale yet. The operator runs stripe_setup."))
    return read_price(found[0])


@lru_cache(maxsize=256)
def _amounts(key: str, base: str, price: str) -> Mapping[str, int]:
    with asking():
        found = v1().prices.retrieve(price, {"expand": ["currency_options"]})
    others = found.currency_options.to_dict() if getattr(found, "currency_options", None) else {}
    return {name: each["unit_amount"] for name, each in others.items()} | {found.currency: found.unit_amount}


def amount_of(price: str, currency: str) -> int:
    """Return what one of a price costs in a currency; 0 where it has none."""
    return _amounts(settings.STRIPE_SECRET_KEY, settings.STRIPE_API, price).get(currency) or 0


def read_price(price: Any) -> Price:
    return Price(
        price.id, id_of(price.product), getattr(price, "lookup_key", None) or "", price.unit_amount or 0, price.currency
    )


def product_of(price: str) -> str:
    return _products(settings.STRIPE_SECRET_KEY, settings.STRIPE_API, price)


@lru_cache(maxsize=256)
def _products(key: str, base: str, price: str) -> str:
    return id_of(v1().prices.retrieve(price).product)


def lookup_key_of(price: str) -> str:
    """Return the lookup key of a price; empty for none."""
    with asking():
        return getattr(v1().prices.retrieve(price), "lookup_key", None) or ""
