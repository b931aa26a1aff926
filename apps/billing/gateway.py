"""The only module that talks to Stripe. It takes and returns plain values: nothing above knows Stripe's objects.

Every function may raise `PaymentsAway` (Stripe does not answer, or refuses our key), and those that ask for a change
`CardRefused`, `CardNeedsAction` or `PaymentRefused`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import stripe
import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from apps.errors import StudioError

log = structlog.get_logger(__name__)
API_VERSION = stripe.api_version  # that of the SDK; webhooks are told in it as well
TIMEOUT_SECONDS = 15.0
RETRIES = 2  # after an answer that does not come, or is a fault of Stripe; with the same idempotency key
PAGE = 100
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
# Disputes whose money is gone, for now or for good. The others are questions, or were won.
DISPUTED = ("needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "lost")
SUBSCRIPTION_PARTS = ["data.default_payment_method", "data.schedule", "data.latest_invoice"]
UPGRADE = "subscription_update"  # the reason of an invoice for a change of plans
ACTION = (
    "authentication_required",
    "subscription_payment_intent_requires_action",
    "invoice_payment_intent_requires_action",
)


class PaymentsAway(StudioError):
    """Stripe does not answer, or not as it should."""

    code = "payments_away"


class PaymentRefused(StudioError):
    """Stripe cannot do what was asked for, such as charging in another currency than the customer's."""

    code = "payment_refused"


class CardRefused(StudioError):
    """The bank has refused the card."""

    code = "card_refused"


class CardNeedsAction(StudioError):
    """The bank wants the owner of the card to confirm the payment."""

    code = "card_needs_action"


class Unknown(StudioError):
    """Stripe knows no object with this id."""

    code = "not_found"


class Paid(StudioError):
    """An invoice was paid before it could be taken back."""

    code = "plan_changed"


class BadSignature(Exception):
    """A webhook that Stripe has not signed, or long ago."""


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook: that something has happened to an object."""

    id: str
    type: str
    object_id: str
    customer: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Price:
    """A price: so much of a currency for a product, each month or once."""

    id: str
    product: str
    lookup_key: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice, with its amount before discounts. `key` names the plan."""

    price: str
    product: str
    amount: int
    quantity: int
    currency: str
    proration: bool


@dataclass(frozen=True, slots=True)
class Invoice:
    """A bill for a subscription, or for a pack that was paid already."""

    id: str
    customer: str
    status: str
    reason: str
    subscription: str
    lines: tuple[Line, ...]
    amount_due: int
    amount_paid: int
    currency: str
    payment_intent: str
    url: str
    paid_at: datetime | None
    created: datetime
    attempts: int
    next_attempt: datetime | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it is now. `ends` is when it stops, where it will; `then` the product of the next period.

    `open` is its newest invoice while that waits to be paid. `upgrade` is what begins when it is.
    """

    id: str
    customer: str
    status: str
    price: Price
    item: str
    period_start: datetime
    period_end: datetime
    ends: datetime | None
    then: str
    schedule: str
    created: datetime
    card: tuple[str, str]
    dated: bool = False  # it ends because of a date, and not of its period
    open: "OpenInvoice | None" = None
    upgrade: "Upgrade | None" = None

    @property
    def goes_on(self) -> dict[str, Any]:
        """What takes back that it ends."""
        return {"cancel_at": ""} if self.dated else {"cancel_at_period_end": False}


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that waits to be paid on the page `url`."""

    id: str
    reason: str
    amount: int
    currency: str
    url: str


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A change to another price that Stripe makes once its invoice is paid, and drops at `until`."""

    price: Price
    until: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A visit to Stripe's payment page. `reference` is our row's key."""

    id: str
    url: str
    mode: str
    status: str
    payment_status: str
    customer: str
    reference: str
    payment_intent: str
    invoice: str
    subscription: str
    amount: int
    currency: str
    prices: tuple[Price, ...] = ()
    document: str = ""
    failed: bool = False  # its payment, which takes days with some banks


