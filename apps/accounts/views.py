"""The account pages that allauth does not have."""

from allauth.decorators import rate_limit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts import links
from apps.accounts.forms import ProfileForm, TokenForm
from apps.accounts.http import SignedIn
from apps.accounts.models import ApiToken


@login_required
@rate_limit(action="profile")
def profile(request: SignedIn) -> HttpResponse:
    """Name and ways into the other account pages."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("account_profile")
    return render(request, "account/profile.html", {"form": form}, status=422 if form.is_bound else 200)


@login_required
@rate_limit(action="manage_tokens")
def tokens(request: SignedIn) -> HttpResponse:
    """The user's API tokens; a new one is shown once, on this page, and never again."""
    form = TokenForm(request.POST or None)
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
    token.revoke()
    messages.success(request, f"Token {token.name} is revoked.")
    return redirect("account_tokens")


@rate_limit(action="sign_in_link", limit_get=True)
def sign_in_link(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Sign in with a link that the studio printed; a used one leads to the sign-in page."""
    user = links.user_of(uid, token)
    if user is None:
        messages.error(
            request, "This sign-in link was used already or is too old. Start the studio again for a new one."
        )
        return redirect("account_login")
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect(settings.LOGIN_REDIRECT_URL)
