"""What CineVivid changes in allauth."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """E-mail is the only name; after signing in people go on where they were."""

    def get_user_search_fields(self) -> list[str]:
        return ["email", "name"]

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True
