"""How the API knows who is calling."""

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.models import ApiToken, User

CHALLENGE = 'Bearer realm="CineVivid"'  # the WWW-Authenticate of a refusal with 401


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer cv_…`, a token that the user made on the account page."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        secret = bearer(get_authorization_header(request).decode("latin-1"))
        if secret is None:
            return None
        token = ApiToken.objects.authenticate(secret)
        if token is None:
            raise AuthenticationFailed(_("This API token is unknown or revoked."))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def bearer(header: str) -> str | None:
    """Return the secret of an `Authorization` header, None for one of another scheme."""
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None
