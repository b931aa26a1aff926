"""Stripe's objects and what happens to them: payments, periods, retries, refunds, disputes, and webhooks that tell it.

The clock is the process's own, so that tests may move it. Nothing happens by itself: `tick` does what is due.
"""

import calendar
import copy
import hashlib
import hmac
import html
import itertools
import json
import logging
import random
import re
import threading
import time
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import stripe
from pytest_httpserver import HTTPServer
from werkzeug import Response

from tests.stripe_standin.types import check_object, params, whole

DAY = 24 * 3600
PENDING = 23 * 3600  # seconds that an upgrade waits to be confirmed
PENDING_PARAMS = {
    "items", "billing_cycle_anchor", "proration_behavior", "payment_behavior", "cancel_at_period_end", "expand",
}  # fmt: skip
RETRY_DAYS = (3, 5, 7)  # after which a card that was refused is tried again; then the subscription ends
CARDS = {
    "ok": {"brand": "visa", "last4": "4242"},
    "declined": {"brand": "visa", "last4": "0341"},
    "action": {"brand": "mastercard", "last4": "3220"},
}
CLASSES = {
    "product": stripe.Product, "price": stripe.Price, "customer": stripe.Customer, "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem, "subscription_schedule": stripe.SubscriptionSchedule,
    "invoice": stripe.Invoice, "line_item": stripe.InvoiceLineItem, "invoice_payment": stripe.InvoicePayment,
    "payment_intent": stripe.PaymentIntent, "charge": stripe.Charge, "refund": stripe.Refund,
    "dispute": stripe.Dispute, "event": stripe.Event, "payment_method": stripe.PaymentMethod,
    "checkout.session": stripe.checkout.Session, "billing_portal.session": stripe.billing_portal.Session,
    "billing_portal.configuration": stripe.billing_portal.Configuration, "webhook_endpoint": stripe.WebhookEndpoint,
}  # fmt: skip
PREFIXES = {
    "product": "prod", "price": "price", "customer": "cus", "subscription": "sub", "subscription_item": "si",
    "subscription_schedule": "sub_sched", "invoice": "in", "line_item": "il", "invoice_payment": "inpay",
    "payment_intent": "pi", "charge": "ch", "refund": "re", "dispute": "dp", "event": "evt", "payment_method": "pm",
    "checkout.session": "cs_test", "billing_portal.session": "bps", "billing_portal.configuration": "bpc",
    "webhook_endpoint": "we",
}  # fmt: skip
LISTS = {
    "products": "product", "prices": "price", "customers": "customer", "subscriptions": "subscription",
    "subscription_schedules": "subscription_schedule", "invoices": "invoice", "invoice_payments": "invoice_payment",
    "payment_intents": "payment_intent", "charges": "charge", "refunds": "refund", "disputes": "dispute",
    "events": "event", "checkout/sessions": "checkout.session", "billing_portal/sessions": "billing_portal.session",
    "billing_portal/configurations": "billing_portal.configuration", "webhook_endpoints": "webhook_endpoint",
}  # fmt: skip
REQUESTS = {
    ("POST", "products"): "ProductCreateParams", ("POST", "products/*"): "ProductUpdateParams",
    ("POST", "prices"): "PriceCreateParams", ("GET", "prices"): "PriceListParams",
    ("GET", "prices/*"): "PriceRetrieveParams",
    ("POST", "customers"): "CustomerCreateParams", ("GET", "customers/*"): "CustomerRetrieveParams",
    ("POST", "checkout/sessions"): "SessionCreateParams", ("GET", "checkout/sessions"): "SessionListParams",
    ("GET", "checkout/sessions/*"): "SessionRetrieveParams",
    ("POST", "billing_portal/configurations"): "ConfigurationCreateParams",
    ("POST", "billing_portal/configurations/*"): "ConfigurationUpdateParams",
    ("GET", "subscriptions"): "SubscriptionListParams", ("POST", "subscriptions/*"): "SubscriptionUpdateParams",
    ("DELETE", "subscriptions/*"): "SubscriptionCancelParams",
    ("POST", "subscription_schedules"): "SubscriptionScheduleCreateParams",
    ("POST", "subscription_schedules/*"): "SubscriptionScheduleUpdateParams",
    ("GET", "invoices"): "InvoiceListParams", ("GET", "invoices/*"): "InvoiceRetrieveParams",
    ("POST", "invoices/create_preview"): "InvoiceCreatePreviewParams",
    ("GET", "invoice_payments"): "InvoicePaymentListParams",
    ("GET", "refunds"): "RefundListParams", ("GET", "disputes"): "DisputeListParams",
    ("GET", "events"): "EventListParams",
    ("POST", "webhook_endpoints"): "WebhookEndpointCreateParams",
    ("POST", "webhook_endpoints/*"): "WebhookEndpointUpdateParams",
}  # fmt: skip
PORTAL_REQUEST = "stripe.params.billing_portal._session_create_params"
CODES = {"FREE100": 100, "HALF": 50}  # promotion codes, in per cent


