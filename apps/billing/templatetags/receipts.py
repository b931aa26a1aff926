"""Receipts in templates."""

from django import template

from apps.billing import services

register = template.Library()


@register.simple_tag
def receipt(reference: str) -> services.Receipt:
    """What one job did to the wallet."""
    return services.receipt(reference)