@dataclass(frozen=True, slots=True)
class Charged:
    """What became of a payment's money: how much of it was sent back, and how much is disputed."""

    refunded: int
    disputed: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a change costs now, with tax and discounts."""

    amount: int
    currency: str


@dataclass
class Setup:
    """What `set_up` has found and made, in sentences, and the secret of a new webhook endpoint."""

    done: list[str] = field(default_factory=list)
    secret: str = ""


@lru_cache(maxsize=4)
def _client(key: str, base: str, retries: int) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


def _v1() -> Any:
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API, RETRIES).v1


@contextmanager
def _asking() -> Iterator[None]:
    """Turn Stripe's errors into ours."""
    try:
        yield
    except stripe.CardError as error:
        log.info("card_refused", code=error.code, decline=getattr(error.error, "decline_code", None))
        if error.code in ACTION:
            raise CardNeedsAction() from error
        raise CardRefused(error.user_message or "") from error
    except stripe.IdempotencyError as error:
        raise StudioError(code="plan_changing") from error
    except stripe.InvalidRequestError as error:
        if error.code in ACTION:
            raise CardNeedsAction() from error
        if error.code == "resource_missing":
            raise Unknown() from error
        if error.http_status == 409 or error.code in ("idempotency_key_in_use", "lock_timeout"):
            raise StudioError(code="plan_changing") from error
        log.warning("stripe_refused", code=error.code, param=error.param, reason=str(error.user_message))
        raise PaymentRefused(_currency(error)) from error
    except stripe.StripeError as error:
        told = log.error if isinstance(error, stripe.AuthenticationError | stripe.PermissionError) else log.warning
        told("stripe_away", kind=type(error).__name__, status=error.http_status)
        raise PaymentsAway() from error


def _currency(error: stripe.InvalidRequestError) -> str:
    """Return the sentence for a price that lacks the customer's currency; empty for any other refusal."""
    words = str(error.user_message or "").casefold()
    if error.param == "currency" or "currency" in words or "currencies" in words:
        return _("This has no price in the currency that your earlier payments were made in.")
    return ""


def _id(value: Any) -> str:
    """Return the id of an object that may be expanded; empty for none."""
    return str(getattr(value, "id", value) or "")


def _time(value: int | None) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if value else None


def _options(key: str) -> dict[str, str]:
    return {"idempotency_key": key} if key else {}


# --- webhooks


def verify(body: bytes, signature: str) -> Told:
    """Return what a webhook tells. Raises BadSignature."""
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            event = stripe.Webhook.construct_event(body, signature, secret, api_key=settings.STRIPE_SECRET_KEY)
        except (stripe.SignatureVerificationError, ValueError):
            continue
        stamp = max(int(part[2:]) for part in signature.split(",") if part.startswith("t="))
        if stamp > datetime.now(UTC).timestamp() + AHEAD_SECONDS:
            break
        return _told(event)
    raise BadSignature


def _told(event: Any) -> Told:
    about = event.data.object
    id = str(getattr(about, "id", None) or "")  # a preview has none
    customer = id if getattr(about, "object", "") == "customer" else _id(getattr(about, "customer", None))
    return Told(event.id, event.type, id, customer, datetime.fromtimestamp(event.created, UTC))


def events(since: datetime) -> Iterator[Told]:
    """Yield what Stripe has told since then, newest first; it keeps events for 30 days."""
    params = {"created": {"gte": int(since.timestamp())}, "types": list(EVENTS), "limit": PAGE}
    yield from _all(lambda: _v1().events.list(params), _told)


def _all(ask: Callable[[], Any], read: Callable[[Any], Any]) -> Iterator[Any]:
    with _asking():
        for each in ask().auto_paging_iter():
            yield read(each)


# --- customers


def make_customer(user: int, email: str, name: str, instead_of: str = "") -> str:
    """Make the customer of a user, once; returns its id. `instead_of` is one that was deleted in Stripe."""
    params = {"email": email, "metadata": {"site": settings.SITE_URL, "user": str(user)}} | (
        {"name": name} if name else {}
    )
    # The same words make the same customer, however often they are sent within a day.
    digest = hashlib.sha256(repr((params, instead_of)).encode()).hexdigest()[:16]
    with _asking():
        return str(_v1().customers.create(params, _options(f"customer:{user}:{digest}")).id)


def user_of(customer: str) -> int | None:
    """Return the key of the user whose customer this is; None for one that this site has not made, or that is gone."""
    try:
        with _asking():
            found = _v1().customers.retrieve(customer)
    except Unknown:
        return None
    about = {} if getattr(found, "deleted", False) else found.metadata.to_dict()
    return int(about["user"]) if about.get("site") == settings.SITE_URL and about.get("user", "").isdigit() else None


