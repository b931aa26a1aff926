"""The verbs of a job: submit, finish, fail, retry, cancel, stop, delete, restore. Each is one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid5

import structlog
from django.conf import settings
from django.core.files import File
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.billing import powers
from apps.billing import services as billing
from apps.billing.powers import Powers
from apps.errors import StudioError
from apps.library import consents, progress, storage, uploads
from apps.library.models import Asset, Generation, GenerationInput, GenerationQuerySet, Group
from apps.tools import graph, registry, turns
from apps.tools.pace import pace
from apps.tools.queue import dispatch
from apps.tools.registry import Quote, Stoppable, Tool

log = structlog.get_logger(__name__)
Status = Generation.Status
MAX_TITLE = 120  # characters of one that its owner gives
RETRY_AFTER_LEASES = 5  # how long a job waits that is not tried again at once


class TooManyJobs(StudioError):
    """The user has as many unfinished jobs as the studio allows."""

    code = "too_many_jobs"


class DuplicateRequest(StudioError):
    """An Idempotency-Key came back with another request."""

    code = "duplicate_request"


class WrongState(StudioError):
    """The verb does not apply to the job's status."""

    code = "wrong_state"


@dataclass(frozen=True, eq=False)
class Planned:
    """A job that is to be submitted with others; `params` and `waits_for` may name others of them.

    A job that names another one as an input begins with the first file that it will have made, and waits for it.
    """

    tool: Tool
    params: Mapping[str, Any]
    waits_for: Sequence["Planned"] = ()


def quote(tool: Tool, params: Mapping[str, Any]) -> Quote:
    """Return the credits and the expected seconds of a run, and what its model does not know of the prompt."""
    rate = pace(tool)
    seconds = None if rate is None else rate * tool.work(params)
    card, prompt = tool.card(params), str(params.get("prompt") or "")
    unknown = tuple(card.unknown_words(tool.said(params))) if card else ()
    known: dict[str, Any] = (
        {"model": card.id, "unknown_words": unknown, "suggestion": card.nearest(prompt)} if card and unknown else {}
    )
    return Quote(tool.price(params), seconds, tool.summary(params), **known)


def quote_batch(tool: Tool, params: Sequence[Mapping[str, Any]]) -> Quote:
    """Return the credits and the expected seconds of several runs, and the words that their models do not know."""
    rate = pace(tool)
    seconds = None if rate is None else rate * sum(map(tool.work, params))
    cards = [(tool.card(each), tool.said(each)) for each in params]
    unknown = [(card.id, word) for card, said in cards if card for word in card.unknown_words(said)]
    words = tuple(dict.fromkeys(word for _model, word in unknown))
    summaries = dict.fromkeys(map(tool.summary, params))
    number = ngettext("%d job", "%d jobs", len(params)) % len(params)
    summary = f"{number} · {next(iter(summaries))}" if len(summaries) == 1 else number
    model = unknown[0][0] if unknown else ""
    return Quote(sum(map(tool.price, params)), seconds, summary, model, words)


def require(user: User, tool: Tool, params: Mapping[str, Any], now: Powers | None = None) -> Powers:
    """Return what the plan of a user can do. Raises NotInPlan where a run asks for more of a power than it has."""
    return powers.require(user, tool.asks(params), now)


