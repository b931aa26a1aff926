"""The form that confirms a deletion."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User


class DeleteForm(forms.Form):
    """Type your own address: nobody does that by mistake."""

    address = forms.CharField(
        max_length=254,
        label=_("Your email address"),
        help_text=_("Type it in full to confirm that you mean this account."),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"])
        if address.strip().casefold() != self.user.email.casefold():
            raise forms.ValidationError(gettext("This is not the email address of this account."))
        return address
