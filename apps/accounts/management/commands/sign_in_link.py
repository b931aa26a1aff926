from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.links import sign_in_url
from apps.accounts.models import User


class Command(BaseCommand):
    help = "Print a link that signs an account in, once. The account's next sign-in ends it, and so do three days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?", default="demo@cinevivid.local", help="The demo account by default.")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email=email.lower(), is_active=True).first()
        if user is None:
            raise CommandError(f"No account has the address {email}.")
        self.stdout.write(sign_in_url(user))
