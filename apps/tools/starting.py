"""The film that was asked for before signing up, made once the address is confirmed."""

from functools import partial
from typing import Any

import structlog
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.db import transaction
from django.dispatch import receiver

from apps.accounts.models import User
from apps.errors import StudioError
from apps.tools import registry, services

log = structlog.get_logger(__name__)


def make(user: User, prompt: str, key: str) -> str:
    """Start the main tool with a prompt, once for each key. Returns what is wrong with it; empty when it is started."""
    tool = registry.main()
    form = tool.form_class(tool.form_class.page_data() | {"prompt": prompt}, user=user)
    if problem := registry.first_error(form):
        return problem
    try:
        services.submit(user, tool, form.params, idempotency_key=key and f"start:{key}")
    except StudioError as error:
        return error.public_text
    return ""


def make_first(user: User) -> str:
    """Start what the account has kept since its sign-up, once. Returns what is wrong with it.

    What could not be started stays on the account for the page, which shows it with the reason.
    """
    problem = make(user, user.first_prompt, f"first:{user.pk}")
    if not problem:
        User.objects.filter(pk=user.pk, first_prompt=user.first_prompt).update(first_prompt="")
    return problem


@receiver(email_confirmed)
def address_confirmed(email_address: EmailAddress, **kwargs: Any) -> None:
    """Start it after the confirmation is committed, and with it the free credits; it must not undo either."""
    transaction.on_commit(partial(_begin, email_address.user_id), robust=True)


def _begin(user_id: int) -> None:
    user = User.objects.get(pk=user_id)
    if user.first_prompt and (problem := make_first(user)):
        log.info("first_prompt_not_started", user=user.pk, problem=problem)
