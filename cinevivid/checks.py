"""What must be true of an installation, said by `manage.py check` and, of a fleet, by `manage.py check --deploy`."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from workers.weights import catalog


@register(Tags.security, deploy=True)
def production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A fleet has its own secret, database and queue."""
    found: list[CheckMessage] = []
    if not settings.SECRET_KEY_FROM_ENVIRONMENT:
        found.append(Error("SECRET_KEY is not set, so each host would sign with its own.", id="cinevivid.E001"))
    if settings.EMBEDDED:
        found.append(Error("REDIS_URL is not set: web and workers could not talk.", id="cinevivid.E002"))
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        found.append(Warning("DATABASE_URL is SQLite, which one host can use.", id="cinevivid.W001"))
    if not settings.EMAIL_URL:
        found.append(Warning("EMAIL_URL is not set: e-mail goes to the terminal and a file.", id="cinevivid.W002"))
    if settings.SECURE and not settings.BEHIND_PROXY:
        text = "SECURE without BEHIND_PROXY: unless TLS ends in this process, every request is redirected to itself."
        found.append(Warning(text, id="cinevivid.W004"))
    if not settings.SITE_URL.startswith("https://"):
        found.append(Warning("SITE_URL is not https.", id="cinevivid.W003"))
    return found


@register
def models(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """For every kind of work, the model that the environment chooses can do it."""
    found = [trouble for kind in catalog.kinds() if (trouble := catalog.trouble(kind))]
    return [Error(trouble, id="cinevivid.E003") for trouble in found]
