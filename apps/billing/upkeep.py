"""What has to be done again and again: free credits, lost messages, and once a day a look at what was missed."""

from django.core.cache import cache

from apps.billing import events, monthly, payments
from apps.billing.plans import connected

DAY = 24 * 60 * 60  # seconds


def upkeep() -> None:
    """Do what is due. The sweep calls it; whatever asks Stripe is left to a worker."""
    if not connected():
        return
    monthly.grant_monthly()
    events.send_again()
    payments.go_on()
    if cache.add("reconciled-today", True, DAY):
        events.forget()
        payments.nudge("reconcile_stripe")
