"""Which plan an account is on."""

from django.conf import settings

from apps.accounts.models import User
from apps.billing.models import Plan, Subscription


def connected() -> bool:
    """Return whether this studio takes payments."""
    return bool(settings.STRIPE_SECRET_KEY)


def plan_of(user: User) -> Plan:
    """Return the plan that holds for a user now.

    In a studio without payments it is the operator's, with every power. Otherwise it is the plan of a live
    subscription, also while an overdue payment has its grace, and else the free one.
    """
    if not connected():
        return Plan.objects.standard(Plan.STUDIO)
    found = Subscription.objects.filter(user=user).select_related("plan").first()
    return found.plan if found and found.is_live else Plan.objects.standard(Plan.FREE)
