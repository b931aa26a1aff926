"""Stripe's objects as plain values, with what this studio needs of them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
    """A line of an invoice, with its amount before discounts."""

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
    open: OpenInvoice | None = None
    upgrade: Upgrade | None = None

    @property
    def goes_on(self) -> dict[str, Any]:
        """What takes back that it ends."""
        return {"cancel_at": ""} if self.dated else {"cancel_at_period_end": False}


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
