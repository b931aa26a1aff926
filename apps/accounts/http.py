"""Requests of signed-in users, as views and API views get them."""

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails
from rest_framework.request import Request

from apps.accounts.models import ApiToken, User

# Where the session keeps a prompt that was typed before signing in.
PENDING_PROMPT = "pending_prompt"
PENDING_KEY = "pending_key"  # that job's Idempotency-Key
# The same two, of somebody who signed up with an address that has an account: for when they sign in to it.
PARKED = "parked"


class SignedIn(HttpRequest):
    """A request that passed `login_required` (or DRF's IsAuthenticated): `user` is a row, never anonymous."""

    user: User
    htmx: HtmxDetails


def caller(request: Request) -> User:
    """Return the user of an API request. The default permission lets nobody else through."""
    assert isinstance(request.user, User)
    return request.user


async def asking(request: HttpRequest) -> User | None:
    """Return who asks for a file: by an API token or by a session; None for nobody."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = await sync_to_async(ApiToken.objects.authenticate)(secret.strip())
        return token.user if token else None
    user = await request.auser()
    return user if isinstance(user, User) else None
