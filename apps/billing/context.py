"""The credits chip of the top bar."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.billing import services


def credits(request: HttpRequest) -> dict[str, object]:
    """`credits_balance`, asked for only by pages that show it."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {}
    user = request.user
    return {"credits_balance": SimpleLazyObject(lambda: services.balance(user))}