def submit(
    user: User,
    tool: Tool,
    params: Mapping[str, Any],
    *,
    waits_for: Sequence[Generation] = (),
    idempotency_key: str = "",
    request_digest: str = "",
) -> Generation:
    """Create a job, hold its credits and queue it, all in one transaction.

    `params` are a form's; what they name of the user's library, by its id, becomes an input of the job. A parameter may
    also be an upload, which is stored for good only together with the hold, or a job: then this one begins with the
    first file that it makes. A job that waits for others starts when they have SUCCEEDED. Raises NotInPlan,
    InsufficientCredits, TooManyJobs, StorageFull, StudioError("input_missing"), or DuplicateRequest when the key was
    used for another request. The same key with the same request returns the job that it made.
    """
    brought = _brought(params)
    try:
        if job := earlier(user, idempotency_key, request_digest):
            return job
        storage.refuse_full(user)
        now = require(user, tool, params)
        billing.refuse_beyond(user, tool.price(params))
        with uploads.storing(brought), transaction.atomic():
            params = _by_id(params, uploads.save(user, brought))
            told = {"idempotency_key": idempotency_key, "request_digest": request_digest}
            job = _record(user, tool, params, waits_for, now, **told)
            billing.hold(user, job.cost, job.reference)
            _refuse_too_many(user, now)
    except IntegrityError:
        if made := earlier(user, idempotency_key, request_digest):
            return made
        raise
    finally:
        uploads.let_go(brought)
    return job


def submit_group(
    user: User,
    kind: str,
    title: str,
    planned: Sequence[Planned],
    *,
    idempotency_key: str = "",
    request_digest: str = "",
) -> Group:
    """Record, charge and queue jobs that are one thing to their owner; all of them or none.

    Those that others name come first in `planned`. Without a title the group has that of its first job. The same key
    with the same request returns the group that it made. Raises what `submit` raises.
    """
    made: dict[Planned, Generation] = {}
    brought = _brought(*(each.params for each in planned))
    # The key is that of the first job.
    told = {"idempotency_key": idempotency_key, "request_digest": request_digest}
    try:
        if group := _earlier_group(user, idempotency_key, request_digest):
            return group
        storage.refuse_full(user)
        now = powers.of(user)
        if kind == Group.BATCH:
            powers.require(user, {"batch_jobs": len(planned)}, now)
            billing.refuse_beyond(user, sum(each.tool.price(each.params) for each in planned))
        for each in planned:
            require(user, each.tool, each.params, now)
        with uploads.storing(brought), transaction.atomic():
            stored = uploads.save(user, brought)
            group = Group.objects.create(user=user, kind=kind, title=title[:200])
            for each in planned:
                params = {
                    name: made[value] if isinstance(value, Planned) else value
                    for name, value in _by_id(each.params, stored).items()
                }
                first = [made[other] for other in each.waits_for]
                made[each] = _record(user, each.tool, params, first, now, group=group, **({} if made else told))
            if not title:
                _name(group, list(made.values()))
            billing.hold(user, sum(job.cost for job in made.values()), group.reference)
            _refuse_too_many(user, now)
    except IntegrityError:
        if group := _earlier_group(user, idempotency_key, request_digest):
            return group
        raise
    finally:
        uploads.let_go(brought)
    return group


def submit_batch(user: User, tool: Tool, title: str, params: Sequence[Mapping[str, Any]], **told: str) -> Group:
    """Submit several runs of one tool as a group. Raises what `submit` raises; `told` as there."""
    return submit_group(user, Group.BATCH, title, [Planned(tool, each) for each in params], **told)


def _name(group: Group, jobs: Sequence[Generation]) -> None:
    """Give a group the title of its first job, and say how many more there are."""
    more = len(jobs) - 1
    rest = ngettext("and %(number)d more", "and %(number)d more", more) % {"number": more} if more else ""
    group.title = f"{jobs[0].title[:150]} {rest}".strip()
    group.save(update_fields=["title"])


def _earlier_group(user: User, key: str, digest: str) -> Group | None:
    """Return the group made with this key, if any. Raises DuplicateRequest when it was made by another request."""
    job = earlier(user, key, digest)
    if job and job.group is None:
        raise DuplicateRequest()
    return job.group if job else None


def _brought(*params: Mapping[str, Any]) -> list[Asset]:
    """Return the uploads among parameters, which are not stored yet."""
    return [value for each in params for value in each.values() if isinstance(value, Asset)]


def _by_id(params: Mapping[str, Any], stored: Mapping[UUID, Asset]) -> dict[str, Any]:
    """Return parameters that name the uploads among them by the ids of the assets that these have become."""
    return {name: str(stored[value.pk].pk) if isinstance(value, Asset) else value for name, value in params.items()}


