"""The sign-up form."""

from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from apps.accounts.forms import Plain
from apps.accounts.models import User


class SignupForm(Plain, AllauthSignupForm):
    """A form whose answer, and the time that it takes, do not tell whether the address has an account."""

    account_already_exists: bool

    def try_save(self, request: HttpRequest) -> Any:
        if not self.account_already_exists:
            try:
                with transaction.atomic():
                    return super().try_save(request)
            except IntegrityError:  # somebody else has taken it since the form looked
                self.account_already_exists = True
        else:
            User().set_password(self.cleaned_data["password1"])  # what a new account would have cost
        return super().try_save(request)
