"""Money that has come in, and money that went back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from apps.billing.gateway.client import PAGE, asking, every, id_of, time_of, v1
from apps.billing.gateway.values import Charged, Invoice, Line

# Disputes whose money is gone, for now or for good. The others are questions, or were won.
DISPUTED = ("needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "lost")


def invoice(id: str) -> Invoice:
    """Return an invoice as it is now. Raises Unknown."""
    with asking():
        return _invoice(v1().invoices.retrieve(id, {"expand": ["payments"]}))


def paid_invoices(since: datetime) -> Iterator[Invoice]:
    """Yield the invoices that were made since then and are paid."""
    params = {"created": {"gte": int(since.timestamp())}, "status": "paid", "limit": PAGE, "expand": ["data.payments"]}
    yield from every(lambda: v1().invoices.list(params), _invoice)


def _invoice(found: Any) -> Invoice:
    details = found.parent.subscription_details if found.parent else None
    return Invoice(
        id=found.id,
        customer=id_of(found.customer),
        status=found.status or "",
        reason=found.billing_reason or "",
        subscription=id_of(details.subscription) if details else "",
        lines=tuple(_line(line) for line in found.lines.auto_paging_iter()),
        amount_due=found.amount_due,
        amount_paid=found.amount_paid,
        currency=found.currency,
        payment_intent=_intent_of(getattr(found, "payments", None)),
        url=found.hosted_invoice_url or "",
        paid_at=time_of(found.status_transitions.paid_at),
        created=datetime.fromtimestamp(found.created, UTC),
        attempts=found.attempt_count,
        next_attempt=time_of(found.next_payment_attempt),
    )


def _line(line: Any) -> Line:
    details = line.pricing.price_details if line.pricing else None
    parent = line.parent
    of_item = (parent.subscription_item_details or parent.invoice_item_details) if parent else None
    return Line(
        price=id_of(details.price) if details else "",
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
            return id_of(each.payment.payment_intent)
    return ""


def invoice_of_payment(payment_intent: str) -> str:
    """Return the id of the invoice that a payment paid; empty for none."""
    params = {"payment": {"type": "payment_intent", "payment_intent": payment_intent}, "limit": 1}
    with asking():
        found = v1().invoice_payments.list(params).data
    return id_of(found[0].invoice) if found else ""


def payment_of(kind: str, id: str) -> str:
    """Return the payment that a charge, a refund or a dispute is about; empty for none. Raises Unknown."""
    services = {"charge": "charges", "refund": "refunds", "dispute": "disputes"}
    with asking():
        return id_of(getattr(v1(), services[kind]).retrieve(id).payment_intent)


def charged(payment_intent: str) -> Charged:
    """Return what became of a payment's money: what was refunded, and what is disputed, open or lost."""
    params = {"payment_intent": payment_intent, "limit": PAGE}
    with asking():
        refunds = [
            each.amount
            for each in v1().refunds.list(params).auto_paging_iter()
            if each.status not in ("failed", "canceled")
        ]
        disputes = [each.amount for each in v1().disputes.list(params).auto_paging_iter() if each.status in DISPUTED]
    return Charged(sum(refunds), sum(disputes))


def returned(since: datetime) -> Iterator[str]:
    """Yield the payments of which money was sent back or is disputed since then."""
    params = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
    for service in (v1().refunds, v1().disputes):
        yield from filter(None, every(partial(service.list, params), lambda each: id_of(each.payment_intent)))
