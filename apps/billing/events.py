"""Webhooks of Stripe: recorded at once, and handled by a worker, again and again until it succeeds."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.billing import gateway, payments, sync
from apps.billing.models import StripeEvent

log = structlog.get_logger(__name__)
State = StripeEvent.State
LOST = timedelta(minutes=5)  # after which a worker that began with an event is taken for dead
SENT = timedelta(minutes=1)  # after which a message is taken for lost
LONGEST_WAIT = timedelta(hours=6)
GIVE_UP = timedelta(days=14)
FORGET = timedelta(days=60)  # Stripe itself keeps them for 30
AT_ONCE = 200  # are sent again by one sweep


def record(told: gateway.Told) -> bool:
    """Write down what Stripe tells, and let a worker see to it. Returns False for what was handled already.

    The same event may come twice; one that failed before is tried again at once.
    """
    row, new = StripeEvent.objects.get_or_create(
        id=told.id,
        defaults={
            "type": told.type[:80], "object_id": told.object_id,
            "customer_id": told.customer, "created_at": told.created,
        },
    )  # fmt: skip
    if not new and row.state in (State.DONE, State.STARTED):
        return False
    payments.nudge("handle_stripe_event", told.id)
    return True


def handle(id: str) -> bool:
    """Bring our rows up to what Stripe says of an event's object. Returns False when another worker has it."""
    now = timezone.now()
    free = Q(state__in=[State.RECEIVED, State.FAILED]) | Q(state=State.STARTED, tried_at__lt=now - LOST)
    taken = StripeEvent.objects.filter(free, pk=id).update(state=State.STARTED, tries=F("tries") + 1, tried_at=now)
    if not taken:
        return False
    event = StripeEvent.objects.get(pk=id)
    ours = StripeEvent.objects.filter(pk=id, tries=event.tries)
    try:
        with structlog.contextvars.bound_contextvars(stripe_event=id, stripe_type=event.type):
            sync_object(event.type, event.object_id, event.customer_id)
    except Exception as error:
        ours.update(state=State.FAILED, error=f"{type(error).__name__}: {error}"[:500])
        if isinstance(error, gateway.PaymentsAway | sync.Busy):
            log.warning("stripe_event_waits", stripe_event=id, type=event.type, tries=event.tries)
        else:
            log.exception("stripe_event_failed", stripe_event=id, type=event.type)
        return True
    ours.update(state=State.DONE, error="")
    return True


def sync_object(type: str, object_id: str, customer: str) -> Any:
    """Fetch the object that an event is about, and write what it is now."""
    for prefix, look in LOOKS.items():
        if type.startswith(prefix):
            return look(object_id, customer)
    return None


def _money(kind: str) -> Callable[[str, str], Any]:
    def look(object_id: str, customer: str) -> Any:
        return sync.sync_money(gateway.payment_of(kind, object_id))

    return look


LOOKS: dict[str, Callable[[str, str], Any]] = {
    "checkout.session.": lambda object_id, customer: sync.sync_checkout(object_id),
    "customer.": lambda object_id, customer: sync.sync_customer(customer),
    "invoice.": lambda object_id, customer: sync.sync_invoice(object_id),
    "charge.dispute.": _money("dispute"),
    "charge.": _money("charge"),
    "refund.": _money("refund"),
}


def waiting() -> "models.QuerySet[StripeEvent]":
    """Return the events that are to be sent to a worker again: lost messages, dead workers, failures after a while."""
    now = timezone.now()
    due = Q(state=State.RECEIVED, received_at__lt=now - SENT) | Q(state=State.STARTED, tried_at__lt=now - LOST)
    wait = LONGEST_WAIT
    for tries in range(9):  # a minute, two, four …
        pause = min(timedelta(minutes=2**tries), LONGEST_WAIT)
        due |= Q(state=State.FAILED, tries=tries + 1, tried_at__lt=now - pause)
    due |= Q(state=State.FAILED, tries__gt=9, tried_at__lt=now - wait)
    return StripeEvent.objects.filter(due, received_at__gt=now - GIVE_UP).order_by("received_at")


def send_again() -> int:
    """Send what waits to the workers; returns how much."""
    found = list(waiting().values_list("pk", flat=True)[:AT_ONCE])
    for key in found:
        payments.nudge("handle_stripe_event", key)
    return len(found)


def forget() -> int:
    """Remove what was handled long ago; returns how much."""
    return StripeEvent.objects.filter(state=State.DONE, received_at__lt=timezone.now() - FORGET).delete()[0]
