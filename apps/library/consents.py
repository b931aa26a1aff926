"""Consent to faces and voices that somebody has brought: one for each upload, with its date, until it is withdrawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library.models import Asset, Generation, LikenessConsent

log = structlog.get_logger(__name__)
# The sentence that users agree to; the consent and the job keep it as it was.
STATEMENT = _("I may use this face and voice: they are mine, or the people shown and heard have agreed.")
DEEPEST = 50  # jobs, one from the result of another, that are looked through for an upload


class ConsentWithdrawn(StudioError):
    """The consent to a face or a voice that something begins with was withdrawn."""

    code = "consent_withdrawn"


@dataclass(frozen=True, slots=True)
class Origins:
    """The uploads that an asset is, or was made of, job by job; not `known` where one of them is gone."""

    uploads: tuple[Asset, ...]
    known: bool

    @property
    def is_ours(self) -> bool:
        """Whether all of it was made here, from words."""
        return self.known and not self.uploads


def origins(asset: Asset) -> Origins:
    """Return the uploads behind an asset."""
    todo, jobs, found, known = [asset], set[UUID](), dict[UUID, Asset](), True
    while todo and len(jobs) < DEEPEST:
        each = todo.pop()
        job = each.generation
        if job is None and (frame_of := each.recipe.get("last_frame_of")):
            film = Asset.objects.filter(pk=frame_of).first()
            known = known and film is not None
            todo += [film] if film else []
        elif job is None:
            found[each.pk] = each
        elif job.pk not in jobs:
            jobs.add(job.pk)
            given = [one.asset or (one.source.asset if one.source else None) for one in job.inputs.all()]
            known = known and None not in given  # of a removed one nothing is known
            todo += [one for one in given if one]
    return Origins(tuple(found.values()), known and not todo)


def missing(assets: Iterable[Asset]) -> bool:
    """Whether somebody has to agree before the faces and voices of these assets may be made to say something."""
    behind = [origins(asset) for asset in assets]
    ids = {upload.pk for each in behind for upload in each.uploads}
    agreed = set(LikenessConsent.objects.standing().filter(asset__in=ids).values_list("asset", flat=True))
    return bool(ids - agreed) or not all(each.known for each in behind)


def withdrawn(asset: Asset) -> LikenessConsent | None:
    """Return the withdrawn consent to an asset, or to an upload behind it; None where it stands, or was never given."""
    ids = [upload.pk for upload in origins(asset).uploads]
    latest: dict[UUID, LikenessConsent] = {}
    for consent in LikenessConsent.objects.filter(asset__in=ids):  # newest first
        latest.setdefault(consent.asset_id, consent)
    return next((consent for consent in latest.values() if consent.withdrawn_at), None)


def give(user: User, assets: Iterable[Asset], statement: str) -> None:
    """Record that a user agrees to the faces and voices of assets: one row for each upload behind them."""
    for asset in assets:
        for upload in origins(asset).uploads:
            LikenessConsent.objects.get_or_create(
                asset=upload, withdrawn_at=None, defaults={"user": user, "statement": statement}
            )


def withdraw(user: User, asset: Asset) -> None:
    """Take the consent to an upload back: no job begins with its face or voice from now on."""
    LikenessConsent.objects.standing().filter(user=user, asset=asset).update(withdrawn_at=timezone.now())
    log.info("consent_withdrawn", asset=str(asset.pk), user=user.pk)


def refuse_withdrawn(job: Generation) -> None:
    """Raise ConsentWithdrawn where the consent to something that a job begins with was withdrawn meanwhile."""
    found = [given.found for given in job.inputs.select_related("asset", "source")]
    if any(withdrawn(asset) for asset in found if asset):
        raise ConsentWithdrawn()
