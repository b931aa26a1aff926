"""The credits that the free plan gives each month."""

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import services
from apps.billing.models import Plan, Subscription
from apps.billing.plans import connected
from apps.billing.sync import next_anniversary

AT_ONCE = 500  # accounts that one sweep looks at


def grant_monthly() -> int:
    """Give the credits of the free plan to whom they are due, once a month; returns to how many.

    The month of an account begins on the day on which it was made, so whoever makes a new one gets no more. In a studio
    without payments nobody is on the free plan.
    """
    if not connected():
        return 0
    free = Plan.objects.standard(Plan.FREE)
    _enrol(free)
    now, given = timezone.now(), 0
    due = Subscription.objects.filter(free_credits_at__lte=now, user__is_active=True).select_related("user")
    for row in due.order_by("free_credits_at")[:AT_ONCE]:
        with transaction.atomic():
            mine = Subscription.objects.filter(pk=row.pk, free_credits_at=row.free_credits_at)
            if mine.update(free_credits_at=next_anniversary(row.user.date_joined)):
                given += services.grant(row.user, free.credits, f"free:{row.user_id}:{row.free_credits_at:%Y-%m-%d}")
    return given


def _enrol(free: Plan) -> None:
    """Say when the next credits come to accounts whose address is confirmed, and that have no plan which is paid."""
    rows = Subscription.objects.filter(user=OuterRef("pk"))
    confirmed = EmailAddress.objects.filter(verified=True)
    found = User.objects.filter(~Exists(rows), Exists(confirmed.filter(user=OuterRef("pk"))), is_active=True)
    Subscription.objects.bulk_create(
        (
            Subscription(user=user, plan=free, free_credits_at=next_anniversary(user.date_joined))
            for user in found.order_by("pk")[:AT_ONCE]
        ),
        ignore_conflicts=True,
    )
    undated = Subscription.objects.filter(
        Exists(confirmed.filter(user=OuterRef("user"))), status=Subscription.Status.NONE, free_credits_at=None,
        user__is_active=True,
    )  # fmt: skip
    for row in undated.select_related("user").order_by("pk")[:AT_ONCE]:
        undated.filter(pk=row.pk).update(free_credits_at=next_anniversary(row.user.date_joined))
