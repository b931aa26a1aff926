"""The verbs of a job: submit, finish, fail, retry, cancel, stop, delete, restore. Each is one transaction."""

import statistics
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID, uuid5

import structlog
from django.conf import settings
from django.core.files import File
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import services as billing
from apps.errors import StudioError
from apps.library import keeper, progress
from apps.library.models import Asset, Generation, by_uuid
from apps.tools import registry
from apps.tools.queue import dispatch
from apps.tools.registry import Quote, Tool

log = structlog.get_logger(__name__)
Status = Generation.Status
RECENT = 20


class TooManyJobs(StudioError):
    """The user has as many unfinished jobs as the studio allows."""

    code = "too_many_jobs"


class DuplicateRequest(StudioError):
    """An Idempotency-Key came back with another request."""

    code = "duplicate_request"


class WrongState(StudioError):
    """The verb does not apply to the job's status."""

    code = "wrong_state"


def quote(tool: Tool, params: Mapping[str, Any]) -> Quote:
    """Return the credits and the expected seconds of a run: the median of recent runs, scaled by the work."""
    # A later attempt made only the rest of a film, and a stopped one only a part: their times say nothing.
    whole = Generation.objects.filter(tool=tool.slug, status=Status.SUCCEEDED, attempt__lte=1, stopped_early=False)
    recent = whole.filter(started_at__isnull=False)[:RECENT]
    rates = [
        (job.finished_at - job.started_at).total_seconds() / max(tool.work(job.params), 1e-9)
        for job in recent
        if job.finished_at and job.started_at
    ]
    seconds = statistics.median(rates) * tool.work(params) if rates else None
    return Quote(tool.price(params), seconds, tool.summary(params))


def submit(
    user: User, tool: Tool, params: dict[str, Any], *, idempotency_key: str = "", request_digest: str = ""
) -> Generation:
    """Create a job, hold its credits and queue it, all in one transaction.

    Raises InsufficientCredits, TooManyJobs, or DuplicateRequest when the key was used for another request. The same key
    with the same request returns the job that it made.
    """
    if job := earlier(user, idempotency_key, request_digest):
        return job
    try:
        with transaction.atomic():
            job = Generation.objects.create(
                user=user,
                tool=tool.slug,
                title=tool.job_title(params)[:200],
                params=params,
                queue=tool.queue_of(params),
                cost=tool.price(params),
                idempotency_key=idempotency_key,
                request_digest=request_digest,
            )
            billing.hold(user, job.cost, job.reference)
            # The hold has locked the wallet, so the submits of one user count their jobs one after the other.
            if Generation.objects.filter(user=user).active().count() > settings.MAX_ACTIVE_JOBS:
                raise TooManyJobs(
                    f"{settings.MAX_ACTIVE_JOBS} of your films are waiting or being made, which is the most at once.",
                    limit=settings.MAX_ACTIVE_JOBS,
                )
            transaction.on_commit(partial(dispatch, job))
            transaction.on_commit(partial(progress.changed, job))
    except IntegrityError:
        if made := earlier(user, idempotency_key, request_digest):
            return made
        raise
    log.info("generation_queued", generation=str(job.pk), tool=tool.slug, credits=job.cost)
    return job


def earlier(user: User, key: str, digest: str) -> Generation | None:
    """Return the job made with this key, if any. Raises DuplicateRequest when it was made by another request."""
    job = Generation.objects.filter(user=user, idempotency_key=key).first() if key else None
    if job and job.request_digest != digest:
        raise DuplicateRequest()
    return job


def finish(
    job: Generation, asset: Asset, files: Mapping[str, "File[bytes]"], engine: str, *, stopped: bool = False
) -> bool:
    """Store the asset and charge for it. Returns False, and stores nothing, when another worker has the job.

    A job stopped early is charged for the finished part only. Raises StudioError("storage_failed").
    """
    asset.pk, asset.user_id, asset.generation_id = _asset_pk(job), job.user_id, job.pk
    mine: bool = False
    try:
        try:
            for name, file in files.items():
                getattr(asset, name).save(file.name, file, save=False)
        except Exception as error:
            raise StudioError(code="storage_failed") from error
        with transaction.atomic():
            mine = job.move(
                frm=(Status.RUNNING,),
                status=Status.SUCCEEDED,
                engine=engine,
                seconds_left=0,
                stopped_early=stopped,
            )
            if mine:
                asset.save()
                billing.capture(job.user, price_if_stopped(job) if stopped else job.cost, job.reference)
                billing.release(job.user, job.reference)
                transaction.on_commit(partial(_ended, job))
    except BaseException:
        mine = _may_be_made(job)
        raise
    finally:
        if not mine:
            _remove_unfinished(job)
    return mine


def _may_be_made(job: Generation) -> bool:
    """Return False only when it is certain that this attempt did not end the job: a lost answer may hide a commit."""
    try:
        return Generation.objects.filter(pk=job.pk, attempt=job.attempt, status=Status.SUCCEEDED).exists()
    except Exception:
        log.warning("end_unknown", generation=str(job.pk), exc_info=True)
        return True


