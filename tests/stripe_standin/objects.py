"""Stripe's objects, and the webhooks that tell what happens to them."""

import copy
import hashlib
import hmac
import itertools
import json
import random
import threading
import time

import stripe

from tests.stripe_standin.types import check_object, whole

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


class Refused(Exception):
    """An answer of 400 and more."""

    def __init__(self, status, message="", code=None, type="invalid_request_error", param=None, decline=None):
        error = {"type": type, "message": message, "code": code, "param": param, "decline_code": decline}
        self.status, self.error = status, {name: value for name, value in error.items() if value}


class Objects:
    """Everything that is there. `webhooks` holds what was told and not delivered yet."""

    secret = "whsec_standin"
    url = ""  # where its pages are

    def __init__(self, seed=0):
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

    def _method(self, customer):
        card = self.cards.get(customer)
        if not card:
            return None
        about = whole(stripe.PaymentMethod.Card, display_brand=CARDS[card]["brand"], **CARDS[card])
        return whole(stripe.PaymentMethod, id=f"pm_{customer}", type="card", customer=customer, card=about)

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
