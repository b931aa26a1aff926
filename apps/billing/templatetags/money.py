"""Sums of money in templates."""

from django import template
from django.utils.formats import number_format

register = template.Library()
SIGNS = {"usd": "$", "eur": "€", "gbp": "£"}
WHOLE = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"}


@register.filter
def money(amount: int | None, currency: str) -> str:
    """A sum in the currency's smallest unit, as people write it: "$19.99", "20.00 CHF", "¥" as "500 JPY"."""
    currency = currency.lower()
    digits = 0 if currency in WHOLE else 2
    shown = digits if amount else 0  # nothing is "$0"
    number = number_format((amount or 0) / 10**digits, decimal_pos=shown, use_l10n=True, force_grouping=True)
    return f"{SIGNS[currency]}{number}" if currency in SIGNS else f"{number} {currency.upper()}"
