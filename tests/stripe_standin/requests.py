"""What a program may ask of Stripe, and what it is answered."""

import importlib
import json
import re
import time
from urllib.parse import parse_qsl

import stripe
from werkzeug import Response

from tests.stripe_standin.money import DAY, Money, month_after
from tests.stripe_standin.objects import Refused
from tests.stripe_standin.types import check_object, params, whole

PENDING = 23 * 3600  # seconds that an upgrade waits to be confirmed
PENDING_PARAMS = {
    "items", "billing_cycle_anchor", "proration_behavior", "payment_behavior", "cancel_at_period_end", "expand",
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


class Requests(Money):
    """The API. A method for each verb and kind: `_new_price`, `_change_price`."""

    key = "sk_test_standin"

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

    def _void_invoice(self, invoice, sent):
        if invoice["status"] not in ("open", "uncollectible"):
            raise Refused(400, "You can only pass in open or uncollectible invoices.", "invoice_not_editable")
        subscription = self.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
        if subscription["pending_update"] and subscription["latest_invoice"] == invoice["id"]:
            return self._drop(subscription)
        invoice["status"] = "void"
        self.told("invoice.voided", invoice)


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
