"""Mail on its way: sent by a thread, so that nobody waits for the mail server or tells by the time what was sent."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

log = structlog.get_logger(__name__)
# A process that ends waits for what is in the pool.
pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def send(message: EmailMessage) -> None:
    """Send a message in the background, once the transaction that it tells of is committed."""
    if settings.MAIL_IN_BACKGROUND:
        transaction.on_commit(partial(pool.submit, deliver, message))
    else:
        deliver(message)


def deliver(message: EmailMessage) -> None:
    """Send a message now; a failure is logged."""
    try:
        message.send()
    except Exception:
        log.exception("mail_not_sent", subject=message.subject)