def _record(
    user: User, tool: Tool, params: Mapping[str, Any], waits_for: Sequence[Generation], now: Powers, **columns: Any
) -> Generation:
    """Write the rows of one job, and let a worker know once they are committed."""
    inputs = {name: _listed(value) for name, value in tool.inputs_of(params).items()}
    plain = {name: value for name, value in params.items() if name not in inputs}
    job = Generation(user=user, tool=tool.slug, params=plain, queue=tool.queue_of(params), **columns)
    job.title, job.cost, job.work = tool.job_title(params)[:200], tool.price(params), tool.work(params)
    job.watermark = not now.has("no_watermark")
    turns.arrange(job, now, turns.after(user, job.queue))
    sources = [value for values in inputs.values() for value in values if isinstance(value, Generation)]
    first = {other.pk: other for other in (*waits_for, *sources)}
    job.status = Status.QUEUED if all(other.status == Status.SUCCEEDED for other in first.values()) else Status.WAITING
    job.save()
    job.waits_for.set(first.values())
    ids = {str(value) for values in inputs.values() for value in values if not isinstance(value, Generation)}
    mine = {str(asset.pk): asset for asset in Asset.objects.of(user).filter(pk__in=ids)}
    if ids - mine.keys():
        raise StudioError(code="input_missing")
    GenerationInput.objects.bulk_create(
        GenerationInput(
            generation=job,
            name=name,
            position=position,
            asset=None if isinstance(value, Generation) else mine[str(value)],
            source=value if isinstance(value, Generation) else None,
        )
        for name, values in inputs.items()
        for position, value in enumerate(values)
    )
    if tool.likeness and params.get("consent"):
        consents.give(user, mine.values(), str(params.get("statement") or consents.STATEMENT))
    transaction.on_commit(partial(graph.start, job))
    log.info("generation_queued", generation=str(job.pk), tool=tool.slug, credits=job.cost)
    return job


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _refuse_too_many(user: User, now: Powers) -> None:
    """Raise TooManyJobs beyond the limit. The hold locked the wallet, so submits of one user count one by one."""
    most = now.number("jobs_in_line")
    if most is not None and Generation.objects.filter(user=user).active().units() > most:
        text = _("You can have %(most)d jobs waiting or running at once.") % {"most": most}
        raise TooManyJobs(" ".join(filter(None, [text, powers.more_of("jobs_in_line", user)])), limit=int(most))


def earlier(user: User, key: str, digest: str) -> Generation | None:
    """Return the job made with this key, if any. Raises DuplicateRequest when it was made by another request."""
    job = Generation.objects.filter(user=user, idempotency_key=key).first() if key else None
    if job and job.request_digest != digest:
        raise DuplicateRequest()
    return job


def finish(
    job: Generation,
    made: Sequence[tuple[Asset, Mapping[str, "File[bytes]"]]],
    engine: str,
    *,
    data: Mapping[str, Any] | None = None,
    stopped: bool = False,
) -> bool:
    """Store the asset and charge for it. Returns False, and stores nothing, when another worker has the job.

    `made` has the assets in their order, each with its files. Of a job that was stopped early, only the finished part
    is charged, and of one whose length was only expected, no more than what was made.
    Raises StudioError("storage_failed").
    """
    mine: bool = False
    try:
        try:
            for position, (asset, files) in enumerate(made):
                asset.pk, asset.position = _asset_pk(job, position), position
                asset.user_id, asset.generation_id = job.user_id, job.pk
                # Copies with the watermark do not count: their owner did not ask for them.
                asset.stored_bytes = sum(file.size for name, file in files.items() if not name.startswith(Asset.MARKED))
                for name, file in files.items():
                    asset.keep(name, file)
        except Exception as error:
            raise StudioError(code="storage_failed") from error
        with transaction.atomic():
            mine = job.move(
                frm=(Status.RUNNING,),
                status=Status.SUCCEEDED,
                engine=engine,
                data=data,
                seconds_left=0,
                stopped_early=stopped,
                length=max((asset.seconds for asset, _ in made), default=0),
            )
            if mine:
                for asset, _ in made:
                    asset.save()
                frames = max((asset.frames for asset, _ in made), default=0)
                graph.settle(job, price_if_stopped(job) if stopped else price_if_made(job, frames))
                transaction.on_commit(partial(graph.ended, job))
    except BaseException:
        mine = _may_be_made(job)
        raise
    finally:
        if not mine:
            _remove_unfinished(job, len(made))
    return mine


