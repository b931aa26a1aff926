import fcntl
import logging
import os
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import dramatiq
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.links import sign_in_url
from apps.accounts.models import User
from apps.billing import services as billing
from apps.billing.payments import QUEUE as BILLING
from apps.tools.registry import tools
from apps.tools.sweeper import keep_sweeping, sweep
from apps.weights.queue import QUEUE as MODELS
from apps.weights.queue import send_again

DEMO_EMAIL = "demo@cinevivid.local"
SWEEP_SECONDS = 30


class Command(BaseCommand):
    help = (
        "Run the whole studio in this process: migrate, one worker, the site. "
        "For a laptop; a fleet has web and workers apart (README)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, port: int, host: str, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("REDIS_URL is set, so this is a fleet: start web and workers as the README says.")
        settings.SITE_URL = os.environ.get("SITE_URL") or f"http://localhost:{port}"
        lock = take_lock(settings.DATA_DIR / "studio.lock")
        check_free(host, port)
        call_command("migrate", verbosity=0)
        self.stdout.write(
            f"\n  CineVivid is at {settings.SITE_URL}\n  Sign in as {DEMO_EMAIL}: {sign_in_url(demo_user())}\n"
            "  The link works once; manage.py sign_in_link prints another one.\n"
        )
        import workers.actors  # noqa: F401
        from cinevivid.server import serve  # brings Twisted

        broker = dramatiq.get_broker()
        broker.emit_after("process_boot")  # dramatiq's own command does it; the time limit of actors starts with it
        at_work = crew(broker)
        start(at_work)
        get_channel_layer().listen()
        # Nothing else runs this database, so what says RUNNING was lost with the last process.
        sweep(lease=timedelta(0), resend_after=timedelta(0))
        send_again()
        stopped = threading.Event()
        threading.Thread(target=keep_sweeping, args=(SWEEP_SECONDS, stopped), name="sweep", daemon=True).start()
        try:
            serve(host, port)
        finally:
            stopped.set()
            # A film in the making is not waited for: the next start puts its job back into the queue.
            for worker in at_work:
                worker.stop(timeout=1000)
            lock.close()


def crew(broker: dramatiq.Broker) -> list[dramatiq.Worker]:
    """Workers that have not started, one for each need, so that none waits for another.

    What needs the card is made one at a time; downloads of models take hours and have two threads. What Stripe tells
    waits for no film.
    """
    queues = broker.get_declared_queues() | {tool.queue for tool in tools()}
    card = dramatiq.Worker(broker, queues=queues - {"cpu", MODELS, BILLING}, worker_threads=1)
    cpu = dramatiq.Worker(broker, queues={"cpu"}, worker_threads=1)
    models = dramatiq.Worker(broker, queues={MODELS}, worker_threads=2)
    models.queue_prefetch = 2  # counts messages at work too, so that one (settings) would leave a thread idle
    money = dramatiq.Worker(broker, queues={BILLING}, worker_threads=1)
    return [card, cpu, models, money]


def start(workers: list[dramatiq.Worker]) -> None:
    """Start several workers on one broker. Each adds a middleware of its own there, of which dramatiq would warn."""
    log = workers[0].broker.logger

    def unless_doubled(record: logging.LogRecord) -> bool:
        return "same type twice" not in record.getMessage()

    log.addFilter(unless_doubled)
    try:
        for worker in workers:
            worker.start()
    finally:
        log.removeFilter(unless_doubled)


def demo_user() -> User:
    """The account that the printed link opens: 300 credits, no password."""
    user = User.objects.filter(email=DEMO_EMAIL).first() or User.objects.create_user(DEMO_EMAIL, name="Demo")
    user.confirm_address()
    billing.grant(user, settings.FREE_CREDITS, f"welcome:{user.pk}")
    return user


def take_lock(path: Path) -> IO[str]:
    """Hold the data folder until this process ends. Raises CommandError while another studio has it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CommandError(
            f"A studio is running on {path.parent} already. Stop it, or set CINEVIVID_DATA_DIR to another folder."
        ) from None
    return file


def check_free(host: str, port: int) -> None:
    """Raise CommandError when something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"Port {port} cannot be used ({error.strerror}). Try PORT={port + 1}.") from None
