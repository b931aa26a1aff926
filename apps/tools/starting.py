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
from apps.library.models import Generation
from apps.tools import registry, services
from apps.tools.registry import Quote, ToolForm

log = structlog.get_logger(__name__)


def quote(user: User, prompt: str) -> Quote | None:
    """Return what a prompt costs when it is started without a look at the form; None where it cannot be started."""
    form = _form(user, prompt)
    return services.quote(registry.main(), form.params) if form.is_valid() else None


def made_first(user: User) -> str:
    """Return the prompt of the first video, while it is the only thing that the account has made; or else nothing."""
    made = list(Generation.objects.of(user)[:2])
    return str(made[0].params.get("prompt", "")) if [job.idempotency_key for job in made] == [_first(user)] else ""


def _form(user: User, prompt: str) -> ToolForm:
    form_class = registry.main().form_class
    return form_class(form_class.page_data() | {"prompt": prompt}, user=user)


def _first(user: User) -> str:
    return f"start:first:{user.pk}"


def make(user: User, prompt: str, key: str) -> str:
    """Start the main tool with a prompt, once for each key. Returns what is wrong with it; empty when it is started."""
    tool, form = registry.main(), _form(user, prompt)
    if problem := registry.first_error(form):
        return problem
    try:
        services.submit(user, tool, form.params, idempotency_key=key)
    except StudioError as error:
        return error.public_text
    return ""


def make_first(user: User) -> str:
    """Start what the account has kept since its sign-up, once. Returns what is wrong with it.

    What could not be started stays on the account for the page, which shows it with the reason.
    """
    problem = make(user, user.first_prompt, _first(user))
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
