import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.tools.sweeper import keep_sweeping, sweep


class Command(BaseCommand):
    help = "Requeue jobs whose worker is lost, send lost messages again, empty the trash. Safe to run at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="Repeat until stopped.")

    def handle(self, *args: Any, every: float | None = None, **options: Any) -> None:
        if every:
            stopped = threading.Event()
            signal.signal(signal.SIGTERM, lambda *_: stopped.set())
            keep_sweeping(every, stopped)
        else:
            healed, sent = sweep()
            self.stdout.write(f"{healed} jobs healed, {sent} messages sent again.")
