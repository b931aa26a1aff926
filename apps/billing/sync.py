"""Brings our rows up to what Stripe says now.

A webhook is only a hint: whatever it tells, the object is fetched again, and its present state is written. So webhooks
may come twice, late, in any order or not at all. No lock is held while Stripe is asked. Instead the version of a row is
read before, and what was fetched is written only if nobody has written meanwhile; otherwise it is fetched once more.

Credits move by the ledger's own unique key: the id of an invoice, or of a payment.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import gateway, letters, powers, services
from apps.billing.models import Checkout, Customer, Payment, Plan, Subscription, TopUp
from apps.live import publish

log = structlog.get_logger(__name__)
Status = Subscription.Status
TRIES = 8  # to write what was fetched before somebody else writes
PLAN_REASONS = ("subscription_create", "subscription_cycle", "subscription_update", "subscription")
Done = TypeVar("Done")


class Busy(Exception):
    """A row was written by others again and again while Stripe was asked. It is tried again later."""


class Stale(Exception):
    """A row was written since it was read."""


def _until_fresh(attempt: Callable[[], Done]) -> Done:
    for _ in range(TRIES):
        try:
            return attempt()
        except Stale:
            continue
    raise Busy


def user_of(customer: str) -> User | None:
    """Return whose customer this is. None for a customer that another site of the same Stripe account has made."""
    if not customer:
        return None
    row = Customer.objects.select_related("user").filter(stripe_id=customer).first()
    if row:
        return row.user
    key = gateway.user_of(customer)  # made by us, but the row was lost
    user = User.objects.filter(pk=key).first() if key else None
    if user is None:
        return None
    try:
        with transaction.atomic():
            Customer.objects.create(user=user, stripe_id=customer)
    except IntegrityError:
        log.warning("second_customer", user=user.pk, customer=customer)
    return user


# --- subscriptions


def subscription_of(user: User) -> Subscription:
    """Return the row of a user, made where there is none."""
    found = Subscription.objects.select_related("plan", "downgrade_to").filter(user=user).first()
    if found:
        return found
    free = Plan.objects.standard(Plan.FREE)
    begin = {"plan": free, "free_credits_at": next_anniversary(user.date_joined)}
    return Subscription.objects.get_or_create(user=user, defaults=begin)[0]


def sync_customer(customer: str) -> Subscription | None:
    """Write what Stripe says of a customer's subscription; None for a customer who is not ours."""
    user = user_of(customer)
    return _until_fresh(partial(_sync_subscription, user, customer)) if user else None


def _sync_subscription(user: User, customer: str) -> Subscription:
    row = subscription_of(user)
    found = [each for each in gateway.subscriptions(customer) if each.status != "incomplete_expired"]
    ours = [(plan, each) for each in found if (plan := plan_of_product(each.price.product, each.price.id))]
    # One that is paid goes before one that is not, a larger plan before a smaller one, and then the newest.
    ours.sort(key=lambda pair: (pair[1].status in Subscription.LIVE, pair[0].order, pair[1].created), reverse=True)
    if not ours:
        return _write(row, customer, None, None)
    plan, now = ours[0]
    if now.status in Subscription.LIVE:
        for _, other in ours[1:]:
            # Paid in two tabs: both have given their credits, and the second one would be charged each month.
            log.warning("second_subscription_ended", user=user.pk, subscription=other.id)
            gateway.end_now(other.id)
    return _write(row, customer, plan, now)


def _write(row: Subscription, customer: str, plan: Plan | None, now: gateway.Subscription | None) -> Subscription:
    before, was_live = row.plan, row.is_live
    changes: dict[str, Any]
    stops = False
    if now is None or plan is None:
        ended = bool(row.stripe_id) and row.status != Status.CANCELED
        changes = {
            "plan": Plan.objects.standard(Plan.FREE),
            "status": Status.CANCELED if row.stripe_id else Status.NONE,
            "current_period_end": row.current_period_end,
            "cancel_at_period_end": False, "grace_until": None, "downgrade_to": None, "next_amount": None,
            "upgrade_to": None, "upgrade_until": None, "open_amount": None, "open_currency": "", "open_url": "",
        }  # fmt: skip
    else:
        ended = False
        stops = now.ends is not None
        then = plan_of_product(now.then) if now.then else None
        next_charge = _next_charge(row, now, stops)
        grace = now.period_start + timedelta(days=settings.GRACE_DAYS)
        waits, due = now.upgrade, now.open
        changes = {
            "plan": plan,
            "status": now.status if now.status in Status.values else Status.INCOMPLETE,
            "stripe_id": now.id,
            "current_period_end": now.ends or now.period_end,
            "cancel_at_period_end": stops,
            "grace_until": grace if now.status == Status.PAST_DUE else None,
            "downgrade_to": then,
            "upgrade_to": plan_of_product(waits.price.product, waits.price.id) if waits and due else None,
            "upgrade_until": waits.until if waits and due else None,
            "open_amount": due.amount if due else None,
            "open_currency": due.currency if due else "",
            "open_url": due.url[:500] if due else "",
            "next_amount": next_charge.amount if next_charge else None,
            "next_currency": next_charge.currency if next_charge else now.price.currency,
        }  # fmt: skip
    card = (now.card if now and now.card[1] else gateway.card_of(customer)) if now else None
    with transaction.atomic():
        free = _free_from(row, Subscription(user=row.user, **changes))
        if not Subscription.objects.filter(pk=row.pk, version=row.version).update(
            **changes, free_credits_at=free, version=row.version + 1
        ):
            raise Stale
        if card is not None:
            Customer.objects.filter(stripe_id=customer).update(card_brand=card[0][:30], card_last4=card[1][:4])
        row = Subscription.objects.select_related("plan", "downgrade_to", "user").get(pk=row.pk)
        if ended and (was_live or before.slug != Plan.FREE):
            letters.plan_ended(row, before)
        elif stops and row.is_live:
            letters.plan_ends(row)
        transaction.on_commit(partial(publish, row.user_id, "credits.changed"))
        if row.plan != before or row.is_live != was_live:
            transaction.on_commit(partial(powers.tell_changed, row.user))
    return row


