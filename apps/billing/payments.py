"""What people do with their money here: pay for a plan or a pack, change the plan, end it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from apps import messages
from apps.accounts.models import User
from apps.billing import gateway, sync
from apps.billing.models import Checkout, Customer, Payment, Plan, Subscription, TopUp
from apps.billing.plans import connected
from apps.errors import StudioError

log = structlog.get_logger(__name__)
QUEUE = "billing"  # in workers/actors.py, with the actors of this name
CHANGING = timedelta(minutes=2)  # after which a change whose process died no longer stands in the way


@dataclass(frozen=True)
class Change:
    """A change of plans, as it is shown before the click. `cost` is what it charges at once, if anything.

    `confirm` is Stripe's page on which the bank's confirmation is given first, where it wants one.
    """

    kind: str  # "upgrade", "downgrade", "cancel" or "keep"
    before: Plan
    after: Plan
    cost: gateway.Cost | None = None
    confirm: str = ""


def refuse_disconnected() -> None:
    """Raise StudioError where this studio takes no payments."""
    if not connected():
        raise StudioError(code="payments_off")


def customer_of(user: User) -> Customer:
    """Return who a user is in Stripe; made there where they are new."""
    found = Customer.objects.filter(user=user).first()
    if found:
        return found
    made = gateway.make_customer(user.pk, user.email, user.name)
    try:
        with transaction.atomic():
            return Customer.objects.create(user=user, stripe_id=made)
    except IntegrityError:  # in another tab
        return Customer.objects.get(user=user)


def start_checkout(user: User, goods: Plan | TopUp) -> str:
    """Return the address of Stripe's page on which a user pays for a plan or a pack.

    The row is there before the page is, so that whatever comes back from it is known.
    """
    refuse_disconnected()
    if not goods.lookup_key or not goods.is_public or not goods.price:
        raise StudioError(code="payment_refused")
    monthly = isinstance(goods, Plan)
    customer = customer_of(user)
    with _changing(user):
        if monthly:
            _refuse_second_plan(user, customer)
        price = gateway.price_of(goods.lookup_key)
        row = Checkout.objects.create(user=user, **({"plan": goods} if monthly else {"topup": goods}))
        back = f"{settings.SITE_URL}{reverse('billing:billing')}"
        start = partial(
            gateway.start_checkout,
            price=price,
            monthly=monthly,
            reference=str(row.pk),
            success_url=f"{back}?checkout={row.pk}",
            cancel_url=f"{settings.SITE_URL}{reverse('billing:pricing')}",
        )
        try:
            try:
                session = start(customer=customer.stripe_id)
            except gateway.Unknown:
                session = start(customer=_renew(customer).stripe_id)
        except StudioError:
            Checkout.objects.filter(pk=row.pk).update(status=Checkout.Status.EXPIRED)
            raise
        Checkout.objects.filter(pk=row.pk).update(session_id=session.id)
    return session.url


def _renew(customer: Customer) -> Customer:
    """Make a new customer for a user whose old one was deleted in Stripe."""
    user = customer.user
    customer.stripe_id = gateway.make_customer(user.pk, user.email, user.name, instead_of=customer.stripe_id)
    customer.save(update_fields=["stripe_id"])
    return customer


def _refuse_second_plan(user: User, customer: Customer) -> None:
    """Close pages on which a plan could still be paid, and raise StudioError where one was."""
    for other in Checkout.objects.filter(user=user, plan__isnull=False, status=Checkout.Status.OPEN):
        if other.session_id:
            gateway.expire(other.session_id)
        Checkout.objects.filter(pk=other.pk, status=Checkout.Status.OPEN).update(status=Checkout.Status.EXPIRED)
    now = sync.sync_customer(customer.stripe_id)
    if now and now.status not in (Subscription.Status.NONE, Subscription.Status.CANCELED):
        raise StudioError(code="plan_exists")


def look_at(checkout: Checkout) -> None:
    """Let a worker look whether a page was paid; harmless where a webhook has told already."""
    nudge("look_at_checkout", str(checkout.pk))


def nudge(actor: str, *args: str) -> None:
    """Send a message to the workers once the transaction is over. A lost one is made good by the sweep."""
    transaction.on_commit(lambda: messages.nudge(QUEUE, actor, *args))


def open_portal(user: User, *, card: bool = False) -> str:
    """Return the address of Stripe's page for a user's card, address and invoices."""
    refuse_disconnected()
    back = f"{settings.SITE_URL}{reverse('billing:billing')}"
    return gateway.portal(customer_of(user).stripe_id, back, card=card)


def plan_change(user: User, to: Plan) -> Change:
    """Return what a change to another plan would mean, with its cost as Stripe computes it.

    Raises StudioError where the user has no plan that is paid monthly, or a payment is overdue.
    """
    refuse_disconnected()
    row = sync.subscription_of(user)
    kind = _kind(row.plan, to)
    cost = None
    if kind == "upgrade":
        now = _subscription(row)
        _refuse_overdue(now)
        cost = gateway.cost_of_upgrade(now, gateway.price_of(to.lookup_key))
    elif not row.stripe_id or row.status == Subscription.Status.CANCELED:
        raise StudioError(code="plan_changed")
    return Change(kind, row.plan, to, cost)


def _kind(before: Plan, after: Plan) -> str:
    if after == before:
        return "keep"
    if after.slug == Plan.FREE:
        return "cancel"
    if not after.is_public or not after.lookup_key:
        raise StudioError(code="payment_refused")
    return "upgrade" if after.order > before.order else "downgrade"


def change_plan(user: User, to: Plan, *, seen: str, key: str) -> Change:
    """Change the plan of a user from the one that they have `seen`: up at once, down or to nothing with the period.

    An upgrade that the bank wants to have confirmed begins when that was done and paid, on the page `Change.confirm`.
    `key` is the page's own, so that a form that is sent twice changes once. Raises StudioError: "plan_changed" when it
    is not as the page said, "plan_changing" while another change is on its way, and what the gateway raises.
    """
    refuse_disconnected()
    key = f"change:{user.pk}:{key}"  # theirs alone, whatever a form of somebody else says
    with _changing(user) as row:
        now = _subscription(row)
        before = sync.plan_of_product(now.price.product, now.price.id)
        if before is None or before.slug != seen:
            sync.sync_customer(now.customer)
            raise StudioError(code="plan_changed")
        kind = _kind(before, to)
        invoice = confirm = ""
        if kind == "upgrade":
            _refuse_overdue(now)
            invoice, confirm = _upgrade(now, to, key)
        elif kind == "downgrade":
            gateway.downgrade(now, gateway.price_of(to.lookup_key), key)
        elif kind == "cancel":
            gateway.cancel(now, key)
        else:
            gateway.keep(now, key)
    event = "plan_change_unconfirmed" if confirm else "plan_changed"
    log.info(event, user=user.pk, kind=kind, before=before.slug, after=to.slug)
    _catch_up(now.customer, invoice)
    return Change(kind, before, to, confirm=confirm)


def _upgrade(now: gateway.Subscription, to: Plan, key: str) -> tuple[str, str]:
    """Make an upgrade; returns its invoice, and the page where the bank wants it to be confirmed, or ""."""
    price = gateway.price_of(to.lookup_key)
    if now.upgrade and now.open and now.upgrade.price == price:
        return now.open.id, now.open.url  # asked for before
    try:
        return gateway.upgrade(now, price, key), ""
    except gateway.CardNeedsAction:
        return gateway.upgrade_when_paid(now, price, f"{key}:confirm")


def _catch_up(customer: str, invoice: str) -> None:
    """Show at once what has changed. Where Stripe does not answer just now, the webhook tells it."""
    try:
        if invoice:
            sync.sync_invoice(invoice)
        else:
            sync.sync_customer(customer)
    except (StudioError, sync.Busy):
        log.warning("change_not_seen", customer=customer, exc_info=True)


def _refuse_overdue(now: gateway.Subscription) -> None:
    if now.status not in Subscription.LIVE:
        raise StudioError(code="payment_overdue")


def _subscription(row: Subscription) -> gateway.Subscription:
    """Return a user's subscription as Stripe has it. Raises StudioError where it has none."""
    customer = Customer.objects.filter(user=row.user_id).first()
    found = gateway.subscriptions(customer.stripe_id) if customer else []
    now = next((each for each in found if each.id == row.stripe_id), None)
    if now is None:
        if customer:
            sync.sync_customer(customer.stripe_id)
        raise StudioError(code="plan_changed")
    return now


