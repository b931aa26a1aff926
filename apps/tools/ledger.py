"""What jobs and their groups are to the ledger: a name, a picture and a page."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.billing.references import Subject
from apps.library.ids import as_uuid
from apps.library.models import Asset, Generation, Group
from apps.tools import services


def jobs(user: User, keys: Sequence[str]) -> Mapping[str, Subject]:
    """Return what jobs of a user are called, those in the trash too."""
    found = Generation.objects.filter(user=user, pk__in=_uuids(keys)).prefetch_related("assets")
    return {str(job.pk): _subject(job) for job in found}


def groups(user: User, keys: Sequence[str]) -> Mapping[str, Subject]:
    """Return what groups of a user are called, with the picture of their first job."""
    found = list(Group.objects.filter(user=user, pk__in=_uuids(keys)).annotate(jobs=Count("generations")))
    pictures: dict[object, str] = {}
    of_groups = Asset.objects.filter(generation__group__in=found).exclude(poster="")
    for asset in of_groups.select_related("generation").order_by("-created_at", "-position"):
        if asset.generation:
            pictures[asset.generation.group_id] = asset.poster_url
    return {
        str(group.pk): Subject(
            title=str(group),
            picture=pictures.get(group.pk, ""),
            icon="film",
            note=ngettext("%(count)d job", "%(count)d jobs", group.jobs) % {"count": group.jobs},
        )
        for group in found
    }


def _subject(job: Generation) -> Subject:
    tool, asset = services.tool_of(job), job.asset
    if job.gone_at:
        note = _("Deleted for good")
    elif job.deleted_at:
        note = _("In the trash")
    elif job.status == Generation.Status.SUCCEEDED:
        note = _("Stopped early") if job.stopped_early else ""
    else:
        note = str(job.get_status_display())
    return Subject(
        title=job.title or _("Untitled"),
        url="" if job.deleted_at else job.get_absolute_url(),
        picture=asset.poster_url if asset else "",
        icon=tool.icon if tool else "film",
        note=note,
    )


def _uuids(keys: Sequence[str]) -> list[UUID]:
    return [pk for key in keys if (pk := as_uuid(key))]
