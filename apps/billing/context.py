"""What every page shows of money: the credits chip of the top bar, and whether anything can be bought."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.billing import services
from apps.billing.plans import connected


def credits(request: HttpRequest) -> dict[str, object]:
    """`payments_connected`, and `credits_balance`, asked for only by pages that show it."""
    known: dict[str, object] = {"payments_connected": connected()}
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return known
    user = request.user
    return known | {"credits_balance": SimpleLazyObject(lambda: services.balance(user))}
