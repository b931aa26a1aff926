"""Forms of the account pages."""

from django import forms

from apps.accounts.models import User


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["name"]
        help_texts = {"name": "How the studio calls you. Nobody else sees it."}


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=60,
        label="Token name",
        help_text="Where you will use it, so that you know which one to revoke.",
        widget=forms.TextInput(attrs={"placeholder": "render script"}),
    )
