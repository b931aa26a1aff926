"""Receipts in templates."""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma

from apps.billing import services
from apps.billing.models import Transfer

register = template.Library()
MOVEMENTS = {
    Transfer.Kind.HOLD: "Held {} for a job",
    Transfer.Kind.CAPTURE: "Charged {} credits",
    Transfer.Kind.RELEASE: "{} given back",
    Transfer.Kind.GRANT: "{} granted",
    Transfer.Kind.PURCHASE: "{} bought",
    Transfer.Kind.FORFEIT: "{} lost with the account",
}


@register.simple_tag
def receipt(reference: str, part: str = "", held: int = 0) -> services.Receipt:
    """What one job did to the wallet; with `part`, its share of a hold of several, in which it `held` so much."""
    found = services.receipt(reference)
    return found.of_part(part, held) if part else found


@register.filter
def movement(transfer: Transfer) -> str:
    """What happened to how many credits: "Held 30 for a job"."""
    words = MOVEMENTS.get(Transfer.Kind(transfer.kind), f"{transfer.get_kind_display()} {{}}")
    return words.format(intcomma(transfer.amount))
