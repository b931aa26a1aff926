"""What must be true of an installation, said by `manage.py check` and, of a fleet, by `manage.py check --deploy`."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.http.request import validate_host

from cinevivid.secret import OWNER_ONLY
from workers.engines.voice import cards as voices
from workers.weights import catalog

KNOWN_KEY = re.compile(r"insecure|change.?me|secret.?key|example|password", re.I)


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
        kind, id_ = (Error, "cinevivid.E004") if settings.SECURE else (Warning, "cinevivid.W003")
        found.append(kind("SITE_URL is not https, and links in mails lead there.", id=id_))
    host = urlsplit(settings.SITE_URL).hostname or ""
    if any(allowed.strip(".") in ("*", "") for allowed in settings.ALLOWED_HOSTS):
        text = "ALLOWED_HOSTS lets every name in: whoever asks decides what the site takes for its own address."
        found.append(Error(text, id="cinevivid.E005"))
    elif not validate_host(host, settings.ALLOWED_HOSTS):
        found.append(Error(f"ALLOWED_HOSTS does not have the host of SITE_URL, {host}.", id="cinevivid.E006"))
    if any(
        "*" in origin or (settings.SECURE and origin.startswith("http:")) for origin in settings.CSRF_TRUSTED_ORIGINS
    ):
        text = "CSRF_TRUSTED_ORIGINS has a wildcard or an address without TLS, whose pages may then act for users."
        found.append(Warning(text, id="cinevivid.W005"))
    if len(settings.SECRET_KEY) < 32 or len(set(settings.SECRET_KEY)) < 8 or KNOWN_KEY.search(settings.SECRET_KEY):
        text = "SECRET_KEY is short or taken from an example, so others can sign in as anybody."
        found.append(Error(text, id="cinevivid.E007"))
    if not settings.SECURE:
        text = "SECURE is off: cookies travel without TLS, and nothing tells browsers to use it."
        found.append(Warning(text, id="cinevivid.W006"))
    if settings.DATA_DIR.stat().st_mode & OWNER_ONLY:
        text = f"Other users of this machine can open the data folder {settings.DATA_DIR}."
        found.append(Warning(text, id="cinevivid.W007"))
    return found


@register(Tags.security, deploy=True)
def payments(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A studio that takes payments hears of them, and takes real ones."""
    if not settings.STRIPE_SECRET_KEY:
        return []
    found: list[CheckMessage] = []
    if not settings.STRIPE_WEBHOOK_SECRETS:
        text = "STRIPE_WEBHOOK_SECRET is not set, so nobody hears of payments. `manage.py stripe_setup` prints it."
        found.append(Error(text, id="cinevivid.E008"))
    if not settings.STRIPE_SECRET_KEY.startswith(("sk_", "rk_")):
        found.append(Error("STRIPE_SECRET_KEY is no secret key: it begins with sk_ or rk_.", id="cinevivid.E009"))
    if "_test_" in settings.STRIPE_SECRET_KEY and settings.SECURE:
        text = "STRIPE_SECRET_KEY is of the test mode: credits are given, and nobody is charged."
        found.append(Warning(text, id="cinevivid.W008"))
    return found


@register
def tax(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """STRIPE_TAX is one of its words."""
    if settings.STRIPE_TAX in ("", "exclusive", "inclusive"):
        return []
    return [Error("STRIPE_TAX is empty, exclusive or inclusive.", id="cinevivid.E010")]


@register
def models(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """For every kind of work, the model that the environment chooses can do it."""
    found = [trouble for kind in catalog.kinds() if (trouble := catalog.trouble(kind))]
    if trouble := voices.trouble():
        found.append(trouble)
    return [Error(trouble, id="cinevivid.E003") for trouble in found]
