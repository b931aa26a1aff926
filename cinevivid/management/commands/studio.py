import os
import threading
import time
from datetime import timedelta
from typing import Any

import dramatiq
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.links import sign_in_url
from apps.accounts.models import User
from apps.billing import services as billing
from apps.tools.services import sweep

DEMO_EMAIL = "demo@cinevivid.local"
SWEEP_SECONDS = 30


class Command(BaseCommand):
    help = (
        "Run the whole studio in this process: migrate, one worker, the site. For a laptop; a fleet uses compose.yaml."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, port: int, host: str, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("REDIS_URL is set, so this is a fleet: start web and workers with compose.yaml.")
        settings.SITE_URL = os.environ.get("SITE_URL") or f"http://localhost:{port}"
        call_command("migrate", verbosity=0)
        self.stdout.write(
            f"\n  CineVivid is at {settings.SITE_URL}\n  Sign in, once, as {DEMO_EMAIL}: {sign_in_url(demo_user())}\n"
        )
        import workers.actors  # noqa: F401

        worker = dramatiq.Worker(dramatiq.get_broker(), worker_threads=1)
        worker.start()
        # Nothing else runs this database, so what says RUNNING was lost with the last process.
        sweep(lease=timedelta(0), resend_after=timedelta(0))
        threading.Thread(target=keep_sweeping, name="sweep", daemon=True).start()
        try:
            serve(host, port)
        finally:
            # A film in the making is not waited for: the next start puts its job back into the queue.
            worker.stop(timeout=1000)


def serve(host: str, port: int) -> None:
    """Run daphne until it is stopped."""
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import Server

    from cinevivid.asgi import application

    Server(application, endpoints=build_endpoint_description_strings(host=host, port=port), verbosity=0).run()


def demo_user() -> User:
    """The account that the printed link opens: 300 credits, no password."""
    user = User.objects.filter(email=DEMO_EMAIL).first() or User.objects.create_user(DEMO_EMAIL, name="Demo")
    billing.grant(user, settings.FREE_CREDITS, f"welcome:{user.pk}")
    return user


def keep_sweeping() -> None:
    while True:
        time.sleep(SWEEP_SECONDS)
        sweep()
