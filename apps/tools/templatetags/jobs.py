"""What a card says about its job's tool."""

from django import template

from apps.library.models import Generation
from apps.tools import services

register = template.Library()


@register.simple_tag
def price_if_stopped(job: Generation) -> int:
    """Credits that are charged when the job is stopped now."""
    return services.price_if_stopped(job)
