"""What may become of a subscription, in any order: no credits without money, none twice, none lost."""

from contextlib import suppress
from datetime import timedelta

import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.billing import payments
from apps.billing import services as billing
from apps.billing.models import Checkout, Debt, Payment, Plan, Subscription
from apps.billing.plans import plan_of
from apps.billing.reconcile import reconcile
from apps.errors import StudioError
from tests.factories import UserFactory

GONE = ("needs_response", "lost")
ACTS = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from(["pro", "business", "small"])),
    st.tuples(st.just("change"), st.sampled_from(["free", "pro", "business", "enterprise"])),
    st.tuples(st.just("new_card"), st.sampled_from(["ok", "declined", "action"])),
    st.tuples(st.just("days"), st.sampled_from([3, 12, 32])),
    st.tuples(st.just("refund"), st.sampled_from([0.3, 1.0])),
    st.tuples(st.just("dispute"), st.sampled_from(["needs_response", "warning_needs_response"])),
    st.tuples(st.just("close"), st.sampled_from(["won", "lost"])),
    st.tuples(st.just("fail_refund"), st.none()),
    st.tuples(st.just("spend"), st.sampled_from([0.5, 1.0])),
    st.tuples(st.just("hear"), st.sampled_from(["all", "twice", "shuffled", "some"])),
)


class Fate:
    """One account and its money. What it must have is counted from the stand-in's money alone."""

    def __init__(self, shop, number):
        self.shop, self.standin = shop, shop.standin
        self.user = UserFactory(email=f"fate{number}@example.org")
        self.card, self.refunds, self.disputes, self.spent = "ok", [], [], 0

    def act(self, name, with_):
        with suppress(StudioError):  # refused, with a sentence; what must hold is checked all the same
            getattr(self, name)(with_)

    def buy(self, slug):
        goods = Plan.objects.filter(slug=slug).first()
        row = self.shop.checkout(self.user, slug) if goods or slug == "small" else None
        self.standin.pay(row.session_id, card=self.card)

    def change(self, slug):
        row = Subscription.objects.filter(user=self.user).select_related("plan").first()
        if row:
            key = f"{timezone.now().timestamp()}"
            payments.change_plan(self.user, Plan.objects.get(slug=slug), seen=row.plan.slug, key=key)

    def new_card(self, card):
        self.card = card
        for customer in self.standin.of("customer"):
            self.standin.set_card(customer["id"], card)
            self.standin.pay_open(customer["id"])

    def days(self, count):
        self.clock.shift(timedelta(days=count))
        self.standin.tick()

    def refund(self, share):
        for intent in self.standin.of("payment_intent")[-1:]:
            if made := self.standin.refund(intent["id"], int(intent["amount"] * share)):
                self.refunds.append(made)

    def fail_refund(self, _):
        if self.refunds:
            self.standin.fail_refund(self.refunds.pop())

    def dispute(self, status):
        for intent in self.standin.of("payment_intent")[-1:]:
            if not self.standin.of("dispute", payment_intent=intent["id"]):
                self.disputes.append(self.standin.dispute(intent["id"], status))

    def close(self, status):
        if self.disputes:
            self.standin.close_dispute(self.disputes.pop(), status)

    def spend(self, share):
        amount = int(billing.balance(self.user) * share)
        if amount:
            reference = f"generation:{self.user.pk}-{self.spent}"
            billing.hold(self.user, amount, reference)
            billing.capture(self.user, amount, reference)
            self.spent += amount

    def hear(self, how):
        options = {"twice": {"twice": 1.0}, "shuffled": {"shuffle": True}, "some": {"drop": 0.5}}
        self.shop.hear(**options.get(how, {}))

    def entitled(self):
        """The credits that the money which Stripe has, or had and gave back, stands for."""
        plans = {plan.lookup_key: plan.credits for plan in Plan.objects.exclude(lookup_key="")}
        total = 0
        for invoice in self.standin.of("invoice", status="paid"):
            credits = plans[invoice["lines"]["data"][0]["pricing"]["price_details"]["product"]]
            paid = self.standin.of("invoice_payment", invoice=invoice["id"])
            total += credits - self.lost(paid[0]["payment"]["payment_intent"], credits)
        for session in self.standin.of("checkout.session", mode="payment", status="complete"):
            total += 500 - self.lost(session["payment_intent"], 500)
        return total

    def lost(self, intent_id, credits):
        amount = self.standin.get("payment_intent", intent_id)["amount"]
        back = sum(
            each["amount"] for each in self.standin.of("refund", payment_intent=intent_id) if each["status"] != "failed"
        )
        back += sum(
            each["amount"] for each in self.standin.of("dispute", payment_intent=intent_id) if each["status"] in GONE
        )
        return credits * min(amount, back) // amount

    def check_always(self):
        """However little was heard: nothing more than the money is worth, and the books are right."""
        assert billing.audit() == []
        given = sum(Payment.objects.filter(user=self.user).values_list("credits", flat=True))
        assert given <= sum(self.worth()), "credits without money"
        assert billing.balance(self.user) >= 0

    def worth(self):
        plans = {plan.lookup_key: plan.credits for plan in Plan.objects.exclude(lookup_key="")}
        for invoice in self.standin.of("invoice", status="paid"):
            yield plans[invoice["lines"]["data"][0]["pricing"]["price_details"]["product"]]
        yield from (500 for _ in self.standin.of("checkout.session", mode="payment", status="complete"))

    def check_at_the_end(self):
        """Once everything was heard, or made good: exactly what the money is worth, and Stripe's plan."""
        self.shop.hear()
        reconcile(days=400)
        assert reconcile(days=400) == []
        owed = sum(Debt.objects.filter(user=self.user).values_list("amount", flat=True))
        assert billing.balance(self.user) - owed + self.spent == self.entitled()
        live = [each for each in self.standin.of("subscription") if each["status"] in ("active", "past_due")]
        assert len(live) <= 1
        row = Subscription.objects.filter(user=self.user).select_related("plan").first()
        if live and live[0]["status"] == "active":
            assert plan_of(self.user).lookup_key == live[0]["items"]["data"][0]["price"]["product"]
        elif not live:
            assert plan_of(self.user).slug == "free" and (row is None or not row.is_live)
        assert not Checkout.objects.filter(user=self.user, status="done", session_id="").exists()
        assert billing.audit() == []


NUMBERS = iter(range(10**6))


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=st.lists(ACTS, min_size=4, max_size=14))
def test_whatever_becomes_of_a_subscription_the_credits_are_what_the_money_is_worth(shop, acts):
    shop.standin.begin_again()
    with transaction.atomic():
        fate = Fate(shop, next(NUMBERS))
        with time_machine.travel(timezone.now(), tick=True) as fate.clock:
            fate.buy("pro")
            for name, with_ in acts:
                fate.act(name, with_)
                fate.check_always()
            fate.check_at_the_end()
        transaction.set_rollback(True)