def fail(job: Generation, error: StudioError, *, still: dict[str, Any] | None = None) -> bool:
    """End a running job with an error and give back what is held. Returns False when another worker has the job.

    `still` as in `Generation.move`.
    """
    with transaction.atomic():
        failed = {"status": Status.FAILED, "error_code": error.code, "error": error.message[:500]}
        mine = job.move(frm=(Status.RUNNING,), still=still, **failed)
        if mine:
            billing.release(job.user, job.reference)
            transaction.on_commit(partial(_ended, job))
    return mine


def retry(job: Generation, error: StudioError, *, still: dict[str, Any] | None = None, at_once: bool = True) -> bool:
    """Requeue a running job, to go on after its last finished window. Returns False when another worker has it.

    After MAX_ATTEMPTS without a new window it fails with `error` instead. `still` as in `Generation.move`. Unless
    `at_once`, no message is sent now: `sweep` sends it after the time it gives to lost messages.
    """
    if job.attempt - job.kept_attempt >= settings.MAX_ATTEMPTS:
        return fail(job, error, still=still)
    sent = None if at_once else timezone.now()
    back = {"status": Status.QUEUED, "stage": Generation.Stage.WAITING, "dispatched_at": sent}
    if not job.move(frm=(Status.RUNNING,), still=still, **back):
        return False
    log.warning("generation_requeued", generation=str(job.pk), attempt=job.attempt, code=error.code)
    _remove_unfinished(job)
    if at_once:
        dispatch(job)
    progress.changed(job)
    return True


def cancel(job: Generation) -> int:
    """Cancel a job. Returns the credits given back. Raises WrongState when it has ended."""
    with transaction.atomic():
        # Lock only the job's row: inserting a row that refers to the user locks the user's row too.
        job = Generation.objects.select_for_update(of=("self",)).select_related("user").get(pk=job.pk)
        if not job.move(frm=Generation.ACTIVE, status=Status.CANCELLED):
            raise WrongState(f"This film is already {job.get_status_display().lower()}, so it cannot be cancelled.")
        given_back = billing.release(job.user, job.reference)
        transaction.on_commit(partial(_ended, job))
    log.info("generation_cancelled", generation=str(job.pk), released=given_back)
    return given_back


def stop(job: Generation) -> Generation:
    """Ask a job to end with its finished windows; only these are charged. Returns the row.

    The worker joins the windows at its next report, or the next worker does if that one is lost. Before the first
    window this cancels the job. Asking twice is harmless. Raises WrongState when the job has ended.
    """
    with transaction.atomic():
        job = Generation.objects.select_for_update(of=("self",)).select_related("user").get(pk=job.pk)
        if not job.is_active:
            raise WrongState(f"This film is already {job.get_status_display().lower()}, so it cannot be stopped.")
        if not job.kept_windows:
            cancel(job)
            job.refresh_from_db()
        elif not job.stop_requested_at:
            job.move(frm=Generation.ACTIVE, stop_requested_at=timezone.now())
            transaction.on_commit(partial(progress.changed, job))
            log.info("generation_stopping", generation=str(job.pk), windows=job.kept_windows)
    return job


def price_if_stopped(job: Generation) -> int:
    """Return the credits for the finished windows of a job, at most those held."""
    tool = tool_of(job)
    return min(job.cost, tool.price_of_part(job.params, job.kept_frames)) if tool else job.cost


def delete(job: Generation) -> None:
    """Move a job and its files to the trash; a job that has not ended is cancelled first."""
    if job.is_active:
        try:
            cancel(job)
        except WrongState:
            log.info("generation_ended_meanwhile", generation=str(job.pk))
    now = timezone.now()
    with transaction.atomic():
        Generation.objects.filter(pk=job.pk).update(deleted_at=now)
        Asset.objects.filter(generation=job).update(deleted_at=now)


def restore(job: Generation) -> None:
    """Take a job out of the trash. Raises WrongState when its files are gone for good."""
    if Asset.objects.filter(generation=job, file="").exists():
        raise WrongState(f"This film was deleted more than {settings.TRASH_DAYS} days ago, so its files are gone.")
    with transaction.atomic():
        Generation.objects.filter(pk=job.pk).update(deleted_at=None)
        Asset.objects.filter(generation=job).update(deleted_at=None)


def _asset_pk(job: Generation) -> UUID:
    """The asset's key, the same for the whole attempt: files of a killed attempt are found, and removed, by it."""
    return uuid5(job.pk, f"asset of attempt {job.attempt}")


def _remove_unfinished(job: Generation) -> None:
    try:
        keeper.remove_folder(str(PurePosixPath(by_uuid(Asset(pk=_asset_pk(job)), "file")).parent))
    except Exception:
        log.warning("files_not_removed", generation=str(job.pk), exc_info=True)


def _ended(job: Generation) -> None:
    # The job has ended in the database; an error here must not look like a failure to end it.
    try:
        progress.changed(job)
        progress.queue_moved(job.queue)
    except Exception:
        log.warning("end_not_told", generation=str(job.pk), exc_info=True)
    keeper.remove(job)


def tool_of(job: Generation) -> Tool | None:
    return registry.get(job.tool)


def models_in_use() -> set[str]:
    """Return the ids of the models that queued and running jobs name."""
    return set(Generation.objects.active().values_list("params__model_id", flat=True)) - {None}
