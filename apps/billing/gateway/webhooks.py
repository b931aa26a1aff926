"""What Stripe tells by itself: webhooks, and the list of all that it has told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from apps.billing.gateway.client import PAGE, every, id_of, opened, v1
from apps.billing.gateway.refusals import BadSignature
from apps.billing.gateway.values import Told

AHEAD_SECONDS = 300  # how far the clock of a signature may be ahead of ours
EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.updated",
    "customer.deleted",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
)


def verify(body: bytes, signature: str) -> Told:
    """Return what a webhook tells. Raises BadSignature."""
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        event = opened(body, signature, secret)
        if event is None:
            continue
        stamp = max(int(part[2:]) for part in signature.split(",") if part.startswith("t="))
        if stamp > datetime.now(UTC).timestamp() + AHEAD_SECONDS:
            break
        return _told(event)
    raise BadSignature


def _told(event: Any) -> Told:
    about = event.data.object
    id = str(getattr(about, "id", None) or "")  # a preview has none
    customer = id if getattr(about, "object", "") == "customer" else id_of(getattr(about, "customer", None))
    return Told(event.id, event.type, id, customer, datetime.fromtimestamp(event.created, UTC))


def events(since: datetime) -> Iterator[Told]:
    """Yield what Stripe has told since then, newest first; it keeps events for 30 days."""
    params = {"created": {"gte": int(since.timestamp())}, "types": list(EVENTS), "limit": PAGE}
    yield from every(lambda: v1().events.list(params), _told)
