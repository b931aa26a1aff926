"""Subscriptions, and how they change."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from apps.billing.gateway.client import PAGE, asking, every, id_of, options, time_of, v1
from apps.billing.gateway.customers import read_card
from apps.billing.gateway.prices import product_of, read_price
from apps.billing.gateway.refusals import CardNeedsAction, Paid, PaymentRefused, Unknown
from apps.billing.gateway.values import Cost, OpenInvoice, Price, Subscription, Upgrade

SUBSCRIPTION_PARTS = ["data.default_payment_method", "data.schedule", "data.latest_invoice"]
UPGRADE = "subscription_update"  # the reason of an invoice for a change of plans


def subscriptions(customer: str) -> list[Subscription]:
    """Return the subscriptions of a customer that have not ended, newest first."""
    params = {"customer": customer, "limit": PAGE, "expand": SUBSCRIPTION_PARTS}
    try:
        return list(every(lambda: v1().subscriptions.list(params), _subscription))
    except Unknown:
        return []  # the customer was deleted, and their subscriptions with them


def all_subscriptions() -> Iterator[Subscription]:
    """Yield every subscription that has not ended."""
    params = {"limit": PAGE, "expand": SUBSCRIPTION_PARTS}
    yield from every(lambda: v1().subscriptions.list(params), _subscription)


def _subscription(found: Any) -> Subscription:
    item = found["items"].data[0]
    end = datetime.fromtimestamp(item.current_period_end, UTC)
    stops = time_of(found.cancel_at) or (end if found.cancel_at_period_end else None)
    schedule = found.schedule if getattr(found.schedule, "status", "") in ("active", "not_started") else None
    then = _product_after(schedule, item.current_period_end) if schedule else ""
    if schedule and schedule.end_behavior == "cancel":
        stops = stops or datetime.fromtimestamp(schedule.phases[-1].end_date, UTC)
    return Subscription(
        id=found.id,
        customer=id_of(found.customer),
        status=found.status,
        price=read_price(item.price),
        item=item.id,
        period_start=datetime.fromtimestamp(item.current_period_start, UTC),
        period_end=end,
        ends=stops,
        then="" if then == id_of(item.price.product) else then,
        schedule=schedule.id if schedule else "",
        created=datetime.fromtimestamp(found.created, UTC),
        card=read_card(found.default_payment_method),
        dated=bool(found.cancel_at) and not found.cancel_at_period_end,
        open=_open_invoice(found.latest_invoice),
        upgrade=_pending(found.pending_update),
    )


def _open_invoice(found: Any) -> OpenInvoice | None:
    if getattr(found, "status", "") != "open" or not found.hosted_invoice_url:
        return None
    return OpenInvoice(found.id, found.billing_reason or "", found.amount_due, found.currency, found.hosted_invoice_url)


def _pending(found: Any) -> Upgrade | None:
    items = getattr(found, "subscription_items", None)
    return Upgrade(read_price(items[0].price), datetime.fromtimestamp(found.expires_at, UTC)) if items else None


def _product_after(schedule: Any, period_end: int) -> str:
    """Return the product of the phase that begins with the next period; empty for none."""
    for phase in schedule.phases:
        if phase.start_date >= period_end:
            return product_of(id_of(phase["items"][0].price))
    return ""


def upgrade(subscription: Subscription, price: Price, key: str) -> str:
    """Begin a fresh period with another price, paid at once; returns its invoice.

    Where the card is refused, everything stays, but for a smaller plan or another upgrade that was to follow. Where the
    bank wants a confirmation, CardNeedsAction is raised; `upgrade_when_paid` asks for it.
    """
    drop_upgrade(subscription)
    params = _upgrade(subscription, price) | {"payment_behavior": "error_if_incomplete"}
    if subscription.ends:
        params |= subscription.goes_on
    with asking():
        if subscription.schedule:
            v1().subscription_schedules.release(subscription.schedule)
        made = v1().subscriptions.update(subscription.id, params, options(key))
    return id_of(made.latest_invoice)


def upgrade_when_paid(subscription: Subscription, price: Price, key: str) -> tuple[str, str]:
    """Let a fresh period with another price begin once its invoice is paid; returns that, and the page to pay it on.

    Nothing changes until then, and nothing ever where nobody pays within a day. The page is empty where the bank lets
    the payment through after all. Raises CardNeedsAction for a subscription that ends at a date, which Stripe cannot
    take back in the same step.
    """
    if subscription.dated:
        raise CardNeedsAction()
    params = _upgrade(subscription, price) | {"payment_behavior": "pending_if_incomplete", "expand": ["latest_invoice"]}
    if subscription.ends:
        params |= subscription.goes_on
    with asking():
        made = v1().subscriptions.update(subscription.id, params, options(key))
    found = _open_invoice(made.latest_invoice)
    return id_of(made.latest_invoice), found.url if found else ""


def _upgrade(subscription: Subscription, price: Price) -> dict[str, Any]:
    return {
        "items": [{"id": subscription.item, "price": price.id}],
        "billing_cycle_anchor": {"type": "now"},
        "proration_behavior": "none",
    }


def drop_upgrade(subscription: Subscription) -> None:
    """Take back an upgrade that waits for its money, with its invoice. Raises Paid where that came just now."""
    if not subscription.upgrade or not subscription.open or subscription.open.reason != UPGRADE:
        return
    try:
        with asking():
            v1().invoices.void_invoice(subscription.open.id)
    except (PaymentRefused, Unknown) as error:
        raise Paid from error


def cost_of_upgrade(subscription: Subscription, price: Price) -> Cost:
    """Return what an upgrade charges at once."""
    details = _upgrade(subscription, price)
    with asking():
        found = v1().invoices.create_preview({"subscription": subscription.id, "subscription_details": details})
    return Cost(found.amount_due, found.currency)


def next_charge(subscription: str) -> Cost | None:
    """Return what the next period will cost; None where there is none."""
    try:
        with asking():
            found = v1().invoices.create_preview({"subscription": subscription})
    except (PaymentRefused, Unknown):
        return None
    return Cost(found.amount_due, found.currency)


def downgrade(subscription: Subscription, price: Price, key: str) -> None:
    """Let the next period begin with another price; until then nothing changes."""
    drop_upgrade(subscription)
    with asking():
        if subscription.schedule:
            v1().subscription_schedules.release(subscription.schedule)
        made = v1().subscription_schedules.create({"from_subscription": subscription.id}, options(key))
        now = made.phases[0]
        v1().subscription_schedules.update(
            made.id,
            {
                "end_behavior": "release",
                "proration_behavior": "none",
                "phases": [
                    {
                        "items": [{"price": subscription.price.id, "quantity": 1}],
                        "start_date": now.start_date,
                        "end_date": now.end_date,
                    },
                    {
                        "items": [{"price": price.id, "quantity": 1}],
                        "duration": {"interval": "month", "interval_count": 1},
                        "proration_behavior": "none",
                    },
                ],
            },
        )


def cancel(subscription: Subscription, key: str) -> None:
    """Let a subscription end with its period."""
    drop_upgrade(subscription)
    with asking():
        if subscription.schedule:
            v1().subscription_schedules.release(subscription.schedule)
        v1().subscriptions.update(subscription.id, {"cancel_at_period_end": True}, options(key))


def keep(subscription: Subscription, key: str) -> None:
    """Take back that a subscription ends, or changes, with its period or when an invoice is paid."""
    drop_upgrade(subscription)
    with asking():
        if subscription.schedule:
            v1().subscription_schedules.release(subscription.schedule)
        if subscription.ends:
            v1().subscriptions.update(subscription.id, subscription.goes_on, options(key))


def end_now(subscription: str) -> None:
    """End a subscription at once, without money back."""
    try:
        with asking():
            v1().subscriptions.cancel(subscription, {"prorate": False, "invoice_now": False})
    except (PaymentRefused, Unknown):
        pass