class Refused(Exception):
    """An answer of 400 and more."""

    def __init__(self, status, message="", code=None, type="invalid_request_error", param=None, decline=None):
        error = {"type": type, "message": message, "code": code, "param": param, "decline_code": decline}
        self.status, self.error = status, {name: value for name, value in error.items() if value}


class Standin:
    """Stripe with a few customers. `webhooks` holds what was told and not delivered yet."""

    secret = "whsec_standin"
    key = "sk_test_standin"

    def __init__(self, seed=0):
        self.server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
        self.server.expect_request(re.compile("^/.*")).respond_with_handler(self._respond)
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.server.start()
        self.random = random.Random(seed)
        self.opened = None  # every object as it was once everything was set up
        self.lock = threading.RLock()
        self.reset()

    def reset(self):
        self.all = {kind: {} for kind in CLASSES}
        self.numbers = itertools.count(1)
        self.webhooks, self.answered, self.faults = [], {}, []
        self.away = False
        self.crashes = []  # requests that the types of the SDK do not allow, and faults of this stand-in
        self.cards, self.requests, self.paying = {}, [], {}
        self.refuses_cards = False
        self.post = None  # what delivers webhooks at once: a function of body and signature
        # Every run has ids of its own, so that nothing remembered of another one is taken for it.
        self.run = f"{time.time_ns():x}"[-9:]

    def begin_again(self):
        """Forget what has happened since everything was set up."""
        self.reset()
        self.all = copy.deepcopy(self.opened)

    @property
    def url(self):
        return self.server.url_for("").rstrip("/")

    def stop(self):
        self.server.stop()

    # --- objects

    def new(self, kind, id=None, **values):
        id = id or f"{PREFIXES[kind]}_{self.run}{next(self.numbers):06}"
        made = whole(CLASSES[kind], id=id, created=int(time.time()), **values)
        self.all[kind][id] = made
        return made

    def get(self, kind, id):
        try:
            return self.all[kind][id]
        except KeyError:
            raise Refused(404, f"No such {kind}: '{id}'", "resource_missing", param="id") from None

    def of(self, kind, **wanted):
        return [each for each in self.all[kind].values() if all(each[name] == value for name, value in wanted.items())]

    def told(self, type, about):
        """Make an event, and deliver it or keep it."""
        about = self.shown(about, ())
        event = self.new(
            "event", type=type, data=whole(stripe.Event.Data, object=about), api_version=stripe.api_version
        )
        self.webhooks.append(event)
        if self.post:
            self.deliver(self.post)
        return event

    # --- webhooks

    def signed(self, event, *, secret=None, at=None):
        """The body and the signature of a webhook."""
        body = json.dumps(event).encode()
        stamp = int(at or time.time())
        digest = hmac.new((secret or self.secret).encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return body, f"t={stamp},v1={digest}"

    def deliver(self, post, *, twice=0.0, drop=0.0, shuffle=False):
        """Post what was told: some of it twice, some of it never, in another order. Returns how many were sent."""
        waiting, self.webhooks = self.webhooks, []
        sending = [event for event in waiting if self.random.random() >= drop]
        sending += [event for event in sending if self.random.random() < twice]
        if shuffle:
            self.random.shuffle(sending)
        for event in sending:
            post(*self.signed(event))
        return len(sending)

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

    def _void_invoice(self, invoice, sent):
        if invoice["status"] not in ("open", "uncollectible"):
            raise Refused(400, "You can only pass in open or uncollectible invoices.", "invoice_not_editable")
        subscription = self.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
        if subscription["pending_update"] and subscription["latest_invoice"] == invoice["id"]:
            return self._drop(subscription)
        invoice["status"] = "void"
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

    def _method(self, customer):
        card = self.cards.get(customer)
        if not card:
            return None
        about = whole(stripe.PaymentMethod.Card, display_brand=CARDS[card]["brand"], **CARDS[card])
        return whole(stripe.PaymentMethod, id=f"pm_{customer}", type="card", customer=customer, card=about)

    # --- requests

    def _respond(self, request):
        try:
            if not request.path.startswith("/v1/"):
                return self._page(request)
            if self.away:
                return Response(status=503, response='{"error": {"type": "api_error"}}', mimetype="application/json")
            if self.faults:
                status = self.faults.pop(0)
                type = {429: "rate_limit_error", 409: "idempotency_error"}.get(status, "api_error")
                return Response(
                    json.dumps({"error": {"type": type, "message": "Not now."}}), status, mimetype="application/json"
                )
            with self.lock:
                return self._answer(request)
        except Refused as refused:
            return Response(json.dumps({"error": refused.error}), refused.status, mimetype="application/json")
        except Exception as error:
            self.crashes.append(f"{request.method} {request.path}: {error!r}")
            raise

    def _answer(self, request):
        path = request.path.removeprefix("/v1/")
        sent = nested(request.get_data(as_text=True) if request.method == "POST" else request.query_string.decode())
        self.requests.append((request.method, path, sent))
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            raise Refused(401, "Invalid API Key provided", type="authentication_error")
        if request.headers.get("Stripe-Version") != stripe.api_version:
            raise Refused(400, f"Another version than {stripe.api_version}.")
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key and key in self.answered:
            before, answer = self.answered[key]
            if before != (path, sent):
                raise Refused(
                    400,
                    "Keys for idempotent requests can only be used with the same parameters.",
                    type="idempotency_error",
                )
            if isinstance(answer, Refused):
                raise answer
            return Response(answer, 200, mimetype="application/json")
        self._check(request.method, path, sent)
        try:
            made = self._act(request.method, path, sent)
        except Refused as refused:
            if key:
                self.answered[key] = ((path, sent), refused)
            raise
        answer = json.dumps(made)
        if key:
            self.answered[key] = ((path, sent), answer)
        return Response(answer, 200, mimetype="application/json")

    def _check(self, method, path, sent):
        import importlib

        pattern = path if path in LISTS or path == "invoices/create_preview" else re.sub("/[^/]+$", "/*", path)
        if (method, path) == ("POST", "billing_portal/sessions"):
            owner = importlib.import_module(PORTAL_REQUEST).SessionCreateParams
        elif name := REQUESTS.get((method, pattern)):
            owner = params(name)
        else:
            return
        check_object(sent, owner, f"{method} {path}", sent=True)

    def _act(self, method, path, sent):
        for prefix, kind in LISTS.items():
            if path == prefix:
                return (
                    self._list(kind, sent, path)
                    if method == "GET"
                    else getattr(self, f"_new_{kind.replace('.', '_')}")(sent)
                )
            if path.startswith(f"{prefix}/") and path != "invoices/create_preview":
                id, _, verb = path.removeprefix(f"{prefix}/").partition("/")
                found = self.get(kind, id)
                if method == "GET":
                    return self.shown(found, expanded(sent))
                act = f"_{verb or {'POST': 'change', 'DELETE': 'remove'}[method]}_{kind.replace('.', '_')}"
                return self.shown(getattr(self, act)(found, sent) or found, expanded(sent))
        if path == "invoices/create_preview":
            return self._preview(sent)
        raise Refused(404, f"Unrecognized request URL ({method}: /v1/{path}).")

    def _list(self, kind, sent, path):
        found = list(self.all[kind].values())[::-1]
        if kind == "price":
            keys = list(sent.get("lookup_keys", {}).values())
            found = [each for each in found if each["lookup_key"] in keys and each["active"]]
        if kind == "subscription" and sent.get("status") != "all":
            found = [each for each in found if each["status"] not in ("canceled", "incomplete_expired")]
        if kind == "invoice_payment":
            found = [each for each in found if each["payment"]["payment_intent"] == sent["payment"]["payment_intent"]]
        if kind == "event" and "types" in sent:
            found = [each for each in found if each["type"] in sent["types"].values()]
        for name in ("customer", "payment_intent", "status"):
            if name in sent and sent[name] != "all":
                found = [each for each in found if each[name] == sent[name]]
        if "customer" in sent and sent["customer"] not in self.all["customer"]:
            raise Refused(400, f"No such customer: '{sent['customer']}'", "resource_missing", param="customer")
        if "created" in sent:
            found = [each for each in found if each["created"] >= int(sent["created"]["gte"])]
        if after := sent.get("starting_after"):
            found = found[[each["id"] for each in found].index(after) + 1 :]
        limit = int(sent.get("limit", 10))
        more = {name.removeprefix("data.") for name in expanded(sent)}
        data = [self.shown(each, more) for each in found[:limit]]
        return {"object": "list", "data": data, "has_more": len(found) > limit, "url": f"/v1/{path}"}

    def shown(self, thing, expand):
        """An object as it is answered: with what was asked for expanded, and checked."""
        thing = json.loads(json.dumps(thing))
        kind = thing["object"]
        if kind == "invoice":
            found = self.of("invoice_payment", invoice=thing["id"]) if "payments" in expand else None
            thing["payments"] = {
                "object": "list",
                "data": found,
                "has_more": False,
                "url": "/v1/invoice_payments",
            }
        if kind == "subscription":
            method = self._method(thing["customer"])
            thing["default_payment_method"] = method if "default_payment_method" in expand else method and method["id"]
            if "latest_invoice" in expand and thing["latest_invoice"]:
                thing["latest_invoice"] = self.shown(self.get("invoice", thing["latest_invoice"]), ())
            if "schedule" in expand and thing["schedule"]:
                thing["schedule"] = self.get("subscription_schedule", thing["schedule"])
        if kind == "customer" and not thing.get("deleted"):
            method = self._method(thing["id"])
            key = "invoice_settings.default_payment_method"
            thing["invoice_settings"] = thing["invoice_settings"] or whole(stripe.Customer.InvoiceSettings)
            thing["invoice_settings"]["default_payment_method"] = method if key in expand else method and method["id"]
        if kind == "checkout.session":
            if "line_items" not in expand:
                thing["line_items"] = None
            if thing["payment_intent"] and any(name.startswith("payment_intent") for name in expand):
                intent = dict(self.get("payment_intent", thing["payment_intent"]))
                intent["latest_charge"] = self.get("charge", intent["latest_charge"])
                thing["payment_intent"] = intent
        if kind == "customer" and thing.get("deleted"):
            return {"id": thing["id"], "object": "customer", "deleted": True}
        check_object(thing, CLASSES[kind], kind)
        return thing

    def _new_product(self, sent):
        return self.new("product", id=sent["id"], name=sent["name"], active=True, metadata=sent.get("metadata", {}))

    def _change_product(self, product, sent):
        product["name"] = sent.get("name", product["name"])

    def _new_price(self, sent):
        self.get("product", sent["product"])
        if sent.get("transfer_lookup_key") == "true":
            for other in self.of("price", lookup_key=sent["lookup_key"]):
                other["lookup_key"] = None
        recurring = whole(stripe.Price.Recurring, interval="month", interval_count=1) if "recurring" in sent else None
        return self.new(
            "price", product=sent["product"], unit_amount=int(sent["unit_amount"]), currency=sent["currency"],
            unit_amount_decimal=sent["unit_amount"], lookup_key=sent["lookup_key"], active=True, recurring=recurring,
            type="recurring" if recurring else "one_time", tax_behavior=sent.get("tax_behavior", "unspecified"),
            metadata=sent.get("metadata", {}),
        )  # fmt: skip

    def _new_customer(self, sent):
        return self.shown(
            self.new("customer", email=sent["email"], name=sent.get("name"), metadata=sent.get("metadata", {})), ()
        )

    def _remove_customer(self, customer, sent):
        for subscription in self.of("subscription", customer=customer["id"]):
            if subscription["status"] != "canceled":
                self._end(subscription)
        customer["deleted"] = True
        self.told("customer.deleted", customer)
        self.all["customer"][customer["id"]] = {"id": customer["id"], "object": "customer", "deleted": True}

    def _new_checkout_session(self, sent):
        customer = self.get("customer", sent["customer"])
        if customer.get("deleted"):
            raise Refused(400, "No such customer", "resource_missing", param="customer")
        price = self.get("price", sent["line_items"]["0"]["price"])
        self._fits(customer, price)
        line = {"id": f"li_{next(self.numbers)}", "object": "item", "price": price, "quantity": 1}
        made = self.new(
            "checkout.session", customer=customer["id"], mode=sent["mode"], status="open", payment_status="unpaid",
            client_reference_id=sent["client_reference_id"], metadata=sent["metadata"], currency=price["currency"],
            amount_total=price["unit_amount"], amount_subtotal=price["unit_amount"], success_url=sent["success_url"],
            cancel_url=sent["cancel_url"], expires_at=int(time.time()) + DAY,
            line_items={"object": "list", "data": [line], "has_more": False, "url": "/"},
            allow_promotion_codes=sent.get("allow_promotion_codes") == "true",
        )  # fmt: skip
        made["url"] = f"{self.url}/pay/{made['id']}"
        self.paying[made["id"]] = sent.get("subscription_data", {}).get("metadata", {})
        return self.shown(made, ())

    def _fits(self, customer, price):
        if customer["currency"] and customer["currency"] != price["currency"]:
            text = f"The price specified only supports `{price['currency']}`. "
            raise Refused(400, f"{text}This doesn't match the expected currency: `{customer['currency']}`.")

    def _expire_checkout_session(self, session, sent):
        if session["status"] != "open":
            raise Refused(400, 'Only Checkout Sessions with a status in ["open"] can be expired.')
        self._expire(session)

    def _new_billing_portal_session(self, sent):
        self.get("customer", sent["customer"])
        made = self.new(
            "billing_portal.session", customer=sent["customer"], return_url=sent["return_url"],
            configuration=sent.get("configuration", "bpc_default"),
        )  # fmt: skip
        made["url"] = f"{self.url}/portal/{made['id']}"
        return self.shown(made, ())

    def _new_billing_portal_configuration(self, sent):
        return self.new("billing_portal.configuration", active=True, metadata=sent["metadata"])

    def _change_billing_portal_configuration(self, configuration, sent):
        return configuration

    def _new_webhook_endpoint(self, sent):
        made = self.new(
            "webhook_endpoint", url=sent["url"], status="enabled", enabled_events=list(sent["enabled_events"].values()),
            api_version=sent["api_version"], metadata=sent["metadata"],
        )  # fmt: skip
        return made | {"secret": self.secret}

    def _change_webhook_endpoint(self, endpoint, sent):
        endpoint["enabled_events"] = list(sent["enabled_events"].values())

    def _remove_webhook_endpoint(self, endpoint, sent):
        del self.all["webhook_endpoint"][endpoint["id"]]

    def _change_subscription(self, subscription, sent):
        if subscription["status"] == "canceled":
            raise Refused(404, "No such subscription", "resource_missing", param="id")
        if subscription["schedule"] and "cancel_at_period_end" in sent:
            raise Refused(400, "The subscription is managed by a subscription schedule.")
        if "items" in sent and not self._upgrade(subscription, sent):
            return
        if "cancel_at_period_end" in sent:
            subscription["cancel_at_period_end"] = sent["cancel_at_period_end"] == "true"
        if sent.get("cancel_at") == "":
            subscription["cancel_at"] = None
        self.told("customer.subscription.updated", subscription)

    def _upgrade(self, subscription, sent):
        """Begin a fresh period; False where that waits for its invoice."""
        pends = sent["payment_behavior"] == "pending_if_incomplete"
        if pends and (wrong := set(sent) - PENDING_PARAMS):
            raise Refused(400, f"The following parameters cannot be used with pending updates: {sorted(wrong)}")
        price = self.get("price", sent["items"]["0"]["price"])
        customer = self.get("customer", subscription["customer"])
        self._fits(customer, price)
        card = self.cards[subscription["customer"]]
        if card != "ok" and pends:
            return self._wait(subscription, price, sent)
        if card == "declined":
            raise Refused(402, "Your card was declined.", "card_declined", "card_error", decline="generic_decline")
        if card == "action":
            text = "Payment for this subscription requires additional user action before it can be completed."
            raise Refused(402, text, "subscription_payment_intent_requires_action", "card_error")
        item, start = subscription["items"]["data"][0], int(time.time())
        item |= {"price": price, "current_period_start": start, "current_period_end": month_after(start)}
        subscription["billing_cycle_anchor"] = start
        invoice = self._bill(subscription, "subscription_update")
        self._settle(invoice)
        self.told("invoice.paid", invoice)
        return True

    def _wait(self, subscription, price, sent):
        if subscription["pending_update"]:
            self._drop(subscription)
        start = int(time.time())
        item = dict(subscription["items"]["data"][0]) | {"price": price}
        keeps = {"true": True, "false": False}.get(sent.get("cancel_at_period_end"))
        subscription["pending_update"] = whole(
            stripe.Subscription.PendingUpdate, subscription_items=[item], expires_at=start + PENDING,
            billing_cycle_anchor=start, cancel_at_period_end=keeps,
        )  # fmt: skip
        invoice = self._bill(subscription, "subscription_update", price=price)
        invoice["attempt_count"], invoice["attempted"] = 1, True
        self.told("customer.subscription.updated", subscription)
        self.told("invoice.payment_action_required", invoice)
        return False

    def _remove_subscription(self, subscription, sent):
        self._end(subscription)

    def _new_subscription_schedule(self, sent):
        subscription = self.get("subscription", sent["from_subscription"])
        item = subscription["items"]["data"][0]
        made = self.new(
            "subscription_schedule", customer=subscription["customer"], subscription=subscription["id"],
            status="active", end_behavior="release",
            phases=[self._phase(item["price"]["id"], item["current_period_start"], item["current_period_end"])],
        )  # fmt: skip
        subscription["schedule"] = made["id"]
        subscription["cancel_at_period_end"] = False
        return self.shown(made, ())

    def _phase(self, price, start, end):
        item = whole(stripe.SubscriptionSchedule.Phase.Item, price=price, quantity=1)
        return whole(stripe.SubscriptionSchedule.Phase, start_date=start, end_date=end, items=[item])

    def _change_subscription_schedule(self, schedule, sent):
        phases, start = [], 0
        for phase in sent["phases"].values():
            start = int(phase.get("start_date", start))
            end = int(phase["end_date"]) if "end_date" in phase else month_after(start)
            phases.append(self._phase(phase["items"]["0"]["price"], start, end))
            start = end
        schedule["phases"] = phases
        self.told("customer.subscription.updated", self.get("subscription", schedule["subscription"]))

    def _release_subscription_schedule(self, schedule, sent):
        subscription = self.get("subscription", schedule["subscription"])
        schedule["status"], subscription["schedule"] = "released", None
        self.told("customer.subscription.updated", subscription)

    def _preview(self, sent):
        subscription = self.get("subscription", sent["subscription"])
        item = subscription["items"]["data"][0]
        price = item["price"]
        schedule = self.all["subscription_schedule"].get(subscription["schedule"])
        if details := sent.get("subscription_details"):
            price = self.get("price", details["items"]["0"]["price"])
        elif schedule and len(schedule["phases"]) > 1:
            price = self.get("price", schedule["phases"][1]["items"][0]["price"])
        amount = price["unit_amount"]
        return whole(
            stripe.Invoice, id="upcoming", customer=subscription["customer"], currency=price["currency"], total=amount,
            amount_due=amount, status="draft",
        )  # fmt: skip

    # --- pages

    def _page(self, request):
        kind, _, id = request.path.strip("/").partition("/")
        if kind == "pay":
            return self._pay_page(id, request)
        if kind == "portal":
            session = self.get("billing_portal.session", id)
            if request.method == "POST":
                with self.lock:
                    self.set_card(session["customer"], request.form["card"])
                    self.pay_open(session["customer"])
                return Response(status=303, headers={"Location": session["return_url"]})
            cards = "".join(f'<button name="card" value="{card}">Use the card “{card}”</button>' for card in CARDS)
            return page(f'<form method="post">{cards}</form><a href="{session["return_url"]}">Back</a>')
        return self._invoice_page(id, request)

    def _invoice_page(self, id, request):
        if request.method == "POST":
            return page("Paid.") if self.confirm(id) else page("Your card was declined.", 402)
        invoice = self.all["invoice"].get(id)
        if not invoice or invoice["status"] != "open":
            return page("An invoice")
        amount = f"{invoice['amount_due'] / 100:.2f} {invoice['currency'].upper()}"
        return page(f'<form method="post"><button>Confirm and pay {amount}</button></form>')

    def _pay_page(self, id, request):
        session = self.get("checkout.session", id)
        if request.method == "POST":
            if self.pay(id, card=request.form.get("card", "ok"), code=request.form.get("code", "")):
                return Response(status=303, headers={"Location": session["success_url"]})
            return page("Your card was declined.", 402)
        if session["status"] != "open":
            return page("This page has expired.", 410)
        amount = f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
        fields = '<label>Promotion code <input name="code"></label><input type="hidden" name="card" value="ok">'
        back = f'<a href="{html.escape(session["cancel_url"])}">Back</a>'
        return page(f'<form method="post">{fields}<button>Pay {amount}</button></form>{back}')


def page(body, status=200):
    text = f'<!doctype html><html lang="en"><title>Stand-in</title><main>{body}</main></html>'
    return Response(text, status, mimetype="text/html")


def month_after(start):
    """The same day of the next month."""
    day = datetime.fromtimestamp(start, UTC)
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    last = calendar.monthrange(year, month)[1]
    return int(day.replace(year=year, month=month, day=min(day.day, last)).timestamp())


def nested(text):
    """A form as Stripe's clients send it: "items[0][price]=x" is {"items": {"0": {"price": "x"}}}."""
    found = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        parts = re.findall(r"[^\[\]]+", name)
        place = found
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return found


def expanded(sent):
    return set(sent.get("expand", {}).values())
