from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from apps.billing import gateway
from apps.billing.models import Plan, TopUp
from apps.billing.plans import connected
from apps.errors import StudioError


class Command(BaseCommand):
    help = (
        "Make the products, prices, portal settings and webhook endpoint of this studio in Stripe. It can be run as "
        "often as you like: what is there already stays."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not connected():
            raise CommandError("STRIPE_SECRET_KEY is not set.")
        plans, packs = Plan.objects.exclude(lookup_key=""), TopUp.objects.exclude(lookup_key="")
        goods = [
            {
                "key": each.lookup_key,
                "title": each.title,
                "amount": each.price,
                "currency": each.currency,
                "monthly": isinstance(each, Plan),
            }
            for each in (*plans, *packs)
        ]
        try:
            made = gateway.set_up(goods, f"{settings.SITE_URL}{reverse('billing:webhook')}")
        except StudioError as error:
            raise CommandError(
                f"{error.message} Check STRIPE_SECRET_KEY, and the log for Stripe's own words."
            ) from error
        for sentence in made.done or ["Everything was there already."]:
            self.stdout.write(sentence)
        if made.secret:
            self.stdout.write("\nStripe shows this once. Put it into the environment of web and workers, and restart:")
            self.stdout.write(f"STRIPE_WEBHOOK_SECRET={made.secret}")
