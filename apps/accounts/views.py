"""The account pages that allauth does not have."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.views import ConfirmEmailView as AllauthConfirmEmailView
from allauth.account.views import EmailVerificationSentView as AllauthEmailVerificationSentView
from allauth.account.views import EmailView as AllauthEmailView
from allauth.account.views import LoginView as AllauthLoginView
from allauth.decorators import rate_limit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts import links, operator, pending
from apps.accounts.adapter import CONFIRMED
from apps.accounts.forms import ProfileForm, TokenForm
from apps.accounts.http import SignedIn
from apps.accounts.models import ApiToken, User


@login_required
@rate_limit(action="profile")
def profile(request: SignedIn) -> HttpResponse:
    """Name and ways into the other account pages."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if form.is_valid():
        # The name alone: the rest of the row may have changed since it was read.
        form.save(commit=False).save(update_fields=["name"])
        messages.success(request, _("Saved."))
        return redirect("account_profile")
    return render(request, "account/profile.html", {"form": form}, status=422 if form.is_bound else 200)


@login_required
@rate_limit(action="manage_tokens")
def tokens(request: SignedIn) -> HttpResponse:
    """The user's API tokens; a new one is shown once, on this page, and never again."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "secret": ""}
    if form.is_valid():
        _, context["secret"] = ApiToken.objects.issue(request.user, form.cleaned_data["name"])
        context["form"] = TokenForm()
    context["tokens"] = ApiToken.objects.of(request.user)
    return render(request, "account/tokens.html", context, status=422 if form.is_bound and form.errors else 200)


@login_required
@require_POST
@rate_limit(action="manage_tokens")
def revoke_token(request: SignedIn, pk: int) -> HttpResponse:
    """Stop a token from working, at once and for good."""
    token = get_object_or_404(ApiToken.objects.of(request.user), pk=pk)
    ApiToken.objects.filter(pk=token.pk).revoke()
    messages.success(request, _("Token %(name)s is revoked.") % {"name": token.name})
    return redirect("account_tokens")


@login_required
@require_POST
@rate_limit(action="manage_tokens")
def revoke_all_tokens(request: SignedIn) -> HttpResponse:
    """Stop every token of the user from working, at once and for good."""
    ApiToken.objects.of(request.user).revoke()
    messages.success(request, _("All tokens are revoked."))
    return redirect("account_tokens")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rate_limit(action="sign_in_link", limit_get=True)
def sign_in_link(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Sign in with a link that the studio printed; a used one leads to the sign-in page.

    Only the button of its page uses it up: mail scanners and chat programs open links too.
    """
    user = links.use(uid, token) if request.method == "POST" else links.user_of(uid, token)
    if user is None:
        messages.error(
            request,
            _(
                "This sign-in link was used already or has expired. "
                "Run manage.py sign_in_link on the studio's machine for a new one."
            ),
        )
        return redirect("account_login")
    if request.method != "POST":
        return render(request, "account/sign_in_link.html", {"email": user.email})
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect(settings.LOGIN_REDIRECT_URL)


class LoginView(AllauthLoginView):
    """The sign-in page, with the address that was just confirmed in this browser."""

    def get_initial(self) -> dict[str, Any]:
        return {**super().get_initial(), "login": self.request.session.get(CONFIRMED, "")}


class EmailVerificationSentView(AllauthEmailVerificationSentView):
    """ "Check your inbox", with what an operator needs whose studio has no mail server."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        link = operator.confirm_link(self.request)
        return {**super().get_context_data(**kwargs), "mail_folder": operator.mail_folder(), "confirm_link": link}


@never_cache
@require_http_methods(["GET", "HEAD"])
def confirmed_elsewhere(request: HttpRequest) -> HttpResponse:
    """Let whoever waits in front of "Check your inbox" in, once the address is confirmed in any browser."""
    if not request.user.is_authenticated and not pending.enter(request):
        return (
            HttpResponse(status=204) if "HX-Request" in request.headers else redirect("account_email_verification_sent")
        )
    if "HX-Request" in request.headers:
        return HttpResponseClientRedirect(resolve_url(settings.LOGIN_REDIRECT_URL))
    return redirect(settings.LOGIN_REDIRECT_URL)


class EmailView(AllauthEmailView):
    """A user's addresses, changed by one request at a time: allauth looks first and writes then."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).filter(pk=request.user.pk or 0).first()
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say which buttons have something to do: the only address stays, and a confirmed one needs no link."""
        addresses = EmailAddress.objects.filter(user_id=self.request.user.pk)
        buttons = {"several": addresses.count() > 1, "unconfirmed": addresses.filter(verified=False).exists()}
        return {**super().get_context_data(**kwargs), **buttons}


class ConfirmEmailView(AllauthConfirmEmailView):
    """The page of a mailed link. Only its button changes something, and any browser may press it."""

    def logout_other_user(self, confirmation: Any) -> None:
        if self.request.method == "POST":
            super().logout_other_user(confirmation)

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Confirm the address; the button of another prompt takes that one for the first video."""
        try:
            pending.change(self.get_object().email_address.user, self.request.POST.get("prompt", "").strip())
            answer: HttpResponse = super().post(*args, **kwargs)
        except (Http404, EmailAddress.DoesNotExist):  # used, or removed, a moment ago
            self.object = None
            answer = self.render_to_response(self.get_context_data())
        return answer
