from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.billing.services import audit


class Command(BaseCommand):
    help = "Re-add every credit account from the raw transfers; fails when anything differs."

    def handle(self, *args: Any, **options: Any) -> None:
        problems = audit()
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{len(problems)} differences. The books are wrong.")
        self.stdout.write("The books are right.")
