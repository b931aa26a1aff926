"""What is picked on a page of the library, and what is said of it."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.errors import StudioError
from apps.library.ids import as_uuid

MOST = 200  # at once
ONE, MANY, BACK = "one", "id", "next"  # names of what a form sends
UNDO = "undo"  # begins the tag of a message that can be taken back, before an address and ids


def ids(request: HttpRequest) -> list[UUID]:
    """Return the ids that a form sends: that of the button that was pressed, or all that are ticked.

    Raises StudioError for more than MOST.
    """
    texts: Iterable[str] = request.POST.getlist(ONE) or request.POST.getlist(MANY)
    found = (as_uuid(text) for each in texts for text in each.split(",")[: MOST + 1])
    ids = list(dict.fromkeys(pk for pk in found if pk))
    if len(ids) > MOST:
        raise StudioError(_("Pick at most %(most)d at once.") % {"most": MOST}, code="validation_failed")
    return ids


def back(request: HttpRequest, otherwise: str) -> str:
    """Return the address on this site that a form wants to go back to; of any other text, `otherwise`.

    It begins with a slash: a redirect takes other texts for names of pages.
    """
    address = request.POST.get(BACK, "")
    ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if ours and address.startswith("/") else resolve_url(otherwise)


def deleted(count: int) -> str:
    """How many things are in the trash now, in words."""
    text = ngettext(
        "Deleted. It stays in the trash for %(days)d days.",
        "%(count)d deleted. They stay in the trash for %(days)d days.",
        count,
    )
    return text % {"count": count, "days": settings.TRASH_DAYS}


def undo(restored_at: str, ids: Iterable[UUID] = ()) -> str:
    """Return the tag of a message whose toast takes back what it tells: where, and for which things of a shelf.

    Without ids the address alone says what, and no shelf is shown anew.
    """
    return f"{UNDO}:{resolve_url(restored_at)}:{','.join(map(str, ids))}"


def say_deleted(request: HttpRequest, ids: Sequence[UUID], restored_at: str) -> None:
    """Say how many things of a shelf are in the trash now, with a way to take that back."""
    if ids:
        messages.success(request, deleted(len(ids)), extra_tags=undo(restored_at, ids))
    else:
        messages.error(request, _("Nothing was deleted."))


def say_restored(request: HttpRequest, count: int) -> None:
    """Say how many things are back in the library."""
    if count:
        messages.success(request, ngettext("Restored.", "%(count)d restored.", count) % {"count": count})
    else:
        messages.error(request, _("Nothing was restored."))
