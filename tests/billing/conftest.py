"""A studio that takes payments, with a stand-in for Stripe behind it."""

import copy
import io
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.test import Client

from apps.billing import events, gateway, payments
from apps.billing import services as billing
from apps.billing.models import Checkout, Customer, Plan, StripeEvent, Subscription, TopUp
from apps.billing.plans import plan_of
from tests.stripe_standin import Standin


@pytest.fixture(scope="session")
def standin_server():
    standin = Standin()
    yield standin
    standin.stop()


@pytest.fixture
def standin(standin_server, settings, monkeypatch):
    """Stripe without anything in it, and a studio that has its keys."""
    standin_server.reset()
    settings.STRIPE_SECRET_KEY = standin_server.key
    settings.STRIPE_API = standin_server.url
    settings.STRIPE_WEBHOOK_SECRETS = [standin_server.secret]
    settings.STRIPE_TAX = ""
    settings.GRACE_DAYS = 7
    monkeypatch.setattr(gateway.client, "RETRIES", 0)
    yield standin_server
    assert standin_server.crashes == []


@pytest.fixture
def shop(standin, db):
    """Stripe as `stripe_setup` leaves it, and what tests do with it."""
    return open_shop(standin)


def open_shop(standin):
    if not standin.opened:
        call_command("stripe_setup", stdout=io.StringIO())
        standin.opened = copy.deepcopy(standin.all)
    standin.begin_again()
    return Shop(standin)


class Shop:
    """People who pay, and a worker that handles what Stripe tells."""

    def __init__(self, standin):
        self.standin, self.client = standin, Client(raise_request_exception=True)

    def post(self, body, signature):
        """Send a webhook to the studio; the status of its answer."""
        return self.client.post(
            "/stripe/webhook", body, content_type="application/json", headers={"Stripe-Signature": signature}
        ).status_code

    def hear(self, **how):
        """Deliver what Stripe has to tell, and handle it."""
        self.standin.deliver(self.post, **how)
        self.work()

    def work(self):
        """Handle every event that waits, as a worker does."""
        for key in StripeEvent.objects.exclude(state="done").order_by("received_at").values_list("pk", flat=True):
            events.handle(key)

    def checkout(self, user, slug):
        """Go to Stripe's page for a plan or a pack; the row."""
        goods = Plan.objects.filter(slug=slug).first() or TopUp.objects.get(slug=slug)
        payments.start_checkout(user, goods)
        return Checkout.objects.filter(user=user).latest("created_at")

    def buy(self, user, slug, hear=True, **how):
        """Pay for a plan or a pack."""
        row = self.checkout(user, slug)
        assert self.standin.pay(row.session_id, **how) == (how.get("card", "ok") == "ok")
        if hear:
            self.hear()
        return row

    def change(self, user, slug, key="key"):
        return payments.change_plan(user, Plan.objects.get(slug=slug), seen=self.row(user).plan.slug, key=key)

    def tick(self):
        self.standin.tick()
        self.hear()

    def row(self, user):
        return Subscription.objects.select_related("plan", "downgrade_to").get(user=user)

    def customer(self, user):
        return Customer.objects.get(user=user).stripe_id

    def intent(self, user):
        """The payment with which somebody paid last."""
        found = self.standin.of("payment_intent", customer=self.customer(user))
        return found[-1]["id"]

    def state(self, user):
        return SimpleNamespace(
            credits=billing.balance(user), plan=plan_of(user).slug, owed=billing.owed(user), books=billing.audit()
        )
