"""Dramatiq actors: claim a row, run its task, store what it made. The only Django-aware module of the workers."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dramatiq
import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, connections
from django.utils import timezone
from dramatiq.middleware import TimeLimitExceeded
from dramatiq.middleware.threading import raise_thread_exception

from apps.billing import events, payments, reconcile, sync
from apps.billing.models import Checkout, Customer
from apps.errors import CATALOGUE, StudioError
from apps.library import consents, progress
from apps.library.ids import is_uuid
from apps.library.keeper import StorageKeeper
from apps.library.models import Asset, Generation
from apps.tools import services
from apps.tools.registry import QUEUES, tools
from apps.voices import samples
from apps.voices import services as voices
from workers.base import Cancelled, EngineError, Progress, PublicError, Stopped
from workers.warm import Warmth
from workers.weights import store

log = structlog.get_logger(__name__)
WRITE_EVERY_SECONDS = 0.5
LINE_EVERY_SECONDS = 10.0  # after which those who wait are told anew when their turn comes
# What may go well another time: a part of the worker died, or its card did.
RETRIED = ("rank_lost", "ranks_not_started", "card_lost", "engine_lost")
ENDING = ("card_lost",)  # after which this process can make nothing any more
RETRIED_LATER = ("storage_failed",)
BILLING_MS = 5 * 60 * 1000
EXIT_CODE = 75  # of sysexits.h: another try may succeed
FOREVER_MS = 10 * 365 * 24 * 3600 * 1000  # dramatiq wants a number
SAMPLE_SECONDS = 120  # a voice may have to be read into memory first
warmth = Warmth(settings.DATA_DIR / "loading.json")
HEARTBEAT_SECONDS = settings.LEASE_SECONDS / 8
# An exception that another thread raises is lost where Python ignores it, as in a finaliser: it is raised again.
RAISED, RAISED_EVERY_SECONDS = 3, 5.0
# A worker hears only what its own process declares, and no actor has these queues' names.
for queue_name in QUEUES:
    dramatiq.get_broker().declare_queue(queue_name)


class WarmUp(dramatiq.Middleware):
    """Loads the models of a worker's tools as soon as it runs, unless CINEVIVID_WARM is 0."""

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        heard = worker.consumer_whitelist or set(broker.get_declared_queues())
        here = (tool for tool in tools() if tool.queue in heard and tool.queue != "cpu")
        # Where not all fit, those that are loaded last stay: the main tool's is the one that people wait for.
        needed = [(tool.task, tool.kind) for tool in sorted(here, key=lambda tool: tool.main)]
        if settings.WARM and needed:
            warmth.start(needed)


dramatiq.get_broker().add_middleware(WarmUp())


@dramatiq.actor(queue_name="gpu", max_retries=0, time_limit=FOREVER_MS)
def run_generation(queue: str) -> None:
    """Take the best job of a queue and make what it asks for; nothing when none waits.

    The message is a nudge. How long the job may take is its tool's business, and known only once it is taken.
    """
    job = Generation.objects.claim(queue)
    if job is None:
        return
    with structlog.contextvars.bound_contextvars(generation=str(job.pk), attempt=job.attempt):
        progress.changed(job)
        progress.queue_moved(job.queue)
        started = time.monotonic()
        tool = services.tool_of(job)
        limit = tool.limit_of(job.params) if tool else settings.JOB_TIME_LIMIT_SECONDS
        try:
            with heartbeat(job, limit), workshop(job) as folder:
                make(job, folder)
        except Cancelled:
            log.info("generation_dropped")
        except TimeLimitExceeded:
            give_up(job, StudioError(code="generation_timeout"))
        except Exception as error:
            log.exception("generation_failed")
            told = public_error(error)
            give_up(job, told)
            if told.code in ENDING:
                leave(told.code)
        else:
            log.info("generation_finished", tool=job.tool, seconds=round(time.monotonic() - started, 1))


def leave(code: str) -> None:
    """End this process, whose supervisor starts a new one: a worker's at once, as it would fail the next job as well.

    In the embedded studio the site ends with its worker, in good order.
    """
    log.critical("worker_ends", code=code)
    if settings.REDIS_URL:
        os._exit(EXIT_CODE)
    os.kill(os.getpid(), signal.SIGTERM)


def give_up(job: Generation, error: StudioError) -> None:
    """End a failed attempt: queue the job again where another one may succeed, else offer what is finished, or fail it.

    A job with finished windows is tried again when only the time was too short for all of them, and when the storage,
    which may be full or away for a while, did not take the next one. Where the time brought not even one more window,
    it is tried again only to keep those that there are, as a stop does.
    """
    timeout = error.code == "generation_timeout" and job.kept_windows > 0
    if timeout and job.kept_attempt != job.attempt:
        job.move(frm=(Generation.Status.RUNNING,), stop_requested_at=timezone.now())
    later = error.code in RETRIED_LATER and job.kept_windows > 0
    if error.code in RETRIED or timeout or later:
        services.retry(job, error, at_once=not later)
    else:
        services.offer_or_fail(job, error)


