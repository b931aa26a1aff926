"""What a card says about its job's tool."""

from django import template

from apps.library.models import Generation
from apps.tools import services

register = template.Library()


@register.filter
def terms(job: Generation) -> str:
    """What a stop now keeps, and what it costs: "keep 4.1 s, pay 50 of 60 credits"."""
    price = f", pay {services.price_if_stopped(job)} of {job.cost} credits" if job.cost else ""
    return f"keep {job.kept_seconds:.1f} s{price}"
