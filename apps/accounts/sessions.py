"""Sessions that end, and the open pages that must hear of it."""

from functools import partial
from importlib import import_module
from typing import Any

from allauth.account.signals import password_reset
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from apps.accounts.models import ApiToken, User
from apps.live import publish

EVENT = "session.ended"
# Where the session of a browser that has reset a password keeps how many API tokens still work.
TOKENS_LEFT = "tokens_left"


def name_of(session_key: str | None) -> str:
    """Return what an event calls a session; its key would be a way in."""
    return salted_hmac("apps.accounts.sessions", session_key or "").hexdigest()


def user_of(session_key: str | None) -> User | None:
    """Return the user of a session that still holds: not signed out, no new password, not suspended."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) else None


def holds(session_key: str | None, user_id: int) -> bool:
    """Whether a session is there, and still that of this user."""
    user = user_of(session_key)
    return user is not None and user.pk == user_id


def look_again(user_id: int) -> None:
    """Ask every open page of a user whether its session still holds, once the transaction is committed."""
    transaction.on_commit(partial(publish, user_id, EVENT, session=""))


@receiver(user_logged_out)
def signed_out(user: User | None, request: HttpRequest, **kwargs: Any) -> None:
    """Close the pages of this session, which is about to go."""
    if user is not None and user.pk:
        publish(user.pk, EVENT, session=name_of(request.session.session_key))


@receiver(post_save, sender=User)
def user_changed(instance: User, created: bool, update_fields: frozenset[str] | None = None, **kwargs: Any) -> None:
    if not created and (update_fields is None or {"password", "is_active"} & set(update_fields)):
        look_again(instance.pk)


@receiver(post_delete, sender=User)
def user_gone(instance: User, **kwargs: Any) -> None:
    look_again(instance.pk)


@receiver(password_reset)
def password_is_new(request: HttpRequest, user: User, **kwargs: Any) -> None:
    request.session[TOKENS_LEFT] = ApiToken.objects.of(user).count()
