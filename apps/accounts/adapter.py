"""What CineVivid changes in allauth."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.http import PENDING_PROMPT


class AccountAdapter(DefaultAccountAdapter):
    """E-mail is the only name; after signing in people go on where they were."""

    def get_user_search_fields(self) -> list[str]:
        return ["email", "name"]

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Someone who typed a prompt before signing in goes straight to its film."""
        return (
            reverse("tools:start") if request.session.get(PENDING_PROMPT) else super().get_login_redirect_url(request)
        )

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        return self.get_login_redirect_url(self.request)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True
