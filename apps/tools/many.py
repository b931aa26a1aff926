"""What a user does to many jobs at once, from the library and its trash."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from apps.accounts.http import SignedIn
from apps.library import picks
from apps.tools import services


@login_required
@require_POST
def delete(request: SignedIn) -> HttpResponse:
    """Move the jobs that are picked to the trash."""
    deleted = services.delete_many(request.user, picks.ids(request))
    picks.say_deleted(request, [job.pk for job in deleted], restored_at="tools:restore_many")
    return redirect(picks.back(request, "library:library"))


@login_required
@require_POST
def restore(request: SignedIn) -> HttpResponse:
    """Take the jobs that are picked out of the trash."""
    picks.say_restored(request, len(services.restore_many(request.user, picks.ids(request))))
    return redirect(picks.back(request, "library:library"))