@contextmanager
def _changing(user: User) -> Iterator[Subscription]:
    """Let one change of a user's plan at a time go to Stripe. No lock of the database is held meanwhile."""
    row, now = sync.subscription_of(user), timezone.now()
    free = Q(changing_at=None) | Q(changing_at__lt=now - CHANGING)
    if not Subscription.objects.filter(free, pk=row.pk).update(changing_at=now):
        raise StudioError(code="plan_changing")
    try:
        yield row
    finally:
        Subscription.objects.filter(pk=row.pk, changing_at=now).update(changing_at=None)


def leave(user: User) -> None:
    """End everything that would charge a user whose account is being deleted, now or as soon as Stripe answers.

    What they have paid stays for the ledger, without the invoices that name them.
    """
    Payment.objects.filter(user=user).update(document_url="")
    for customer in Customer.objects.filter(user=user, leaving=False):
        Customer.objects.filter(pk=customer.pk).update(leaving=True)
        nudge("leave_stripe", str(customer.pk))


def remove_customer(customer: Customer) -> None:
    """Delete a customer in Stripe, with their subscriptions, and forget who they were."""
    for subscription in gateway.subscriptions(customer.stripe_id):
        with suppress(gateway.Paid):  # just now
            gateway.drop_upgrade(subscription)
    gateway.remove_customer(customer.stripe_id)
    with transaction.atomic():
        free = Plan.objects.standard(Plan.FREE)
        Subscription.objects.filter(user=customer.user).update(
            plan=free, status=Subscription.Status.CANCELED, downgrade_to=None, cancel_at_period_end=False,
            grace_until=None, next_amount=None, free_credits_at=None, upgrade_to=None, upgrade_until=None,
            open_amount=None, open_currency="", open_url="",
        )  # fmt: skip
        Customer.objects.filter(pk=customer.pk).update(leaving=False, card_brand="", card_last4="")
    log.info("customer_removed", user=customer.user_id)


def go_on() -> None:
    """Remove the customers of deleted accounts whose message was lost, or when Stripe was away."""
    for key in Customer.objects.filter(leaving=True).values_list("pk", flat=True)[:100]:
        nudge("leave_stripe", str(key))