def _may_be_made(job: Generation) -> bool:
    """Return False only when it is certain that this attempt did not end the job: a lost answer may hide a commit."""
    try:
        return Generation.objects.filter(pk=job.pk, attempt=job.attempt, status=Status.SUCCEEDED).exists()
    except Exception:
        log.warning("end_unknown", generation=str(job.pk), exc_info=True)
        return True


def fail(
    job: Generation,
    error: StudioError,
    *,
    still: dict[str, Any] | None = None,
    frm: tuple[str, ...] = (Status.RUNNING,),
) -> bool:
    """End a running job with an error and give back what is held. Returns False when another worker has the job.

    `still` and `frm` as in `Generation.move`.
    """
    with transaction.atomic():
        failed = {"status": Status.FAILED, "error_code": error.code, "error": error.message[:500]}
        mine = job.move(frm=frm, still=still, **failed)
        if mine:
            graph.settle(job, 0)
            transaction.on_commit(partial(_remove_attempts, job))
            transaction.on_commit(partial(graph.ended, job))
    return mine


def offer_or_fail(job: Generation, error: StudioError, *, still: dict[str, Any] | None = None) -> bool:
    """Let the owner of a running job that cannot go on choose: `stop` keeps its finished windows, `cancel` does not.

    Without finished windows it fails. What the job holds stays held meanwhile, and after TRASH_DAYS the sweep decides
    for who has not. Returns False when another worker has the job. `still` as in `Generation.move`.
    """
    if not job.kept_windows or not isinstance(tool_of(job), Stoppable):
        return fail(job, error, still=still)
    offered: dict[str, Any] = {"status": Status.OFFERED, "stage": Generation.WAITING, "seconds_left": None}
    offered |= {"error_code": error.code, "error": error.message[:500], "stop_requested_at": None}
    if not job.move(frm=(Status.RUNNING,), still=still, **offered):
        return False
    log.warning("windows_offered", generation=str(job.pk), windows=job.kept_windows, code=error.code)
    _remove_unfinished(job)
    progress.changed(job)
    if job.at_once is not None:
        turns.call_next(job.user)  # it runs no more, so another one may
    return True


def lapse(job: Generation) -> bool:
    """Fail an offered job whose owner has not decided in time."""
    return fail(job, StudioError(job.error, code=job.error_code), frm=(Status.OFFERED,))


def retry(job: Generation, error: StudioError, *, still: dict[str, Any] | None = None, at_once: bool = True) -> bool:
    """Requeue a running job, to go on after its last finished window. Returns False when another worker has it.

    After MAX_ATTEMPTS without a new window it ends as `offer_or_fail` says instead. `still` as in `Generation.move`.
    Unless `at_once`, no message is sent now: `sweep` sends it after the time it gives to lost messages.
    """
    if job.attempt - job.kept_attempt >= settings.MAX_ATTEMPTS:
        return offer_or_fail(job, error, still=still)
    later = timezone.now() + timedelta(seconds=RETRY_AFTER_LEASES * settings.LEASE_SECONDS)
    back: dict[str, Any] = {"status": Status.QUEUED, "stage": Generation.WAITING, "dispatched_at": None}
    back["ready_at"] = None if at_once else later
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
        job = _locked(Generation.objects.filter(pk=job.pk)).get()
        if not job.is_active:
            raise WrongState(_("This has ended already, so it cannot be cancelled."))
        return _cancel(job)


