"""What people, banks and time do with the objects: payments, periods, retries, refunds and disputes.

The clock is the process's own, so that tests may move it. Nothing happens by itself: `tick` does what is due.
"""

import calendar
import time
from datetime import UTC, datetime

import stripe

from tests.stripe_standin.objects import Objects
from tests.stripe_standin.types import whole

DAY = 24 * 3600
RETRY_DAYS = (3, 5, 7)  # after which a card that was refused is tried again; then the subscription ends
CODES = {"FREE100": 100, "HALF": 50}  # promotion codes, in per cent


class Money(Objects):
    """Objects to which something happens."""

    # --- what people and banks do

    def pay(self, session_id, card="ok", code="", later=False):
        """Press the button of a payment page. With `later` the bank takes days; `arrive` or `fail` ends that."""
        with self.lock:
            session = self.get("checkout.session", session_id)
            if session["status"] != "open":
                return False
            self.cards[session["customer"]] = card
            if card != "ok":
                return False
            price = self.get("price", session["line_items"]["data"][0]["price"]["id"])
            off = CODES.get(code, 0)
            customer = self.get("customer", session["customer"])
            customer["currency"] = price["currency"]
            session["amount_total"] = price["unit_amount"] * (100 - off) // 100
            session["status"] = "complete"
            session["url"] = None
            if session["mode"] == "subscription":
                subscription = self._subscribe(session, price)
                invoice = self._bill(subscription, "subscription_create", off=off)
                session["subscription"], session["invoice"] = subscription["id"], invoice["id"]
                session["payment_status"] = "paid" if session["amount_total"] else "no_payment_required"
                self._settle(invoice)
                self.told("customer.subscription.created", subscription)
                self.told("invoice.paid", invoice)
            else:
                session["payment_status"] = "paid" if session["amount_total"] else "no_payment_required"
                if session["amount_total"]:
                    intent = self._charge(customer, session["amount_total"], price["currency"])
                    session["payment_intent"] = intent["id"]
                    if later:
                        session["payment_status"], intent["status"] = "unpaid", "processing"
            self.told("checkout.session.completed", session)
            return True

    def arrive(self, session_id):
        """The money of a payment that took days is there."""
        session = self.get("checkout.session", session_id)
        session["payment_status"] = "paid"
        self.get("payment_intent", session["payment_intent"])["status"] = "succeeded"
        self.told("checkout.session.async_payment_succeeded", session)

    def fail(self, session_id):
        """The money of a payment that took days does not come."""
        session = self.get("checkout.session", session_id)
        self.get("payment_intent", session["payment_intent"])["status"] = "requires_payment_method"
        self.told("checkout.session.async_payment_failed", session)

    def refund(self, intent_id, amount=None):
        """Send money back, as the operator does in Stripe's pages."""
        charge = self.get("charge", self.get("payment_intent", intent_id)["latest_charge"])
        amount = min(amount or charge["amount"], charge["amount"] - charge["amount_refunded"])
        if amount <= 0:
            return None
        refund = self.new(
            "refund", amount=amount, currency=charge["currency"], charge=charge["id"], payment_intent=intent_id,
            status="succeeded",
        )  # fmt: skip
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.told("charge.refunded", charge)
        self.told("refund.created", refund)
        return refund

    def fail_refund(self, refund):
        """The bank sends a refund back."""
        refund["status"], refund["failure_reason"] = "failed", "lost_or_stolen_card"
        charge = self.get("charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        self.told("refund.failed", refund)

    def dispute(self, intent_id, status="needs_response"):
        """Somebody tells their bank that they did not buy this."""
        charge = self.get("charge", self.get("payment_intent", intent_id)["latest_charge"])
        charge["disputed"] = True
        made = self.new(
            "dispute", amount=charge["amount"], currency=charge["currency"], charge=charge["id"],
            payment_intent=intent_id, status=status, reason="fraudulent",
        )  # fmt: skip
        self.told("charge.dispute.created", made)
        return made

    def close_dispute(self, dispute, status):
        dispute["status"] = status
        self.told("charge.dispute.closed", dispute)

    def confirm(self, invoice_id):
        """Press the button of an open invoice's page, and confirm the payment at the bank."""
        with self.lock:
            invoice = self.get("invoice", invoice_id)
            subscription = self.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
            if invoice["status"] != "open" or self.cards.get(invoice["customer"]) == "declined":
                return False
            if pending := subscription["pending_update"]:
                self._apply(subscription, pending, invoice)
            self._settle(invoice)
            if subscription["status"] == "past_due":
                subscription["status"] = "active"
            self.told("customer.subscription.updated", subscription)
            self.told("invoice.paid", invoice)
            if pending:
                self.told("customer.subscription.pending_update_applied", subscription)
            return True

    def _apply(self, subscription, pending, invoice):
        item, start = subscription["items"]["data"][0], int(time.time())
        item |= {"price": pending["subscription_items"][0]["price"]}
        item |= {"current_period_start": start, "current_period_end": month_after(start)}
        subscription["billing_cycle_anchor"] = start
        if pending["cancel_at_period_end"] is not None:
            subscription["cancel_at_period_end"] = pending["cancel_at_period_end"]
        subscription["pending_update"] = None

    def set_card(self, customer, card):
        """Give another card on Stripe's page; an open invoice is paid with it."""
        self.cards[customer] = card
        self.told("customer.updated", self.get("customer", customer))

    def tick(self):
        """Do what is due by the clock: periods that end, cards that are tried again, pages that close."""
        with self.lock:
            now = time.time()
            for subscription in list(self.all["subscription"].values()):
                pending = subscription["pending_update"]
                if pending and pending["expires_at"] <= now:
                    self._drop(subscription)
                while subscription["status"] in ("active", "past_due", "trialing") and self._due(subscription, now):
                    self._go_on(subscription)
            for session in self.of("checkout.session", status="open"):
                if session["expires_at"] <= now:
                    self._expire(session)

    def _drop(self, subscription):
        """Forget an upgrade that was not paid."""
        invoice = self.get("invoice", subscription["latest_invoice"])
        subscription["pending_update"], invoice["status"] = None, "void"
        self.told("customer.subscription.updated", subscription)
        self.told("customer.subscription.pending_update_expired", subscription)
        self.told("invoice.voided", invoice)

    def _due(self, subscription, now):
        item = subscription["items"]["data"][0]
        invoice = self._open_invoice(subscription)
        if invoice:
            return invoice["next_payment_attempt"] is not None and invoice["next_payment_attempt"] <= now
        return item["current_period_end"] <= now

    def _open_invoice(self, subscription):
        found = self.all["invoice"].get(subscription["latest_invoice"])
        return found if found and found["status"] == "open" else None

    def _go_on(self, subscription):
        item = subscription["items"]["data"][0]
        if invoice := self._open_invoice(subscription):
            return self._try(subscription, invoice)
        if subscription["cancel_at_period_end"] or subscription["cancel_at"]:
            return self._end(subscription)
        schedule = self.all["subscription_schedule"].get(subscription["schedule"])
        if schedule and len(schedule["phases"]) > 1:
            item["price"] = self.get("price", schedule["phases"][1]["items"][0]["price"])
            schedule["status"] = "released"
            subscription["schedule"] = None
        start = item["current_period_end"]
        item["current_period_start"], item["current_period_end"] = start, month_after(start)
        invoice = self._bill(subscription, "subscription_cycle")
        return self._try(subscription, invoice)

    def _try(self, subscription, invoice):
        invoice["attempt_count"] += 1
        invoice["attempted"] = True
        if self.cards.get(subscription["customer"], "ok") == "ok":
            self._settle(invoice)
            subscription["status"] = "active"
            self.told("customer.subscription.updated", subscription)
            self.told("invoice.paid", invoice)
            return
        action = self.cards[subscription["customer"]] == "action"
        tries = invoice["attempt_count"]
        subscription["status"] = "past_due"
        wait = RETRY_DAYS[tries - 1] * DAY if tries <= len(RETRY_DAYS) else None
        invoice["next_payment_attempt"] = (invoice["next_payment_attempt"] or int(time.time())) + wait if wait else None
        self.told("customer.subscription.updated", subscription)
        self.told("invoice.payment_action_required" if action else "invoice.payment_failed", invoice)
        if wait is None:
            invoice["status"] = "uncollectible"
            self._end(subscription)

    def pay_open(self, customer):
        """Pay the open invoice on Stripe's page."""
        for subscription in self.of("subscription", customer=customer, status="past_due"):
            if invoice := self._open_invoice(subscription):
                self._try(subscription, invoice)

    def _end(self, subscription):
        subscription["status"], subscription["ended_at"] = "canceled", int(time.time())
        subscription["pending_update"] = None  # its invoice stays open, and can be paid
        self.told("customer.subscription.deleted", subscription)

    def _expire(self, session):
        session["status"], session["url"] = "expired", None
        self.told("checkout.session.expired", session)

    # --- how objects are made

    def _subscribe(self, session, price):
        start = int(time.time())
        item = self.new(
            "subscription_item", price=price, quantity=1, current_period_start=start,
            current_period_end=month_after(start),
        )  # fmt: skip
        made = self.new(
            "subscription", customer=session["customer"], status="active", start_date=start, billing_cycle_anchor=start,
            currency=price["currency"], metadata=self.paying.pop(session["id"], {}),
            collection_method="charge_automatically",
            items={"object": "list", "data": [item], "has_more": False, "url": "/v1/subscription_items"},
        )  # fmt: skip
        item["subscription"] = made["id"]
        return made

    def _bill(self, subscription, reason, off=0, price=None):
        item = subscription["items"]["data"][0]
        price = price or item["price"]
        parent = whole(
            stripe.InvoiceLineItem.Parent, type="subscription_item_details",
            subscription_item_details=whole(
                stripe.InvoiceLineItem.Parent.SubscriptionItemDetails, subscription=subscription["id"],
                subscription_item=item["id"], proration=False,
            ),
        )  # fmt: skip
        line = self.new(
            "line_item", amount=price["unit_amount"], subtotal=price["unit_amount"], currency=price["currency"],
            quantity=1, parent=parent, subscription=subscription["id"],
            period={"start": item["current_period_start"], "end": item["current_period_end"]},
            pricing=whole(
                stripe.InvoiceLineItem.Pricing, type="price_details",
                price_details={"price": price["id"], "product": price["product"]},
            ),
        )  # fmt: skip
        total = price["unit_amount"] * (100 - off) // 100
        invoice = self.new(
            "invoice", customer=subscription["customer"], status="open", billing_reason=reason,
            currency=price["currency"],
            subtotal=price["unit_amount"], total=total, amount_due=total, amount_remaining=total, auto_advance=True,
            collection_method="charge_automatically",
            parent=whole(
                stripe.Invoice.Parent, type="subscription_details",
                subscription_details=whole(
                    stripe.Invoice.Parent.SubscriptionDetails, subscription=subscription["id"],
                    metadata=subscription["metadata"],
                ),
            ),
            lines={"object": "list", "data": [line], "has_more": False, "url": "/v1/lines"},
        )  # fmt: skip
        line["invoice"] = invoice["id"]
        invoice["hosted_invoice_url"] = f"{self.url}/invoice/{invoice['id']}"
        subscription["latest_invoice"] = invoice["id"]
        return invoice

    def _settle(self, invoice):
        invoice["status"], invoice["amount_paid"], invoice["amount_remaining"] = "paid", invoice["amount_due"], 0
        invoice["next_payment_attempt"] = None
        invoice["status_transitions"]["paid_at"] = int(time.time())
        if invoice["amount_due"]:
            customer = self.get("customer", invoice["customer"])
            intent = self._charge(customer, invoice["amount_due"], invoice["currency"])
            self.new(
                "invoice_payment", invoice=invoice["id"], amount_requested=invoice["amount_due"],
                currency=invoice["currency"],
                amount_paid=invoice["amount_due"], status="paid", is_default=True,
                payment=whole(stripe.InvoicePayment.Payment, type="payment_intent", payment_intent=intent["id"]),
            )  # fmt: skip

    def _charge(self, customer, amount, currency):
        intent = self.new(
            "payment_intent", amount=amount, amount_received=amount, currency=currency, customer=customer["id"],
            status="succeeded",
        )  # fmt: skip
        charge = self.new(
            "charge", amount=amount, amount_captured=amount, currency=currency, customer=customer["id"], paid=True,
            captured=True, status="succeeded", payment_intent=intent["id"],
        )  # fmt: skip
        charge["receipt_url"] = f"{self.url}/receipt/{charge['id']}"
        intent["latest_charge"] = charge["id"]
        return intent


def month_after(start):
    """The same day of the next month."""
    day = datetime.fromtimestamp(start, UTC)
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    last = calendar.monthrange(year, month)[1]
    return int(day.replace(year=year, month=month, day=min(day.day, last)).timestamp())
