"""What a studio without a mail server shows to whoever runs it: where its mail is, and the link that was mailed."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from allauth.account.models import EmailConfirmationHMAC
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts import pending

BACKENDS = ("cinevivid.mail.ConsoleAndFileBackend", "django.core.mail.backends.filebased.EmailBackend")
# What a proxy adds: then the visitor is somebody behind it, wherever the proxy runs.
FORWARDED = ("FORWARDED", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_REAL_IP")


def mail_folder() -> str:
    """Return where this studio writes its mail, as short as the operator knows it; empty for one that sends it."""
    folder = getattr(settings, "EMAIL_FILE_PATH", None)
    if settings.EMAIL_BACKEND not in BACKENDS or not folder:
        return ""
    folder = Path(folder)
    return str(folder.relative_to(settings.BASE_DIR) if folder.is_relative_to(settings.BASE_DIR) else folder)


def is_here(request: HttpRequest) -> bool:
    """Whether a request was made on this very machine, to a studio that is meant for this machine alone.

    A proxy on the machine makes everybody's requests from here: it gives itself away by what it adds, by the name that
    the browser asked for, or by the address that the operator has set.
    """
    names = [request.get_host(), urlsplit(settings.SITE_URL).netloc]
    if referer := request.headers.get("Referer"):
        names.append(urlsplit(referer).netloc)
    return (
        settings.EMBEDDED
        and not settings.BEHIND_PROXY
        and not any(f"HTTP_{name}" in request.META for name in FORWARDED)
        and _loopback(str(request.META.get("REMOTE_ADDR") or ""))
        and all(_loopback(urlsplit(f"//{name}").hostname or "") for name in names)
    )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def confirm_link(request: HttpRequest) -> str:
    """Return the link that was mailed to the address that this session has signed up with, for the operator alone."""
    if not mail_folder() or not is_here(request):
        return ""
    address = pending.address_of(request)
    if address is None or address.verified:
        return ""
    return reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
