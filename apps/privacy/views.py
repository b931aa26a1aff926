"""The account pages about one's own data: take it away, or have it deleted."""

from allauth.account.decorators import reauthentication_required
from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from apps.accounts.http import SignedIn
from apps.errors import StudioError
from apps.privacy import export
from apps.privacy.deletion import delete_account
from apps.privacy.forms import DeleteForm
from apps.privacy.summary import holdings


@login_required
@require_safe
def data(request: SignedIn) -> HttpResponse:
    """What the studio holds of the user, and both ways out."""
    return render(request, "account/data.html", {"holdings": holdings(request.user)})


@login_required
@require_GET
@rate_limit(action="export_data", limit_get=True)
def download(request: SignedIn) -> HttpResponseBase:
    """Everything of the user as one zip, written while it is sent."""
    return export.answer(request.user)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
@rate_limit(action="delete_account")
def delete(request: SignedIn) -> HttpResponse:
    """Say what goes and what stays; with the address typed, delete the account."""
    form = DeleteForm(request.POST if request.method == "POST" else None, user=request.user)
    if form.is_valid():
        try:
            delete_account(request.user)
        except StudioError as error:
            form.add_error(None, error.public_text)
        else:
            logout(request)
            messages.success(request, _("Your account is deleted."))
            return redirect("landing")
    context = {"form": form, "holdings": holdings(request.user)}
    return render(request, "account/delete.html", context, status=422 if form.is_bound else 200)
