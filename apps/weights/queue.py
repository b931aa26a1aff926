"""Sends downloads and verifications of models to the workers."""

import structlog

from apps import messages
from apps.errors import StudioError
from workers.weights import store

log = structlog.get_logger(__name__)
QUEUE, ACTOR = "models", "work_on_model"  # in workers/actors.py


def send(model_id: str, verb: str) -> None:
    """Send the verb "download" or "verify" for a model. Raises StudioError, and cancels it, without a broker."""
    try:
        messages.send(QUEUE, ACTOR, model_id, verb)
    except Exception as error:
        store.cancel(model_id)
        log.warning("message_not_sent", model=model_id, exc_info=True)
        raise StudioError("The queue of the workers did not answer.", code="external_service") from error


def send_again() -> None:
    """Send again what was asked for before this studio stopped: its queue was in memory, its notes are on disk."""
    for model_id, verb in store.requeue():
        send(model_id, verb)