def card_of(customer: str) -> tuple[str, str]:
    """Return brand and last digits of a customer's own card, which later charges use; two empty texts for none."""
    with _asking():
        found = _v1().customers.retrieve(customer, {"expand": ["invoice_settings.default_payment_method"]})
    return ("", "") if getattr(found, "deleted", False) else _card(found.invoice_settings.default_payment_method)


def _card(method: Any) -> tuple[str, str]:
    card = getattr(method, "card", None)
    return (card.display_brand or card.brand, card.last4) if card else ("", "")


def remove_customer(customer: str) -> None:
    """Delete a customer, which ends their subscriptions at once. Invoices stay with the operator."""
    try:
        with _asking():
            _v1().customers.delete(customer)
    except Unknown:
        pass


# --- prices


def price_of(lookup_key: str) -> Price:
    """Return the price that is on sale under a lookup key. Raises PaymentRefused where there is none."""
    with _asking():
        found = _v1().prices.list({"lookup_keys": [lookup_key], "active": True, "limit": 1}).data
    if not found:
        log.error("price_missing", lookup_key=lookup_key)
        raise PaymentRefused(_("This is not on sale yet. The operator runs stripe_setup."))
    return _price(found[0])


@lru_cache(maxsize=256)
def _amounts(key: str, base: str, price: str) -> Mapping[str, int]:
    with _asking():
        found = _v1().prices.retrieve(price, {"expand": ["currency_options"]})
    others = found.currency_options.to_dict() if getattr(found, "currency_options", None) else {}
    return {name: each["unit_amount"] for name, each in others.items()} | {found.currency: found.unit_amount}


def amount_of(price: str, currency: str) -> int:
    """Return what one of a price costs in a currency; 0 where it has none."""
    return _amounts(settings.STRIPE_SECRET_KEY, settings.STRIPE_API, price).get(currency) or 0


def _price(price: Any) -> Price:
    return Price(
        price.id, _id(price.product), getattr(price, "lookup_key", None) or "", price.unit_amount or 0, price.currency
    )


# --- paying


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
    with _asking():
        return _session(_v1().checkout.sessions.create(params, _options(f"checkout:{reference}:{customer}")))


def session(id: str) -> Session:
    """Return a visit to the payment page as it is now. Raises Unknown."""
    with _asking():
        return _session(
            _v1().checkout.sessions.retrieve(id, {"expand": ["line_items", "payment_intent.latest_charge"]})
        )


def sessions(since: datetime) -> Iterator[Session]:
    """Yield the visits that ended with a payment since then."""
    params = {"created": {"gte": int(since.timestamp())}, "status": "complete", "limit": PAGE}
    yield from _all(lambda: _v1().checkout.sessions.list(params), _session)


def session_of_payment(payment_intent: str) -> str:
    """Return the id of the visit in which a payment was made; empty for none."""
    with _asking():
        found = _v1().checkout.sessions.list({"payment_intent": payment_intent, "limit": 1}).data
    return str(found[0].id) if found else ""


def expire(id: str) -> None:
    """Close the page of a visit, so that nobody pays there any more; harmless where it is closed already."""
    try:
        with _asking():
            _v1().checkout.sessions.expire(id)
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
        customer=_id(found.customer),
        reference=about.get("checkout", "") if about.get("site") == settings.SITE_URL else "",
        payment_intent=_id(intent),
        invoice=_id(found.invoice),
        subscription=_id(found.subscription),
        amount=found.amount_total or 0,
        currency=found.currency or "",
        prices=tuple(_price(line.price) for line in lines.data) if lines else (),
        document=getattr(charge, "receipt_url", None) or "",
        failed=getattr(intent, "status", "") in ("requires_payment_method", "canceled"),
    )


def portal(customer: str, return_url: str, *, card: bool = False) -> str:
    """Return the address of Stripe's page for cards, addresses and invoices; with `card`, of its form for a card."""
    params: dict[str, Any] = {"customer": customer, "return_url": return_url}
    with _asking():
        if ours := _our_portal():
            params["configuration"] = ours.id
        if card:
            back = {"type": "redirect", "redirect": {"return_url": return_url}}
            params["flow_data"] = {"type": "payment_method_update", "after_completion": back}
        return str(_v1().billing_portal.sessions.create(params).url)


