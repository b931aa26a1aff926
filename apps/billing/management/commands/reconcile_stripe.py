from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.billing.plans import connected
from apps.billing.reconcile import DAYS, reconcile
from apps.errors import StudioError


class Command(BaseCommand):
    help = "Compare Stripe with this studio's rows, tell every difference, and repair it unless --dry-run is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=DAYS, help=f"How far to look back (default: {DAYS}).")
        parser.add_argument("--dry-run", action="store_true", help="Only tell what differs.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not connected():
            raise CommandError("STRIPE_SECRET_KEY is not set.")
        try:
            found = reconcile(days=options["days"], repair=not options["dry_run"])
        except StudioError as error:
            raise CommandError(error.message) from error
        for sentence in found:
            self.stdout.write(sentence)
        ends = "" if options["dry_run"] else " and repaired"
        self.stdout.write(f"{len(found)} differences found{ends}." if found else "Nothing was missed.")