def _next_charge(row: Subscription, now: gateway.Subscription, stops: bool) -> gateway.Cost | None:
    """Return what the next period costs. It is asked for only when something that it depends on has changed."""
    if stops or now.status not in Subscription.LIVE:
        return None
    known = row.next_amount is not None and not row.cancel_at_period_end and row.stripe_id == now.id
    same = row.current_period_end == now.period_end and row.plan.lookup_key == now.price.product
    if known and same and (row.downgrade_to.lookup_key if row.downgrade_to else "") == now.then:
        return gateway.Cost(row.next_amount or 0, row.next_currency)
    return gateway.next_charge(now.id)


def _free_from(row: Subscription, then: Subscription) -> datetime | None:
    """Return when the free plan gives its next credits: never while another one holds."""
    if then.is_live:
        return None
    return row.free_credits_at or next_anniversary(row.user.date_joined)


def next_anniversary(start: datetime) -> datetime:
    """Return the next of the days that lie whole months after a moment; the 31st is the last day of a shorter month."""
    now = timezone.now()
    months = (now.year - start.year) * 12 + now.month - start.month
    for more in (0, 1):
        then = add_months(start, months + more)
        if then > now:
            return then
    return add_months(start, months + 2)


def add_months(moment: datetime, count: int) -> datetime:
    """Return the same day of another month, or its last one where it is shorter."""
    year, month = divmod(moment.month - 1 + count, 12)
    year, month = moment.year + year, month + 1
    first_of_next = moment.replace(year=year + month // 12, month=month % 12 + 1, day=1)
    return moment.replace(year=year, month=month, day=min(moment.day, (first_of_next - timedelta(days=1)).day))


def plan_of_product(product: str, price: str = "") -> Plan | None:
    """Return the plan that a product of Stripe stands for, or that has the lookup key of a price."""
    found = Plan.objects.exclude(lookup_key="").filter(lookup_key=product).first()
    if found is None and price and (key := gateway.lookup_key_of(price)):
        found = Plan.objects.filter(lookup_key=key).first()
    return found


# --- money that comes in


def sync_invoice(id: str) -> Payment | None:
    """Give the credits of a paid invoice of a subscription, once, and tell of a payment that failed."""
    invoice = gateway.invoice(id)
    user = user_of(invoice.customer)
    if user is None:
        return None
    payment = None
    if invoice.reason in PLAN_REASONS and invoice.subscription:
        if invoice.status == "paid":
            payment = credit_invoice(user, invoice)
        elif invoice.status == "open" and invoice.attempts and invoice.reason != gateway.UPGRADE:
            # Whoever upgrades is at the page, and sees what becomes of it.
            letters.payment_failed(user, invoice)
    sync_customer(invoice.customer)
    return payment


def credit_invoice(user: User, invoice: gateway.Invoice) -> Payment | None:
    """Give the credits of a paid invoice; None for one that buys none, such as a trial's."""
    credits, plan = credits_of(invoice)
    if plan is None:
        return None
    return record(
        user,
        reference=invoice.id,
        credits=credits,
        title=plan.title,
        amount=invoice.amount_paid,
        currency=invoice.currency,
        payment_intent=invoice.payment_intent,
        paid_at=invoice.paid_at or invoice.created,
        url=invoice.url,
    )


def credits_of(invoice: gateway.Invoice) -> tuple[int, Plan | None]:
    """Return the credits that an invoice buys, and the plan that they are for.

    A whole period gives all of its plan's, whatever a promotion code takes off the price; a free trial none. A part of
    a period, which only a change in Stripe's own pages makes, gives the part that is charged.
    """
    credits, largest = 0.0, None
    for line in invoice.lines:
        plan = plan_of_product(line.product, line.price)
        if plan is None or line.amount == 0:
            continue
        if line.proration:
            whole = gateway.amount_of(line.price, line.currency)
            credits += plan.credits * line.amount / whole if whole else 0
        else:
            credits += plan.credits * line.quantity
        if largest is None or plan.order > largest.order:
            largest = plan
    return max(0, int(credits)), largest


def sync_checkout(session_id: str) -> Checkout | None:
    """Give what was paid for on Stripe's page. None for a page that is not ours."""
    session = gateway.session(session_id)
    user = user_of(session.customer)
    row = Checkout.objects.filter(pk=session.reference).first() if session.reference else None
    if user is None or not session.reference:
        return None
    if session.mode == "subscription":
        if session.invoice:
            sync_invoice(session.invoice)
        sync_customer(session.customer)
    elif session.status == "complete" and session.payment_status in ("paid", "no_payment_required"):
        credit_session(user, session)
    if row:
        _settle(row, session)
    return row


def credit_session(user: User, session: gateway.Session) -> Payment | None:
    """Give the credits of a pack that is paid."""
    pack = next((found for price in session.prices if (found := pack_of(price))), None)
    if pack is None:
        log.error("pack_unknown", session=session.id)
        return None
    return record(
        user,
        # A promotion code can pay for all of it; then there is no payment, and the visit itself is what counts once.
        reference=session.payment_intent or session.id,
        credits=pack.credits,
        title=pack.title,
        amount=session.amount,
        currency=session.currency,
        payment_intent=session.payment_intent,
        paid_at=timezone.now(),
        url=session.document,
    )


def pack_of(price: gateway.Price) -> TopUp | None:
    """Return the pack that a price buys, by its product or its lookup key."""
    keys = [key for key in (price.product, price.lookup_key) if key]
    return TopUp.objects.filter(lookup_key__in=keys).first()


def _settle(row: Checkout, session: gateway.Session) -> None:
    """Note where a visit to Stripe's page stands."""
    if session.status == "expired":
        status = Checkout.Status.EXPIRED
    elif session.status != "complete":
        status = Checkout.Status.OPEN
    elif session.payment_status in ("paid", "no_payment_required"):
        status = Checkout.Status.DONE
    else:
        status = Checkout.Status.FAILED if session.failed else Checkout.Status.PROCESSING
    Checkout.objects.filter(pk=row.pk).update(status=status, session_id=session.id)
    row.status = status


def record(
    user: User, *, reference: str, credits: int, title: str, amount: int, currency: str, payment_intent: str,
    paid_at: datetime, url: str,
) -> Payment:  # fmt: skip
    """Write a payment and give its credits, once for each reference."""
    with transaction.atomic():
        services.lock(user)
        payment, new = Payment.objects.get_or_create(
            reference=reference,
            defaults={
                "user": user, "credits": credits, "title": title, "amount": amount, "currency": currency,
                "payment_intent": payment_intent, "paid_at": paid_at,
                "document_url": url if user.is_active else "",  # which names them
            },
        )  # fmt: skip
        if new:
            services.purchase(user, credits, reference)
            letters.receipt(payment)
            log.info("payment_recorded", user=user.pk, reference=reference, credits=credits)
        elif payment_intent and not payment.payment_intent:
            Payment.objects.filter(pk=payment.pk).update(payment_intent=payment_intent)
    return payment


# --- money that goes back


def sync_money(payment_intent: str) -> Payment | None:
    """Take back the credits of what was refunded or is disputed, in proportion; None for a payment that is not ours."""
    if not payment_intent:
        return None
    if not Payment.objects.filter(payment_intent=payment_intent).exists():
        _find_payment(payment_intent)
    if not Payment.objects.filter(payment_intent=payment_intent).exists():
        return None
    return _until_fresh(partial(_sync_money, payment_intent))


def _find_payment(payment_intent: str) -> None:
    """Record a payment of which we have heard nothing but that its money goes back."""
    if invoice := gateway.invoice_of_payment(payment_intent):
        sync_invoice(invoice)
    if session := gateway.session_of_payment(payment_intent):
        sync_checkout(session)


def _sync_money(payment_intent: str) -> Payment:
    before = Payment.objects.select_related("user").get(payment_intent=payment_intent)
    now = gateway.charged(payment_intent)
    with transaction.atomic():
        services.lock(before.user)
        payment = Payment.objects.select_for_update(of=("self",)).select_related("user").get(pk=before.pk)
        if payment.version != before.version:
            raise Stale
        target = credits_to_take_back(payment, now)
        changed = services.take_back(payment, target)
        Payment.objects.filter(pk=payment.pk).update(
            refunded=now.refunded, disputed=now.disputed, taken_back=target, version=payment.version + 1
        )
        if now.disputed > payment.disputed:
            letters.disputed(payment, now.disputed)
            log.warning("payment_disputed", user=payment.user_id, reference=payment.reference, amount=now.disputed)
        if changed:
            log.info("credits_taken_back", user=payment.user_id, reference=payment.reference, credits=changed)
    return payment


def credits_to_take_back(payment: Payment, now: gateway.Charged) -> int:
    """Return the share of a payment's credits that its lost money stands for: all of them when all is gone."""
    if payment.amount == 0:
        return 0
    gone = min(payment.amount, now.refunded + now.disputed)
    return payment.credits * gone // payment.amount
