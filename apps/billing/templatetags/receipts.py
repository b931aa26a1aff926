"""Receipts in templates."""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.billing import services
from apps.billing.models import Transfer

register = template.Library()


@register.simple_tag
def receipt(reference: str, part: str = "", held: int = 0) -> services.Receipt:
    """What one job did to the wallet; with `part`, its share of a hold of several, in which it `held` so much."""
    found = services.receipt(reference)
    return found.of_part(part, held) if part else found


@register.filter
def credits(number: int) -> str:
    """A number of credits: "1 credit", "1,200 credits"."""
    return ngettext("%(number)s credit", "%(number)s credits", number) % {"number": intcomma(number)}


@register.filter
def movement(transfer: Transfer) -> str:
    """What happened to how many credits: "Held 30 credits"."""
    words = {
        Transfer.Kind.HOLD: _("Held %s"),
        Transfer.Kind.CAPTURE: _("Charged %s"),
        Transfer.Kind.RELEASE: _("%s given back"),
        Transfer.Kind.GRANT: _("%s granted"),
        Transfer.Kind.PURCHASE: _("%s bought"),
        Transfer.Kind.REFUND: _("%s paid back"),
        Transfer.Kind.RESTORE: _("%s given back again"),
        Transfer.Kind.FORFEIT: _("%s lost with the account"),
    }
    return words[Transfer.Kind(transfer.kind)] % credits(transfer.amount)


@register.filter
def outcome(receipt: services.Receipt) -> str:
    """How a job stands with the wallet, in a word: "Held", "Charged" or "Given back"."""
    if receipt.open:
        return _("Held")
    return _("Charged") if receipt.captured else _("Given back")


@register.filter
def source(transfer: Transfer) -> str:
    """Where credits came from that no job gave back: "Welcome credits", "Granted by the studio"."""
    if transfer.kind == Transfer.Kind.GRANT:
        words = {"welcome": _("Welcome credits"), "free": _("Credits of the free plan")}
        return words.get(transfer.reference.partition(":")[0], _("Granted by the studio"))
    return str(transfer.get_kind_display())