@dramatiq.actor(queue_name=samples.QUEUE, max_retries=0, time_limit=SAMPLE_SECONDS * 1000)
def make_voice_sample(slug: str) -> None:
    """Speak the sample of a voice and keep it; nothing when it is there."""
    from workers.engines import voice as engine
    from workers.media import audio

    if samples.gone(slug):
        return
    try:
        voice = engine.get(slug)
        path = samples.path_of(voice)
        if default_storage.exists(path):
            return
        spoken = engine.say(samples.sentence(voice), slug)
        with tempfile.TemporaryDirectory(prefix="sample-") as folder:
            file = audio.encode(spoken.samples, spoken.rate, Path(folder) / "sample.mp3")
            with file.open("rb") as made:
                default_storage.save(path, File(made))
    except Exception:
        samples.note_failure(slug)
        log.warning("sample_not_made", voice=slug, exc_info=True)


@dramatiq.actor(queue_name=samples.QUEUE, max_retries=0, time_limit=BILLING_MS)
def remove_voices() -> None:
    """Remove voices at their provider whose consent is withdrawn or whose owner is gone."""
    voices.remove_due()


@dramatiq.actor(
    queue_name="models", max_retries=0, time_limit=settings.MODEL_TIME_LIMIT_SECONDS * 1000, notify_shutdown=True
)
def work_on_model(model_id: str, verb: str) -> None:
    """Download or verify a model of the catalogue, if its note in the models' folder still asks for it.

    The models page reads how far it is from there, too.
    """
    with structlog.contextvars.bound_contextvars(model=model_id, verb=verb):
        try:
            now = {"download": store.download, "verify": store.verify}[verb](model_id, queued=True)
        except Cancelled:
            log.info("model_work_cancelled")
        except EngineError as error:
            log.warning("model_work_failed", code=error.code, reason=error.public_text)
        else:
            log.info("model_work_finished", revision=now.revision, bytes=now.disk)


@dramatiq.actor(queue_name="billing", max_retries=0, time_limit=BILLING_MS)
def handle_stripe_event(id: str) -> None:
    """Bring the rows up to what Stripe says of the object of an event, unless that is done."""
    events.handle(id)


@dramatiq.actor(queue_name="billing", max_retries=0, time_limit=BILLING_MS)
def look_at_checkout(key: str) -> None:
    """See whether a page of Stripe was paid."""
    found = Checkout.objects.filter(pk=key).exclude(session_id="").first()
    if found and found.status in (Checkout.Status.OPEN, Checkout.Status.PROCESSING):
        sync.sync_checkout(found.session_id)


@dramatiq.actor(queue_name="billing", max_retries=0, time_limit=BILLING_MS)
def leave_stripe(key: str) -> None:
    """Remove the customer of a deleted account from Stripe, and with it everything that would charge them."""
    if found := Customer.objects.filter(pk=key, leaving=True).select_related("user").first():
        payments.remove_customer(found)


@dramatiq.actor(queue_name="billing", max_retries=0, time_limit=FOREVER_MS)
def reconcile_stripe() -> None:
    """Find and repair what was missed of Stripe's webhooks."""
    reconcile.reconcile()


def make(job: Generation, folder: Path) -> None:
    """Run the job's task and hand what it made to the library. Raises Cancelled when the job is not ours."""
    from workers.marking import with_copies
    from workers.media.facts import sha256
    from workers.tasks import registry as tasks

    tool = services.tool_of(job)
    try:
        task = tasks.get(tool.task if tool else "")
    except KeyError:
        raise StudioError(code="configuration") from None
    voices.refuse_hidden(job.user_id, job.params)
    if tool and tool.likeness:
        consents.refuse_withdrawn(job)
    (work := folder / "work").mkdir()
    request = tasks.Request(
        params=job.params,
        folder=work,
        inputs=bring(job, folder / "inputs"),
        on_progress=reporter(job),
        keeper=StorageKeeper(job),
        watermark=job.watermark,
    )
    while not warmth.done.wait(WRITE_EVERY_SECONDS):
        request.on_progress(Progress(stage="loading", seconds_left=warmth.seconds_left()))
    made = task(request)
    results = [with_copies(each) for each in made.assets] if job.watermark else made.assets
    with ExitStack() as stack:
        assets = []
        for each in results:
            files = {**each.files, **{f"{Asset.MARKED}{name}": path for name, path in each.marked.items()}}
            opened = {name: File(stack.enter_context(path.open("rb")), path.name) for name, path in files.items()}
            main = each.marked.get("file")
            facts = {"bytes": main.stat().st_size, "sha256": sha256(main)} if main else {}
            assets.append(
                (Asset(kind=each.kind, recipe={**made.recipe, **each.recipe}, marked=facts, **each.facts), opened)
            )
        if not services.finish(job, assets, made.engine, data=made.data, stopped=made.stopped):
            raise Cancelled


