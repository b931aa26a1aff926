"""Plans of accounts, without Stripe: the rows as its webhooks leave them."""

from apps.billing import powers
from apps.billing.models import Plan, Subscription


def put_on(user, slug):
    """Put somebody on a plan, or back on the free one, and let everybody know."""
    plan = Plan.objects.standard(slug)
    status = "none" if slug == Plan.FREE else "active"
    Subscription.objects.update_or_create(user=user, defaults={"plan": plan, "status": status})
    powers.tell_changed(user)


def give(slug, **values):
    """Give a plan other values of some powers."""
    for name, value in values.items():
        Plan.objects.standard(slug).powers.update_or_create(name=name, defaults={"value": value})
