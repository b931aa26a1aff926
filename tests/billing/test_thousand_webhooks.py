"""A thousand webhooks, doubled, reordered and repeated: the credits are exact, and the books are right."""

import json
import random

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from apps.billing import events, gateway
from apps.billing import services as billing
from apps.billing.models import Payment, StripeEvent
from apps.billing.reconcile import reconcile
from tests.factories import UserFactory

PEOPLE, WEBHOOKS = 12, 1000


@pytest.mark.slow
def test_a_thousand_webhooks_in_any_order_give_each_credit_once(shop):
    chance = random.Random(5)
    people = [UserFactory(email=f"p{number}@example.org") for number in range(PEOPLE)]
    started = timezone.now()
    expected = dict.fromkeys((user.pk for user in people), 0)
    for user in people:
        for slug, credits in chance.sample([("pro", 1000), ("small", 500), ("medium", 1500)], 2):
            row = shop.checkout(user, slug)
            shop.standin.pay(row.session_id)
            expected[user.pk] += credits
            if slug != "pro" and chance.random() < 0.5:
                share = chance.choice([0.25, 0.5, 1.0])
                intent = shop.standin.get("payment_intent", shop.intent(user))
                amount = int(intent["amount"] * share)
                shop.standin.refund(intent["id"], amount)
                expected[user.pk] -= credits * amount // intent["amount"]
    with time_machine.travel(started + timezone.timedelta(days=32), tick=True):
        shop.standin.tick()
        for subscription in shop.standin.of("subscription"):
            user = next(user for user in people if shop.customer(user) == subscription["customer"])
            expected[user.pk] += 1000
        told = shop.standin.webhooks
        sending = [told[number % len(told)] for number in range(WEBHOOKS)]
        chance.shuffle(sending)
        for number, event in enumerate(sending, 1):
            assert shop.post(*shop.standin.signed(event)) == 200
            if number % 100 == 0:
                waiting = list(StripeEvent.objects.filter(state="received").values_list("pk", flat=True))
                chance.shuffle(waiting)
                for key in waiting + waiting[:5]:
                    events.handle(key)
        StripeEvent.objects.update(state="failed")  # and all of them once more, as after a night without a worker
        for key in StripeEvent.objects.values_list("pk", flat=True):
            events.handle(key)
        assert {user.pk: billing.balance(user) for user in people} == expected
        assert StripeEvent.objects.count() == len({event["id"] for event in told}) >= 60
        assert set(StripeEvent.objects.values_list("state", flat=True)) == {"done"}
        call_command("audit_ledger")
        assert reconcile() == []
    assert sum(Payment.objects.values_list("credits", flat=True)) >= sum(expected.values())


def test_a_webhook_of_a_version_to_come_is_taken(shop, ada):
    """Fields that nobody knows yet do no harm."""
    shop.buy(ada, "small", hear=False)
    event = shop.standin.webhooks[0] | {"new_field": {"of": "tomorrow"}}
    assert shop.post(*shop.standin.signed(event)) == 200
    assert gateway.verify(*shop.standin.signed(json.loads(json.dumps(event)))).id == event["id"]
