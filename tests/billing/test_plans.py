"""Which plan an account is on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.billing.models import Plan, Subscription, TopUp
from apps.billing.plans import plan_of


@pytest.fixture
def paid(settings):
    settings.STRIPE_SECRET_KEY = "sk_test_x"


def test_without_payments_everybody_has_the_operators_plan(ada):
    assert plan_of(ada).slug == "studio"


def test_with_payments_the_free_plan_is_everybodys_first(ada, paid):
    assert plan_of(ada).slug == "free"


@pytest.mark.parametrize(
    ("status", "grace_days", "slug"),
    [
        ("active", None, "pro"),
        ("trialing", None, "pro"),
        ("past_due", 2, "pro"),
        ("past_due", -1, "free"),
        ("past_due", None, "free"),
        ("unpaid", 2, "free"),
        ("paused", None, "free"),
        ("canceled", None, "free"),
        ("incomplete", None, "free"),
    ],
)
def test_a_plan_holds_while_it_is_paid_or_has_grace(ada, paid, status, grace_days, slug):
    until = grace_days and timezone.now() + timedelta(days=grace_days)
    Subscription.objects.create(user=ada, plan=Plan.objects.get(slug="pro"), status=status, grace_until=until)
    assert plan_of(ada).slug == slug


def test_a_studio_begins_with_plans_and_packs(db):
    assert [(plan.slug, plan.credits, plan.price) for plan in Plan.objects.filter(is_public=True)] == [
        ("free", 300, 0),
        ("pro", 1000, 1999),
        ("business", 3000, 4999),
        ("enterprise", 10000, 14999),
    ]
    assert TopUp.objects.filter(currency="usd", is_public=True).count() == 3


def test_a_plan_that_was_removed_is_made_again(ada):
    Plan.objects.all().delete()
    assert plan_of(ada).slug == "studio"
