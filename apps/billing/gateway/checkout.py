"""Visits to Stripe's payment page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings

from apps.billing.gateway.client import PAGE, asking, every, id_of, options, v1
from apps.billing.gateway.prices import read_price
from apps.billing.gateway.refusals import PaymentRefused, Unknown
from apps.billing.gateway.values import Price, Session


def start_checkout(
    *, customer: str, price: Price, monthly: bool, reference: str, success_url: str, cancel_url: str
) -> Session:
    """Make the page on which somebody pays; `reference` is our row's key, which comes back with everything."""
    about = {"site": settings.SITE_URL, "checkout": reference}
    params: dict[str, Any] = {
        "mode": "subscription" if monthly else "payment",
        "customer": customer,
        "client_reference_id": reference,
        "line_items": [{"price": price.id, "quantity": 1}],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "allow_promotion_codes": True,
        "metadata": about,
    }
    if monthly:
        params["subscription_data"] = {"metadata": about}
    else:
        params["invoice_creation"] = {"enabled": True}  # a pack has an invoice too, which grants nothing
        params["payment_intent_data"] = {"metadata": about}
    if settings.STRIPE_TAX:
        params["automatic_tax"] = {"enabled": True}
        params["tax_id_collection"] = {"enabled": True}
        params["customer_update"] = {"address": "auto", "name": "auto"}
    with asking():
        return _session(v1().checkout.sessions.create(params, options(f"checkout:{reference}:{customer}")))


def session(id: str) -> Session:
    """Return a visit to the payment page as it is now. Raises Unknown."""
    with asking():
        return _session(v1().checkout.sessions.retrieve(id, {"expand": ["line_items", "payment_intent.latest_charge"]}))


def sessions(since: datetime) -> Iterator[Session]:
    """Yield the visits that ended with a payment since then."""
    params = {"created": {"gte": int(since.timestamp())}, "status": "complete", "limit": PAGE}
    yield from every(lambda: v1().checkout.sessions.list(params), _session)


def session_of_payment(payment_intent: str) -> str:
    """Return the id of the visit in which a payment was made; empty for none."""
    with asking():
        found = v1().checkout.sessions.list({"payment_intent": payment_intent, "limit": 1}).data
    return str(found[0].id) if found else ""


def expire(id: str) -> None:
    """Close the page of a visit, so that nobody pays there any more; harmless where it is closed already."""
    try:
        with asking():
            v1().checkout.sessions.expire(id)
    except (PaymentRefused, Unknown):
        pass


def _session(found: Any) -> Session:
    about = found.metadata.to_dict() if found.metadata else {}
    lines = getattr(found, "line_items", None)
    intent = found.payment_intent
    charge = getattr(intent, "latest_charge", None)
    return Session(
        id=found.id,
        url=found.url or "",
        mode=found.mode,
        status=found.status,
        payment_status=found.payment_status,
        customer=id_of(found.customer),
        reference=about.get("checkout", "") if about.get("site") == settings.SITE_URL else "",
        payment_intent=id_of(intent),
        invoice=id_of(found.invoice),
        subscription=id_of(found.subscription),
        amount=found.amount_total or 0,
        currency=found.currency or "",
        prices=tuple(read_price(line.price) for line in lines.data) if lines else (),
        document=getattr(charge, "receipt_url", None) or "",
        failed=getattr(intent, "status", "") in ("requires_payment_method", "canceled"),
    )
