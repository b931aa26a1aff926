"""Rows and files of accounts that nobody can use any more, and their removal."""

from datetime import timedelta
from importlib import import_module
from pathlib import Path

from allauth.account.models import EmailConfirmation
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.accounts.models import ApiToken

REVOKED_DAYS = 90  # how long an operator can look up when a token was revoked
MAIL_DAYS = 30  # of an instance whose mail is files


def forget_old() -> dict[str, int]:
    """Remove expired sessions and mailed links, tokens revoked long ago, and old mail files. Returns how many."""
    now = timezone.now()
    before = Session.objects.count()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    tokens, _ = ApiToken.objects.filter(revoked_at__lt=now - timedelta(days=REVOKED_DAYS)).delete()
    links, _ = EmailConfirmation.objects.all_expired().delete()
    return {"sessions": before - Session.objects.count(), "tokens": tokens, "links": links, "mails": old_mails()}


def old_mails() -> int:
    """Remove mail files that are older than MAIL_DAYS. Returns how many."""
    folder, removed = getattr(settings, "EMAIL_FILE_PATH", None), 0
    oldest = (timezone.now() - timedelta(days=MAIL_DAYS)).timestamp()
    for file in Path(folder).glob("*.log") if folder else ():
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)
            removed += 1
    return removed