def _cancel(job: Generation) -> int:
    """Cancel a job whose row is locked and that has not ended; the credits given back."""
    job.move(frm=Generation.ACTIVE, status=Status.CANCELLED)
    given_back = graph.settle(job, 0)
    transaction.on_commit(partial(_remove_attempts, job))
    transaction.on_commit(partial(graph.ended, job))
    log.info("generation_cancelled", generation=str(job.pk), released=given_back)
    return given_back


def stop(job: Generation) -> Generation:
    """Ask a job to end with its finished windows; only these are charged. Returns the row.

    The worker joins the windows at its next report, or the next worker does if that one is lost or the job was OFFERED.
    Before the first window this cancels the job. Asking twice is harmless. Raises WrongState when the job has ended.
    """
    with transaction.atomic():
        job = _locked(Generation.objects.filter(pk=job.pk)).get()
        if not job.is_active:
            raise WrongState(_("This has ended already, so it cannot be stopped."))
        if not isinstance(tool_of(job), Stoppable):
            raise WrongState(_("This is made in one piece, so you can only cancel it."))
        if not job.kept_windows:
            cancel(job)
            job.refresh_from_db()
        elif job.status == Status.OFFERED:
            back: dict[str, Any] = {"dispatched_at": None, "ready_at": None, "error_code": "", "error": ""}
            job.move(frm=(Status.OFFERED,), status=Status.QUEUED, stop_requested_at=timezone.now(), **back)
            transaction.on_commit(partial(dispatch, job))
            transaction.on_commit(partial(progress.changed, job))
        elif not job.stop_requested_at:
            job.move(frm=Generation.ACTIVE, stop_requested_at=timezone.now())
            transaction.on_commit(partial(progress.changed, job))
            log.info("generation_stopping", generation=str(job.pk), windows=job.kept_windows)
    return job


def price_if_stopped(job: Generation) -> int:
    """Return the credits for the finished windows of a job, at most those held."""
    tool = tool_of(job)
    return min(job.cost, tool.price_of_part(job, job.kept_frames)) if isinstance(tool, Stoppable) else job.cost


def price_if_made(job: Generation, frames: int) -> int:
    """Return the credits for a job that has made so many frames, at most those held."""
    tool = tool_of(job)
    if isinstance(tool, Stoppable) and tool.settles:
        return min(job.cost, tool.price_of_part(job, frames))
    return job.cost


def rename(job: Generation, title: str) -> None:
    """Give a job another title; an empty one is what its tool calls it. Raises StudioError for one that is too long."""
    title = " ".join(title.split())
    if len(title) > MAX_TITLE:
        raise StudioError(_("A title has at most %(most)d characters.") % {"most": MAX_TITLE}, code="validation_failed")
    job.title = title or usual_title(job)
    job.save(update_fields=["title"])


def usual_title(job: Generation) -> str:
    """Return what the tool of a job calls it; of one whose tool or inputs are gone, its prompt."""
    tool = tool_of(job)
    inputs = {given.name: str(given.asset_id) for given in job.inputs.all() if given.asset_id}
    try:
        return str(tool.job_title(dict(job.params) | inputs) if tool else job.params.get("prompt", ""))[:200]
    except KeyError:
        return str(tool.title if tool else "")


def delete(job: Generation) -> None:
    """Move a job and its files to the trash; a job that has not ended is cancelled first."""
    if job.is_active:
        try:
            cancel(job)
        except WrongState:
            log.info("generation_ended_meanwhile", generation=str(job.pk))
    elif job.status != Status.SUCCEEDED:
        _remove_attempts(job)
    now = timezone.now()
    with transaction.atomic():
        Generation.objects.filter(pk=job.pk).update(deleted_at=now)
        Asset.objects.filter(generation=job).update(deleted_at=now)
        transaction.on_commit(partial(progress.changed, job))