def bring(job: Generation, folder: Path) -> dict[str, list[Path]]:
    """Fetch what the job begins with from storage; returns the files by parameter, in their order.

    Raises StudioError: "input_missing" when one is gone, "storage_failed".
    """
    brought: dict[str, list[Path]] = {}
    for given in job.inputs.select_related("asset", "source"):
        asset = given.found
        if asset is None:
            raise StudioError(code="input_missing")
        folder.mkdir(exist_ok=True)
        path = folder / f"{given.name}-{given.position}{Path(str(asset.file.name)).suffix}"
        try:
            with asset.file.open("rb") as stored, path.open("wb") as out:
                shutil.copyfileobj(stored, out)
        except FileNotFoundError:
            raise StudioError(code="input_missing") from None
        except Exception as error:
            raise StudioError(code="storage_failed") from error
        brought.setdefault(given.name, []).append(path)
    return brought


def reporter(job: Generation) -> Callable[[Progress], None]:
    """A callback for the engine: writes progress at most twice a second.

    Raises Cancelled once the row is gone, and Stopped when it was asked to end with what there is.
    """
    last, stage = 0.0, "loading"  # which it is since the row was claimed
    changed, loading, line = time.monotonic(), 0.0, time.monotonic()

    def report(now: Progress) -> None:
        nonlocal last, stage, changed, loading, line
        if now.stage != stage:
            loading += time.monotonic() - changed if stage == "loading" else 0
            changed = time.monotonic()
        if now.stage == stage and time.monotonic() - last < WRITE_EVERY_SECONDS:
            return
        last, stage = time.monotonic(), now.stage
        written = job.advance(
            # Writing the file is what a stop asks for.
            still={} if stage == "encoding" else {"stop_requested_at": None},
            stage=now.stage,
            window=now.window,
            windows=now.windows,
            step=now.step,
            steps=now.steps,
            seconds_left=now.seconds_left,
            loading_seconds=loading,
        )
        if not written:
            raise Stopped if job.advance() else Cancelled
        progress.changed(job)
        if time.monotonic() - line > LINE_EVERY_SECONDS:
            line = time.monotonic()
            progress.queue_moved(job.queue)

    return report


@contextmanager
def workshop(job: Generation) -> Iterator[Path]:
    """Make the folder of this attempt and remove it at the end; the StorageKeeper has what is worth keeping.

    Folders that killed attempts have left on this machine go first.
    """
    settings.WORK_ROOT.mkdir(parents=True, exist_ok=True)
    # Only what attempts have made: a disk has folders of its own, such as lost+found.
    found = {folder: folder.name[:36] for folder in settings.WORK_ROOT.iterdir()}
    left = {folder: pk for folder, pk in found.items() if is_uuid(pk)}
    running = Generation.objects.active().filter(pk__in=set(left.values())).values_list("pk", "attempt")
    at_work = {f"{pk}-{attempt}" for pk, attempt in running}
    for folder in left:
        if folder.name not in at_work:
            shutil.rmtree(folder, ignore_errors=True)
    folder = settings.WORK_ROOT / f"{job.pk}-{job.attempt}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def heartbeat(job: Generation, limit: float) -> Iterator[None]:
    """Keep the row's lease alive while a step takes longer than it (loading 14B weights, one 720P step).

    After `limit` seconds TimeLimitExceeded is raised in the thread that entered.
    """
    stop, worker, ends = threading.Event(), threading.get_ident(), time.monotonic() + limit

    def beat() -> None:
        ours = True
        while not stop.wait(min(HEARTBEAT_SECONDS, max(0.0, ends - time.monotonic()))):
            if time.monotonic() >= ends:
                for _ in range(RAISED):
                    raise_thread_exception(worker, TimeLimitExceeded)  # type: ignore[no-untyped-call]
                    if stop.wait(RAISED_EVERY_SECONDS):
                        break
                return
            # A step that hangs keeps its worker, whosever the row is by now, until its time is over.
            try:
                ours = ours and job.advance()
            except DatabaseError:
                log.warning("heartbeat_missed", exc_info=True)
            finally:
                connections.close_all()

    thread = threading.Thread(target=beat, name=f"heartbeat-{job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def public_error(error: Exception) -> StudioError:
    """What a user is told about a failure: a row of the catalogue, never a traceback."""
    if isinstance(error, StudioError):
        return error
    if isinstance(error, PublicError):
        return StudioError(error.public_text, code=error.code if error.code in CATALOGUE else "generation_failed")
    if isinstance(error, OSError):
        return StudioError(code="storage_failed")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return StudioError(code="out_of_memory")
    return StudioError(code="generation_failed")
