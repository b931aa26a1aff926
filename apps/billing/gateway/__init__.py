"""Everything that this studio says to Stripe. It takes and returns plain values: nothing above knows Stripe's objects.

Every function may raise `PaymentsAway` (Stripe does not answer, or refuses our key), and those that ask for a change
`CardRefused`, `CardNeedsAction` or `PaymentRefused`. Only `client` imports Stripe's SDK.
"""

from apps.billing.gateway.checkout import expire, session, session_of_payment, sessions, start_checkout
from apps.billing.gateway.customers import card_of, make_customer, portal, remove_customer, user_of
from apps.billing.gateway.money import charged, invoice, invoice_of_payment, paid_invoices, payment_of, returned
from apps.billing.gateway.prices import amount_of, lookup_key_of, price_of
from apps.billing.gateway.refusals import (
    BadSignature,
    CardNeedsAction,
    CardRefused,
    Paid,
    PaymentRefused,
    PaymentsAway,
    Unknown,
)
from apps.billing.gateway.setup import set_up
from apps.billing.gateway.subscribing import (
    UPGRADE,
    all_subscriptions,
    cancel,
    cost_of_upgrade,
    downgrade,
    drop_upgrade,
    end_now,
    keep,
    next_charge,
    subscriptions,
    upgrade,
    upgrade_when_paid,
)
from apps.billing.gateway.values import (
    Charged,
    Cost,
    Invoice,
    Line,
    OpenInvoice,
    Price,
    Session,
    Setup,
    Subscription,
    Told,
    Upgrade,
)
from apps.billing.gateway.webhooks import EVENTS, events, verify

__all__ = [
    "EVENTS",
    "UPGRADE",
    "BadSignature",
    "CardNeedsAction",
    "CardRefused",
    "Charged",
    "Cost",
    "Invoice",
    "Line",
    "OpenInvoice",
    "Paid",
    "PaymentRefused",
    "PaymentsAway",
    "Price",
    "Session",
    "Setup",
    "Subscription",
    "Told",
    "Unknown",
    "Upgrade",
    "all_subscriptions",
    "amount_of",
    "cancel",
    "card_of",
    "charged",
    "cost_of_upgrade",
    "downgrade",
    "drop_upgrade",
    "end_now",
    "events",
    "expire",
    "invoice",
    "invoice_of_payment",
    "keep",
    "lookup_key_of",
    "make_customer",
    "next_charge",
    "paid_invoices",
    "payment_of",
    "portal",
    "price_of",
    "remove_customer",
    "returned",
    "session",
    "session_of_payment",
    "sessions",
    "set_up",
    "start_checkout",
    "subscriptions",
    "upgrade",
    "upgrade_when_paid",
    "user_of",
    "verify",
]