def restore(job: Generation) -> None:
    """Take a job out of the trash. Raises WrongState when its files are gone for good."""
    with transaction.atomic():
        # Locked, so that the trash is not emptied between the look and the change.
        files = Asset.objects.select_for_update().filter(generation=job).values_list("file", flat=True)
        here = Generation.objects.filter(pk=job.pk, gone_at=None)
        if "" in list(files) or not here.update(deleted_at=None):
            raise WrongState(_("This has left the trash, so its files are gone."))
        Asset.objects.filter(generation=job).update(deleted_at=None)
        transaction.on_commit(partial(progress.changed, job))


def delete_many(user: User, ids: Iterable[UUID]) -> list[Generation]:
    """Move jobs of a user to the trash, as `delete` does. Returns them; ids of anything else are passed over."""
    jobs = list(Generation.objects.of(user).filter(pk__in=list(ids)).select_related("user"))
    for job in jobs:
        delete(job)
    return jobs


def restore_many(user: User, ids: Iterable[UUID]) -> list[Generation]:
    """Take jobs of a user out of the trash. Returns them; ids of anything else, and what is gone, are passed over."""
    back = []
    for job in Generation.objects.in_trash(user).filter(pk__in=list(ids)).select_related("user"):
        try:
            restore(job)
        except WrongState:
            log.info("generation_gone_meanwhile", generation=str(job.pk))
        else:
            back.append(job)
    return back


def cancel_group(group: Group) -> int:
    """Cancel every job of a group that has not ended; the credits given back."""
    return _cancel_all(group.generations.active())


def cancel_all(user: User) -> int:
    """Cancel every job of a user that has not ended; the credits given back."""
    return _cancel_all(Generation.objects.filter(user=user).active())


def _cancel_all(jobs: GenerationQuerySet) -> int:
    with transaction.atomic():
        # All rows are locked before the first credit moves, as everywhere. All end before anybody looks at what waits:
        # a job that waits for another of them is cancelled with it, it has not failed.
        return sum(_cancel(job) for job in list(_locked(jobs).order_by("pk")))


def _locked(jobs: GenerationQuerySet) -> GenerationQuerySet:
    """Lock jobs whose end will move credits.

    Only their own rows, and not their keys: the commit of a new job locks the keys of its user and of those that it
    waits for, while it holds the wallet.
    """
    return jobs.select_for_update(of=("self",), no_key=True).select_related("user")


def _asset_pk(job: Generation, position: int, attempt: int = 0) -> UUID:
    """One for each attempt, so that files of one that was killed while it stored them are found again."""
    attempt = attempt or job.attempt
    return uuid5(job.pk, f"asset {position} of attempt {attempt}" if position else f"asset of attempt {attempt}")


def folders_of_attempts(job: Generation, most: int = 4) -> list[str]:
    """Return where the attempts at a job store their results, for up to so many files each."""
    return [
        storage.folder_of(Asset(pk=_asset_pk(job, position, attempt)))
        for attempt in range(1, job.attempt + 1)
        for position in range(most)
    ]


def _remove_unfinished(job: Generation, assets: int = 0, attempt: int = 0) -> None:
    """Remove what an attempt, the last or another, has stored of its result.

    Without a number of assets, until nothing is found at a position. What is not removed now is left to the sweep.
    """
    for position in range(assets) if assets else count():
        if not storage.remove_files(Asset(pk=_asset_pk(job, position, attempt))) and not assets:
            return


def _remove_attempts(job: Generation) -> None:
    """Remove what all attempts at a job have stored of a result; for a job that has ended without one."""
    for attempt in range(1, job.attempt + 1):
        _remove_unfinished(job, attempt=attempt)


def tool_of(job: Generation) -> Tool | None:
    return registry.get(job.tool)


def models_in_use() -> set[str]:
    """Return the ids of the models that jobs which have not ended need."""
    active = Generation.objects.active().values_list("tool", "params")
    return {model for slug, params in active if (tool := registry.get(slug)) for model in tool.models(params)}
