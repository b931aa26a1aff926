"""What CineVivid changes in allauth."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts import operator, outbox, pending, sessions
from apps.accounts.models import ApiToken, User
from apps.errors import StudioError

CONFIRMED = "confirmed_email"  # where the session keeps an address that was confirmed in it


class AccountAdapter(DefaultAccountAdapter):
    """E-mail is the only name, its links lead to SITE_URL, and what works once is decided by the database."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("The email address or the password is wrong."),
    }

    def get_user_search_fields(self) -> list[str]:
        return ["email", "name"]

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Return where a confirmed address leads: on as after signing in, or to the sign-in page of another browser."""
        if not self.request.user.is_authenticated:
            self.request.session[CONFIRMED] = email_address.email  # the sign-in page fills it in
            return reverse("account_login")
        return str(self.get_login_redirect_url(self.request))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Return where a changed password leads: to the API tokens, if any still work."""
        if isinstance(request.user, User) and ApiToken.objects.of(request.user).exists():
            return f"{reverse('account_tokens')}?after=password"
        return str(super().get_password_change_redirect_url(request))

    def respond_email_verification_sent(self, request: HttpRequest, user: User | None) -> HttpResponse:
        """Lead to "Check your inbox"; what was typed before goes with the account."""
        pending.keep(request, user)
        answer: HttpResponse = super().respond_email_verification_sent(request, user)
        return answer

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm an address, once, and for one of the users who claim it."""
        with transaction.atomic():
            # Locked, so that of several confirmations at once each sees what the one before has done.
            claims = Q(email=email_address.email) | Q(user_id=email_address.user_id)
            list(EmailAddress.objects.select_for_update().filter(claims).order_by("pk"))
            email_address.refresh_from_db()
            return not email_address.verified and bool(super().confirm_email(request, email_address))

    def set_password(self, user: User, password: str) -> None:
        """Set a password, unless another one was set since the user was read: a link for a new one works once."""
        before = user.password
        user.set_password(password)
        if not User.objects.filter(pk=user.pk, password=before).update(password=user.password):
            raise StudioError(code="password_changed")
        sessions.look_again(user.pk)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Show a message, which may name where this studio writes its mail."""
        context = (message_context or {}) | {"mail_folder": operator.mail_folder()}
        super().add_message(request, level, message_template, context, *args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail, in the background, whose links lead to SITE_URL, whatever host the request named."""
        links = {name: on_site(value) for name, value in context.items() if name.endswith("_url")}
        about = {
            "email": email,
            "current_site": {"name": settings.SITE_NAME, "domain": urlsplit(settings.SITE_URL).netloc},
        }
        outbox.send(self.render_mail(template_prefix, email, about | context | links))

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tell of a change, and of the API tokens that still work after it."""
        tokens = {"tokens": ApiToken.objects.of(user).count(), "tokens_url": reverse("account_tokens")}
        super().send_notification_mail(template_prefix, user, tokens | (context or {}), email)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return what failed sign-ins are counted by: the address alone. allauth counts anew for each host."""
        return str(credentials.get("email", "")).lower()


def on_site(url: str) -> str:
    """Return the address of a page of this site as SITE_URL has it."""
    parts = urlsplit(url)
    return f"{settings.SITE_URL}{parts._replace(scheme='', netloc='').geturl()}"
