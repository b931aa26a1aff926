"""Customers, their cards, and the portal in which they see to both."""

import hashlib
from typing import Any

from django.conf import settings

from apps.billing.gateway.client import PAGE, asking, options, v1
from apps.billing.gateway.refusals import Unknown


def make_customer(user: int, email: str, name: str, instead_of: str = "") -> str:
    """Make the customer of a user, once; returns its id. `instead_of` is one that was deleted in Stripe."""
    params = {"email": email, "metadata": {"site": settings.SITE_URL, "user": str(user)}} | (
        {"name": name} if name else {}
    )
    # The same words make the same customer, however often they are sent within a day.
    digest = hashlib.sha256(repr((params, instead_of)).encode()).hexdigest()[:16]
    with asking():
        return str(v1().customers.create(params, options(f"customer:{user}:{digest}")).id)


def user_of(customer: str) -> int | None:
    """Return the key of the user whose customer this is; None for one that this site has not made, or that is gone."""
    try:
        with asking():
            found = v1().customers.retrieve(customer)
    except Unknown:
        return None
    about = {} if getattr(found, "deleted", False) else found.metadata.to_dict()
    return int(about["user"]) if about.get("site") == settings.SITE_URL and about.get("user", "").isdigit() else None


def card_of(customer: str) -> tuple[str, str]:
    """Return brand and last digits of a customer's own card, which later charges use; two empty texts for none."""
    with asking():
        found = v1().customers.retrieve(customer, {"expand": ["invoice_settings.default_payment_method"]})
    return ("", "") if getattr(found, "deleted", False) else read_card(found.invoice_settings.default_payment_method)


def read_card(method: Any) -> tuple[str, str]:
    card = getattr(method, "card", None)
    return (card.display_brand or card.brand, card.last4) if card else ("", "")


def remove_customer(customer: str) -> None:
    """Delete a customer, which ends their subscriptions at once. Invoices stay with the operator."""
    try:
        with asking():
            v1().customers.delete(customer)
    except Unknown:
        pass


def portal(customer: str, return_url: str, *, card: bool = False) -> str:
    """Return the address of Stripe's page for cards, addresses and invoices; with `card`, of its form for a card."""
    params: dict[str, Any] = {"customer": customer, "return_url": return_url}
    with asking():
        if ours := our_portal():
            params["configuration"] = ours.id
        if card:
            back = {"type": "redirect", "redirect": {"return_url": return_url}}
            params["flow_data"] = {"type": "payment_method_update", "after_completion": back}
        return str(v1().billing_portal.sessions.create(params).url)


def our_portal() -> Any:
    found = v1().billing_portal.configurations.list({"active": True, "limit": PAGE})
    return next((each for each in found.data if ours(each)), None)


def ours(thing: Any) -> bool:
    return bool(thing.metadata) and thing.metadata.to_dict().get("site") == settings.SITE_URL
