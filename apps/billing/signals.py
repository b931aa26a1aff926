"""Accounts open with the user; the free credits come once the e-mail address is theirs."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.db.models.signals import post_save
from django.dispatch import receiver

from apps.accounts.models import User
from apps.billing import services


@receiver(post_save, sender=User)
def open_accounts(instance: User, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:
        services.open_accounts(instance)


@receiver(email_confirmed)
def grant_free_credits(email_address: EmailAddress, **kwargs: Any) -> None:
    services.welcome(email_address.user, email_address.email)
