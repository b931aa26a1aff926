"""A subscription that anything may happen to, step by step: no credits without money, none twice, none lost.

`test_fates` draws a list of acts. Here Hypothesis chooses each step from those that are possible then, so that runs are
long, and reach what needs a history: a dispute about the upgrade of a month whose renewal was refunded.
"""

import os
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.billing import events, payments
from apps.billing import services as billing
from apps.billing.models import Payment, Plan, StripeEvent, Subscription, Transfer
from apps.billing.plans import plan_of
from apps.billing.reconcile import reconcile
from apps.errors import StudioError
from tests.billing.test_fates import NUMBERS, Fate

PAID = ("pro", "business", "enterprise")
CARDS = ("ok", "declined", "action")


class SubscriptionMachine(RuleBasedStateMachine):
    """One account, its subscription in the stand-in, and a worker that hears what it is told, or does not."""

    shop = None  # of the test that runs this

    def __init__(self):
        super().__init__()
        self.shop.standin.begin_again()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.traveller = time_machine.travel(timezone.now(), tick=True)
        clock = self.traveller.start()
        self.fate = Fate(self.shop, next(NUMBERS))
        self.fate.clock, self.shuffled = clock, False

    def teardown(self):
        try:
            self.fate.check_at_the_end()
            assert self.shop.standin.crashes == []
        finally:
            self.traveller.stop()
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    @property
    def standin(self):
        return self.shop.standin

    @property
    def row(self):
        return Subscription.objects.filter(user=self.fate.user).select_related("plan").first()

    def live(self):
        return [each for each in self.standin.of("subscription") if each["status"] in ("active", "past_due")]

    def open_invoices(self):
        return self.standin.of("invoice", status="open")

    def intents(self):
        return self.standin.of("payment_intent", status="succeeded")

    # --- what people do

    @initialize(plan=st.sampled_from(PAID))
    def subscribes(self, plan):
        self.fate.act("buy", plan)

    @precondition(lambda self: not self.live())
    @rule(plan=st.sampled_from(PAID))
    def subscribes_again(self, plan):
        self.fate.act("buy", plan)

    @rule()
    def buys_a_pack(self):
        self.fate.act("buy", "small")

    @precondition(lambda self: self.live())
    @rule(plan=st.sampled_from(("free", *PAID)), again=st.booleans())
    def changes_the_plan(self, plan, again):
        row, to = self.row, Plan.objects.get(slug=plan)
        key = f"{len(self.standin.requests)}"
        for _ in range(1 + again):  # pressed twice
            try:
                payments.change_plan(self.fate.user, to, seen=row.plan.slug, key=key)
            except StudioError as error:
                assert error.message

    @precondition(lambda self: self.live())
    @rule(first=st.sampled_from(PAID), second=st.sampled_from(PAID))
    def changes_it_in_two_tabs(self, first, second):
        seen, given = self.row.plan.slug, len(self.standin.of("invoice", status="paid"))
        for number, slug in enumerate((first, second)):
            try:
                payments.change_plan(
                    self.fate.user, Plan.objects.get(slug=slug), seen=seen, key=f"{len(self.standin.requests)}-{number}"
                )
            except StudioError as error:
                assert error.message
        assert len(self.standin.of("invoice", status="paid")) <= given + 1, "paid twice for one wish"

    @precondition(lambda self: self.open_invoices())
    @rule()
    def confirms_at_the_bank(self):
        self.standin.confirm(self.open_invoices()[-1]["id"])

    @precondition(lambda self: self.live())
    @rule(card=st.sampled_from(CARDS))
    def gives_another_card(self, card):
        self.fate.act("new_card", card)

    @precondition(lambda self: billing.balance(self.fate.user))
    @rule(share=st.sampled_from([0.5, 1.0]))
    def spends(self, share):
        self.fate.act("spend", share)

    # --- what time and banks do

    @rule(hours=st.sampled_from([5, 25, 24 * 4, 24 * 12, 24 * 32]))
    def time_passes(self, hours):
        self.fate.clock.shift(timedelta(hours=hours))
        self.standin.tick()

    @precondition(lambda self: self.intents())
    @rule(share=st.sampled_from([0.3, 1.0]), data=st.data())
    def money_is_sent_back(self, share, data):
        intent = data.draw(st.sampled_from(self.intents()), label="payment")
        if made := self.standin.refund(intent["id"], int(intent["amount"] * share)):
            self.fate.refunds.append(made)

    @precondition(lambda self: self.fate.refunds)
    @rule()
    def a_refund_comes_back(self):
        self.fate.act("fail_refund", None)

    @precondition(lambda self: self.intents())
    @rule(status=st.sampled_from(["needs_response", "warning_needs_response"]), data=st.data())
    def a_payment_is_disputed(self, status, data):
        intent = data.draw(st.sampled_from(self.intents()), label="payment")
        if not self.standin.of("dispute", payment_intent=intent["id"]):
            self.fate.disputes.append(self.standin.dispute(intent["id"], status))

    @precondition(lambda self: self.fate.disputes)
    @rule(status=st.sampled_from(["won", "lost"]))
    def a_dispute_ends(self, status):
        self.fate.act("close", status)

    # --- what is heard of it

    @rule(twice=st.sampled_from([0.0, 1.0]), drop=st.sampled_from([0.0, 0.5, 1.0]), shuffle=st.booleans())
    def webhooks_arrive(self, twice, drop, shuffle):
        self.shop.hear(twice=twice, drop=drop, shuffle=shuffle)

    @rule()
    def stripe_is_away_for_an_hour(self):
        self.standin.away = True
        self.shop.hear(shuffle=True)
        self.standin.away = False
        self.fate.clock.shift(timedelta(hours=1))
        for key in events.waiting().values_list("pk", flat=True):
            events.handle(key)

    @rule()
    def old_webhooks_come_once_more(self):
        for key in StripeEvent.objects.values_list("pk", flat=True):
            self.shop.post(*self.standin.signed(self.standin.get("event", key)))
        self.shop.work()

    @rule()
    def the_day_is_reconciled(self):
        reconcile(days=400)
        assert reconcile(days=400) == []

    # --- what always holds

    @invariant()
    def the_credits_are_worth_the_money(self):
        self.fate.check_always()

    @invariant()
    def one_payment_gives_once(self):
        given = Transfer.objects.filter(kind=Transfer.Kind.PURCHASE).values_list("reference", flat=True)
        assert len(given) == len(set(given)) == Payment.objects.filter(credits__gt=0).count()

    @invariant()
    def no_plan_that_was_not_paid(self):
        """The largest plan that any paid invoice was for is the most that somebody may have."""
        paid = {
            invoice["lines"]["data"][0]["pricing"]["price_details"]["product"]
            for invoice in self.standin.of("invoice", status="paid")
        }
        now = plan_of(self.fate.user)
        assert now.slug == "free" or now.lookup_key in paid

    @invariant()
    def what_waits_can_be_paid(self):
        row = self.row
        if row and row.upgrade_to:
            assert row.open_url and row.upgrade_to.order > row.plan.order


@pytest.mark.slow
def test_whatever_happens_next_the_credits_are_what_the_money_is_worth(shop):
    steps = int(os.environ.get("STEPS", 20))
    examples = int(os.environ.get("MACHINES", 8))
    SubscriptionMachine.shop = shop
    run_state_machine_as_test(
        SubscriptionMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize="MACHINES" not in os.environ,  # the same runs each time; more of them are other ones
            suppress_health_check=list(HealthCheck),
        ),
    )
