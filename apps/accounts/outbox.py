"""Mail on its way: sent by a thread, so that nobody waits for the mail server or tells by the time what was sent."""

from concurrent.futures import ThreadPoolExecutor

import structlog
from django.conf import settings
from django.core.mail import EmailMessage

log = structlog.get_logger(__name__)
# A process that ends waits for what is in the pool.
pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def send(message: EmailMessage) -> None:
    """Send a message after the database has what it is about; a failure is logged."""
    if settings.MAIL_IN_BACKGROUND:
        pool.submit(deliver, message)
    else:
        deliver(message)


def deliver(message: EmailMessage) -> None:
    try:
        message.send()
    except Exception:
        log.exception("mail_not_sent", subject=message.subject)
