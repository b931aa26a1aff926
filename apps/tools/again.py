"""Trying again: a new job with the settings and the inputs of one that failed or was cancelled."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library.models import Generation
from apps.tools import services
from apps.tools.registry import Tool

Status = Generation.Status
LOST = (Status.FAILED, Status.CANCELLED)
AGAIN = "again:"  # how the keys of new tries begin


def try_again(job: Generation) -> Generation:
    """Submit a job that failed or was cancelled once more, and return the new one.

    Asking twice is harmless: while the new job has neither failed nor been cancelled or deleted, it is returned again.
    Raises WrongState for a job that is not lost, StudioError("configuration") when its tool is gone, ("input_missing")
    or ("prerequisite_failed") when what it begins with is, ("validation_failed") when its settings cannot be used any
    more, and what `submit` raises.
    """
    if job.status not in LOST:
        raise services.WrongState(_("Only what has failed or was cancelled can be tried again."))
    tool = services.tool_of(job)
    if tool is None:
        raise StudioError(code="configuration")
    key = key_of_try(job.user, _key(job))
    if made := services.earlier(job.user, key, ""):
        return made
    params, first = _params(job, tool)
    return services.submit(job.user, tool, params, waits_for=first, idempotency_key=key)


def key_of_try(user: User, begins: str) -> str:
    """Return the key under which a user's next try of something is submitted; `begins` is that of all its tries.

    It is the key of the latest one while that is neither lost nor deleted. Two requests at once get the same key, which
    makes one job of them.
    """
    tries = Generation.objects.filter(user=user, idempotency_key__startswith=begins)
    latest = tries.order_by("-created_at").first()
    if latest and latest.deleted_at is None and latest.status not in LOST:
        return latest.idempotency_key
    return f"{begins}{tries.count()}"


def tried_again(jobs: list[Generation]) -> set[str]:
    """Return the ids of those of a user's jobs that were tried again."""
    if not jobs:
        return set()
    later = Generation.objects.filter(user=jobs[0].user_id, created_at__gt=min(job.created_at for job in jobs))
    keys = later.filter(idempotency_key__startswith=AGAIN, deleted_at=None)
    return {key.split(":")[1] for key in keys.values_list("idempotency_key", flat=True)}


def _key(job: Generation) -> str:
    return f"{AGAIN}{job.pk}:"


def _params(job: Generation, tool: Tool) -> tuple[Mapping[str, Any], list[Generation]]:
    """Return the parameters of a job for `submit`, checked by today's form, and the jobs that it waits for."""
    first = list(job.waits_for.all())
    if any(other.status in LOST for other in first):
        raise StudioError(code="prerequisite_failed")
    inputs: dict[str, list[Any]] = {}
    for given in job.inputs.select_related("asset", "source"):
        unmade = given.source if given.source and given.source.is_active else None
        found = given.found
        if not (unmade or found):
            raise StudioError(code="prerequisite_failed" if given.source else "input_missing")
        inputs.setdefault(given.name, []).append(unmade or str(found.pk))  # type: ignore[union-attr]
    plain = {name: values[0] if len(values) == 1 else values for name, values in inputs.items()}
    if any(isinstance(value, Generation) for values in inputs.values() for value in values):
        return job.params | plain, first  # no form takes what is not made yet
    fields = tool.form_class.base_fields
    stands = {name: value for name, value in (job.params | plain).items() if name in fields and value is not None}
    form = tool.form_class(stands, user=job.user)
    if not form.is_valid():
        errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
        raise StudioError(next(iter(errors.values()))[0], code="validation_failed", errors=errors)
    return form.params, first