def _our_portal() -> Any:
    found = _v1().billing_portal.configurations.list({"active": True, "limit": PAGE})
    return next((each for each in found.data if _ours(each)), None)


def _ours(thing: Any) -> bool:
    return bool(thing.metadata) and thing.metadata.to_dict().get("site") == settings.SITE_URL


# --- subscriptions


def subscriptions(customer: str) -> list[Subscription]:
    """Return the subscriptions of a customer that have not ended, newest first."""
    params = {"customer": customer, "limit": PAGE, "expand": SUBSCRIPTION_PARTS}
    try:
        return list(_all(lambda: _v1().subscriptions.list(params), _subscription))
    except Unknown:
        return []  # the customer was deleted, and their subscriptions with them


def all_subscriptions() -> Iterator[Subscription]:
    """Yield every subscription that has not ended."""
    params = {"limit": PAGE, "expand": SUBSCRIPTION_PARTS}
    yield from _all(lambda: _v1().subscriptions.list(params), _subscription)


def _subscription(found: Any) -> Subscription:
    item = found["items"].data[0]
    end = datetime.fromtimestamp(item.current_period_end, UTC)
    stops = _time(found.cancel_at) or (end if found.cancel_at_period_end else None)
    schedule = found.schedule if getattr(found.schedule, "status", "") in ("active", "not_started") else None
    then = _product_after(schedule, item.current_period_end) if schedule else ""
    if schedule and schedule.end_behavior == "cancel":
        stops = stops or datetime.fromtimestamp(schedule.phases[-1].end_date, UTC)
    return Subscription(
        id=found.id,
        customer=_id(found.customer),
        status=found.status,
        price=_price(item.price),
        item=item.id,
        period_start=datetime.fromtimestamp(item.current_period_start, UTC),
        period_end=end,
        ends=stops,
        then="" if then == _id(item.price.product) else then,
        schedule=schedule.id if schedule else "",
        created=datetime.fromtimestamp(found.created, UTC),
        card=_card(found.default_payment_method),
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
    return Upgrade(_price(items[0].price), datetime.fromtimestamp(found.expires_at, UTC)) if items else None


def _product_after(schedule: Any, period_end: int) -> str:
    """Return the product of the phase that begins with the next period; empty for none."""
    for phase in schedule.phases:
        if phase.start_date >= period_end:
            return _product(_id(phase["items"][0].price))
    return ""


def _product(price: str) -> str:
    return _products(settings.STRIPE_SECRET_KEY, settings.STRIPE_API, price)


@lru_cache(maxsize=256)
def _products(key: str, base: str, price: str) -> str:
    return _id(_v1().prices.retrieve(price).product)


def lookup_key_of(price: str) -> str:
    """Return the lookup key of a price; empty for none."""
    with _asking():
        return getattr(_v1().prices.retrieve(price), "lookup_key", None) or ""


def upgrade(subscription: Subscription, price: Price, key: str) -> str:
    """Begin a fresh period with another price, paid at once; returns its invoice.

    Where the card is refused, everything stays, but for a smaller plan or another upgrade that was to follow. Where the
    bank wants a confirmation, CardNeedsAction is raised; `upgrade_when_paid` asks for it.
    """
    drop_upgrade(subscription)
    params = _upgrade(subscription, price) | {"payment_behavior": "error_if_incomplete"}
    if subscription.ends:
        params |= subscription.goes_on
    with _asking():
        if subscription.schedule:
            _v1().subscription_schedules.release(subscription.schedule)
        made = _v1().subscriptions.update(subscription.id, params, _options(key))
    return _id(made.latest_invoice)


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
    with _asking():
        made = _v1().subscriptions.update(subscription.id, params, _options(key))
    found = _open_invoice(made.latest_invoice)
    return _id(made.latest_invoice), found.url if found else ""


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
        with _asking():
            _v1().invoices.void_invoice(subscription.open.id)
    except (PaymentRefused, Unknown) as error:
        raise Paid from error


def cost_of_upgrade(subscription: Subscription, price: Price) -> Cost:
    """Return what an upgrade charges at once."""
    details = _upgrade(subscription, price)
    with _asking():
        found = _v1().invoices.create_preview({"subscription": subscription.id, "subscription_details": details})
    return Cost(found.amount_due, found.currency)


def next_charge(subscription: str) -> Cost | None:
    """Return what the next period will cost; None where there is none."""
    try:
        with _asking():
            found = _v1().invoices.create_preview({"subscription": subscription})
    except (PaymentRefused, Unknown):
        return None
    return Cost(found.amount_due, found.currency)


def downgrade(subscription: Subscription, price: Price, key: str) -> None:
    """Let the next period begin with another price; until then nothing changes."""
    drop_upgrade(subscription)
    with _asking():
        if subscription.schedule:
            _v1().subscription_schedules.release(subscription.schedule)
        made = _v1().subscription_schedules.create({"from_subscription": subscription.id}, _options(key))
        now = made.phases[0]
        _v1().subscription_schedules.update(
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
    with _asking():
        if subscription.schedule:
            _v1().subscription_schedules.release(subscription.schedule)
        _v1().subscriptions.update(subscription.id, {"cancel_at_period_end": True}, _options(key))


def keep(subscription: Subscription, key: str) -> None:
    """Take back that a subscription ends, or changes, with its period or when an invoice is paid."""
    drop_upgrade(subscription)
    with _asking():
        if subscription.schedule:
            _v1().subscription_schedules.release(subscription.schedule)
        if subscription.ends:
            _v1().subscriptions.update(subscription.id, subscription.goes_on, _options(key))


def end_now(subscription: str) -> None:
    """End a subscription at once, without money back."""
    try:
        with _asking():
            _v1().subscriptions.cancel(subscription, {"prorate": False, "invoice_now": False})
    except (PaymentRefused, Unknown):
        pass


# --- money


def invoice(id: str) -> Invoice:
    """Return an invoice as it is now. Raises Unknown."""
    with _asking():
        return _invoice(_v1().invoices.retrieve(id, {"expand": ["payments"]}))


def paid_invoices(since: datetime) -> Iterator[Invoice]:
    """Yield the invoices that were made since then and are paid."""
    params = {"created": {"gte": int(since.timestamp())}, "status": "paid", "limit": PAGE, "expand": ["data.payments"]}
    yield from _all(lambda: _v1().invoices.list(params), _invoice)


def _invoice(found: Any) -> Invoice:
    details = found.parent.subscription_details if found.parent else None
    return Invoice(
        id=found.id,
        customer=_id(found.customer),
        status=found.status or "",
        reason=found.billing_reason or "",
        subscription=_id(details.subscription) if details else "",
        lines=tuple(_line(line) for line in found.lines.auto_paging_iter()),
        amount_due=found.amount_due,
        amount_paid=found.amount_paid,
        currency=found.currency,
        payment_intent=_intent_of(getattr(found, "payments", None)),
        url=found.hosted_invoice_url or "",
        paid_at=_time(found.status_transitions.paid_at),
        created=datetime.fromtimestamp(found.created, UTC),
        attempts=found.attempt_count,
        next_attempt=_time(found.next_payment_attempt),
    )


def _line(line: Any) -> Line:
    details = line.pricing.price_details if line.pricing else None
    parent = line.parent
    of_item = (parent.subscription_item_details or parent.invoice_item_details) if parent else None
    return Line(
        price=_id(details.price) if details else "",
        product=str(details.product) if details else "",
        amount=line.amount,
        quantity=line.quantity or 1,
        currency=line.currency,
        proration=bool(of_item and of_item.proration),
    )


def _intent_of(payments: Any) -> str:
    """Return the payment with which an invoice was paid; empty where none was needed."""
    for each in payments.data if payments else ():
        if each.status == "paid" and each.payment.type == "payment_intent":
            return _id(each.payment.payment_intent)
    return ""


def invoice_of_payment(payment_intent: str) -> str:
    """Return the id of the invoice that a payment paid; empty for none."""
    params = {"payment": {"type": "payment_intent", "payment_intent": payment_intent}, "limit": 1}
    with _asking():
        found = _v1().invoice_payments.list(params).data
    return _id(found[0].invoice) if found else ""


def payment_of(kind: str, id: str) -> str:
    """Return the payment that a charge, a refund or a dispute is about; empty for none. Raises Unknown."""
    services = {"charge": "charges", "refund": "refunds", "dispute": "disputes"}
    with _asking():
        return _id(getattr(_v1(), services[kind]).retrieve(id).payment_intent)


def charged(payment_intent: str) -> Charged:
    """Return what became of a payment's money: what was refunded, and what is disputed, open or lost."""
    params = {"payment_intent": payment_intent, "limit": PAGE}
    with _asking():
        refunds = [
            each.amount
            for each in _v1().refunds.list(params).auto_paging_iter()
            if each.status not in ("failed", "canceled")
        ]
        disputes = [each.amount for each in _v1().disputes.list(params).auto_paging_iter() if each.status in DISPUTED]
    return Charged(sum(refunds), sum(disputes))


def returned(since: datetime) -> Iterator[str]:
    """Yield the payments of which money was sent back or is disputed since then."""
    params = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
    for service in (_v1().refunds, _v1().disputes):
        yield from filter(None, _all(partial(service.list, params), lambda each: _id(each.payment_intent)))


# --- setting up


def set_up(goods: list[dict[str, Any]], webhook_url: str) -> Setup:
    """Make products, prices, the portal's settings and the webhook endpoint; what is there already stays.

    Each of the goods has `key`, `title`, `amount`, `currency` and `monthly`.
    """
    made = Setup()
    with _asking():
        for each in goods:
            _set_up_price(each, made)
        _set_up_portal(made)
        _set_up_webhook(webhook_url, made)
    return made


def _set_up_price(good: dict[str, Any], made: Setup) -> None:
    about = {"site": settings.SITE_URL}
    try:
        product = _v1().products.retrieve(good["key"])
        if product.name != good["title"] or not product.active:
            _v1().products.update(good["key"], {"name": good["title"], "active": True})
            made.done.append(f"Changed the product {good['key']}.")
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        _v1().products.create({"id": good["key"], "name": good["title"], "metadata": about})
        made.done.append(f"Made the product {good['key']}.")
    tax = settings.STRIPE_TAX or "unspecified"
    wanted = (good["amount"], good["currency"], "month" if good["monthly"] else "", tax)
    for price in _v1().prices.list({"lookup_keys": [good["key"]], "active": True}).data:
        cycle = price.recurring.interval if price.recurring else ""
        same_tax = tax if tax == "unspecified" else price.tax_behavior
        if wanted == (price.unit_amount, price.currency, cycle, same_tax) and _id(price.product) == good["key"]:
            return
    params: dict[str, Any] = {
        "product": good["key"],
        "unit_amount": good["amount"],
        "currency": good["currency"],
        "lookup_key": good["key"],
        "transfer_lookup_key": True,
        "metadata": about,
    }
    params |= {"recurring": {"interval": "month"}} if good["monthly"] else {}
    params |= {"tax_behavior": tax} if tax != "unspecified" else {}
    _v1().prices.create(params)
    made.done.append(f"Made the price {good['key']}: {good['amount']} {good['currency']}.")


def _set_up_portal(made: Setup) -> None:
    features = {
        "customer_update": {"enabled": True, "allowed_updates": ["address", "email", "name", "tax_id"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
        # Plans are changed on the site, which knows what an upgrade gives.
        "subscription_update": {"enabled": False},
    }
    if ours := _our_portal():
        _v1().billing_portal.configurations.update(ours.id, {"features": features})
        return
    _v1().billing_portal.configurations.create({"features": features, "metadata": {"site": settings.SITE_URL}})
    made.done.append("Made the settings of the customer portal.")


def _set_up_webhook(url: str, made: Setup) -> None:
    for endpoint in _v1().webhook_endpoints.list({"limit": PAGE}).auto_paging_iter():
        if endpoint.url != url:
            continue
        if endpoint.api_version == API_VERSION:
            if set(endpoint.enabled_events) != set(EVENTS) or endpoint.status != "enabled":
                _v1().webhook_endpoints.update(endpoint.id, {"enabled_events": list(EVENTS), "disabled": False})
                made.done.append("Changed the events of the webhook endpoint.")
            return
        _v1().webhook_endpoints.delete(endpoint.id)
        made.done.append("Removed a webhook endpoint of another version of the API.")
    new = _v1().webhook_endpoints.create(
        {
            "url": url,
            "enabled_events": list(EVENTS),
            "api_version": API_VERSION,
            "metadata": {"site": settings.SITE_URL},
        }
    )
    made.done.append(f"Made the webhook endpoint {url}.")
    made.secret = new.secret or ""
