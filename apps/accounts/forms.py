"""Forms of the account pages."""

from typing import Any

from allauth.account import forms as allauth
from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User


class Plain(forms.BaseForm):
    """A form with labels in sentence case, whose errors name the field; the first wrong field has the focus."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = str(field.label or name.replace("_", " ")).capitalize()
            field.error_messages["required"] = _("%(field)s is missing.") % {"field": field.label}

    def full_clean(self) -> None:
        super().full_clean()
        wrong = next((name for name in self.fields if self.is_bound and name in self.errors), None)
        for name, field in self.fields.items():
            if wrong is not None:
                field.widget.attrs.pop("autofocus", None)
            if name == wrong:
                field.widget.attrs["autofocus"] = True


class LoginForm(Plain, allauth.LoginForm):
    pass


class ChangePasswordForm(Plain, allauth.ChangePasswordForm):
    pass


class SetPasswordForm(Plain, allauth.SetPasswordForm):
    pass


class ResetPasswordForm(Plain, allauth.ResetPasswordForm):
    pass


class ResetPasswordKeyForm(Plain, allauth.ResetPasswordKeyForm):
    pass


class AddEmailForm(Plain, allauth.AddEmailForm):
    pass


class ReauthenticateForm(Plain, allauth.ReauthenticateForm):
    pass


class ProfileForm(Plain, forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["name"]
        help_texts = {"name": _("Your display name. Nobody else sees it.")}


class TokenForm(Plain, forms.Form):
    name = forms.CharField(
        max_length=60,
        label=_("Token name"),
        help_text=_("Where you use it, so that you know which one to revoke."),
        widget=forms.TextInput(attrs={"placeholder": _("render script")}),
    )
