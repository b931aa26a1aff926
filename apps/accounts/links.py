"""Sign-in links that work once."""

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.accounts.models import User


class SignInTokenGenerator(PasswordResetTokenGenerator):
    """Tokens that die with the next sign-in: the user's last login, to the microsecond, is part of what is signed."""

    key_salt = "apps.accounts.links.SignInTokenGenerator"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.last_login}"


tokens = SignInTokenGenerator()


def sign_in_url(user: User) -> str:
    """An address that signs this user in, once."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return f"{settings.SITE_URL}{reverse('account_link', args=[uid, tokens.make_token(user)])}"


def user_of(uid: str, token: str) -> User | None:
    """The user that a link was made for; None when it was used, is too old, or was never ours."""
    try:
        user = User.objects.filter(pk=int(force_str(urlsafe_base64_decode(uid))), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user and tokens.check_token(user, token) else None


def use(uid: str, token: str) -> User | None:
    """Use a link up and return its user; None for a dead link, and for all but one of several uses at once."""
    user = user_of(uid, token)
    if user is None:
        return None
    unused = User.objects.filter(
        pk=user.pk, is_active=True, password=user.password, email=user.email, last_login=user.last_login
    )
    return user if unused.update(last_login=timezone.now()) else None
