"""What CineVivid changes in allauth."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """E-mail is the only name, and whoever confirms theirs goes on as after signing in."""

    def get_user_search_fields(self) -> list[str]:
        return ["email", "name"]

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        return str(self.get_login_redirect_url(self.request))

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True
