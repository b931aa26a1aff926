"""Finds what was missed of Stripe's webhooks, and makes it good."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.utils import timezone

from apps.billing import events, gateway, sync
from apps.billing.models import Checkout, Customer, Payment, StripeEvent, Subscription

log = structlog.get_logger(__name__)
DAYS = 7  # that are looked at, where nothing else is said
Finding = tuple[str, Callable[[], Any]]


def reconcile(*, days: int = DAYS, repair: bool = True) -> list[str]:
    """Compare Stripe with our rows, and return a sentence for each difference. With `repair` they are made good.

    Subscriptions are compared whatever their age; invoices, payments, refunds and disputes of so many days.
    """
    told = []
    for sentence, mend in _findings(timezone.now() - timedelta(days=days)):
        if repair:
            try:
                mend()
            except Exception:
                log.exception("not_reconciled", finding=sentence)
                sentence += " It could not be repaired; see the log."
        told.append(sentence)
    if told:
        log.warning("stripe_differed", findings=len(told), repaired=repair)
    return told


def _findings(since: Any) -> Iterator[Finding]:
    yield from _payments(since)
    yield from _packs(since)
    yield from _returned(since)
    yield from _subscriptions()
    yield from _events(since)


def _payments(since: Any) -> Iterator[Finding]:
    for invoice in gateway.paid_invoices(since):
        if not invoice.subscription or not sync.user_of(invoice.customer):
            continue
        known = Payment.objects.filter(reference=invoice.id).exists()
        if not known and sync.credits_of(invoice)[0]:
            yield f"{invoice.id} is paid, and its credits were not given.", partial(sync.sync_invoice, invoice.id)


def _packs(since: Any) -> Iterator[Finding]:
    for session in gateway.sessions(since):
        if not session.reference or not sync.user_of(session.customer):
            continue
        row = Checkout.objects.filter(pk=session.reference).first()
        paid = session.payment_status in ("paid", "no_payment_required")
        reference = session.payment_intent or session.id
        missing = session.mode == "payment" and paid and not Payment.objects.filter(reference=reference).exists()
        behind = row is not None and paid and row.status != Checkout.Status.DONE
        if missing or behind:
            what = "its credits were not given" if missing else "we wait for it"
            yield f"{session.id} is paid, and {what}.", partial(sync.sync_checkout, session.id)


def _returned(since: Any) -> Iterator[Finding]:
    for intent in set(gateway.returned(since)):
        payment = Payment.objects.filter(payment_intent=intent).first()
        if payment is None:
            continue  # found with its invoice or its session, or not ours
        now = gateway.charged(intent)
        if (now.refunded, now.disputed) != (payment.refunded, payment.disputed):
            sentence = f"{payment.reference} has {now.refunded} refunded and {now.disputed} disputed, which we missed."
            yield sentence, partial(sync.sync_money, intent)


def _subscriptions() -> Iterator[Finding]:
    seen: dict[str, list[gateway.Subscription]] = {}
    for each in gateway.all_subscriptions():
        seen.setdefault(each.customer, []).append(each)
    for customer, found in seen.items():
        user = sync.user_of(customer)
        if user is None:
            continue
        row = Subscription.objects.select_related("plan").filter(user=user).first()
        if row is None or not any(_same(row, each) for each in found):
            yield f"The subscription of {customer} is not as we have it.", partial(sync.sync_customer, customer)
    ended = (Subscription.Status.NONE, Subscription.Status.CANCELED)
    for row in Subscription.objects.exclude(status__in=ended).exclude(stripe_id=""):
        customer = Customer.objects.filter(user=row.user_id).values_list("stripe_id", flat=True).first() or ""
        if customer and customer not in seen:
            yield f"{row.stripe_id} has ended, which we missed.", partial(sync.sync_customer, customer)


def _same(row: Subscription, now: gateway.Subscription) -> bool:
    return (
        row.stripe_id == now.id
        and row.status == now.status
        and row.plan.lookup_key in (now.price.product, now.price.lookup_key)
        and row.current_period_end == (now.ends or now.period_end)
        and row.cancel_at_period_end == (now.ends is not None)
        and row.open_url == (now.open.url[:500] if now.open else "")
    )


def _events(since: Any) -> Iterator[Finding]:
    """Events that never came are handled as well: another order of things may have made them matter."""
    known = set(StripeEvent.objects.filter(created_at__gte=since).values_list("pk", flat=True))
    for told in gateway.events(since):
        if told.id not in known and (not told.customer or sync.user_of(told.customer)):

            def mend(told: gateway.Told = told) -> None:
                events.record(told)
                events.handle(told.id)

            yield f"The event {told.id} ({told.type}) never came.", mend
