"""What was typed before signing in: kept by the session, and from the sign-up on by the account, for any browser."""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest

from apps.accounts.http import PARKED, PENDING_KEY, PENDING_PROMPT
from apps.accounts.models import User

# Where the session of whoever signed up keeps the account that waits for its confirmation, as [pk, hash].
UNCONFIRMED = "unconfirmed"
MAX_PROMPT = 2000  # characters


def keep(request: HttpRequest, user: User | None) -> None:
    """Move what the session keeps to an account that is to be confirmed; None where there is none to be.

    No page tells the two apart afterwards: it would tell whether the address had an account. Who has one finds the
    prompt again by signing in with this browser.
    """
    prompt, key = request.session.pop(PENDING_PROMPT, ""), request.session.pop(PENDING_KEY, "")
    for name in (UNCONFIRMED, PARKED):
        request.session.pop(name, None)
    if user is None:
        request.session[PARKED] = [prompt, key]
    else:
        request.session[UNCONFIRMED] = [user.pk, user.get_session_auth_hash()]
        if prompt:
            User.objects.filter(pk=user.pk).update(first_prompt=prompt)


def take(request: HttpRequest) -> tuple[str | None, str]:
    """Take what the session keeps for whoever is signed in now: a prompt, None without one, and its key."""
    parked, parked_key = request.session.pop(PARKED, None) or ("", "")
    prompt, key = request.session.pop(PENDING_PROMPT, None), request.session.pop(PENDING_KEY, "")
    return (parked, parked_key) if prompt is None and parked else (prompt, key)


def change(user: User, prompt: str) -> None:
    """Take another prompt for the video that an account waits for; without one there is none to be changed."""
    if user.first_prompt and prompt:
        User.objects.filter(pk=user.pk).exclude(first_prompt="").update(first_prompt=prompt[:MAX_PROMPT])


def address_of(request: HttpRequest) -> EmailAddress | None:
    """Return the address that this session has signed up with, None once its account or password has changed."""
    pk, digest = request.session.get(UNCONFIRMED) or (None, "")
    user = User.objects.filter(pk=pk, is_active=True).first() if pk else None
    if user is None or user.get_session_auth_hash() != digest:
        return None
    return EmailAddress.objects.filter(user=user, email=user.email).first()


def enter(request: HttpRequest) -> bool:
    """Sign in whoever signed up in this session, if the address is confirmed by now, wherever that was done.

    They know the password: they chose it here, and it is still the same.
    """
    address = address_of(request)
    if address is None or not address.verified:
        return False
    request.session.pop(UNCONFIRMED, None)
    login(request, address.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return True
