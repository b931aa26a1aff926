"""E-mail of an instance without a mail server: shown on the terminal and kept as a file."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.console import EmailBackend as ConsoleBackend
from django.core.mail.backends.filebased import EmailBackend as FileBackend


class ConsoleAndFileBackend(BaseEmailBackend):
    """Writes each message to standard output and to EMAIL_FILE_PATH."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        ConsoleBackend().send_messages(list(email_messages))
        return FileBackend().send_messages(list(email_messages)) or 0
