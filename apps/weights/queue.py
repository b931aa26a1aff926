"""The way of work on a model to a worker."""

import structlog

from apps import messages
from apps.errors import StudioError
from workers.weights import store

log = structlog.get_logger(__name__)
QUEUE, ACTOR = "models", "work_on_model"


def send(model_id: str, verb: str) -> None:
    """Hand "download" or "verify" to a worker. Raises StudioError without a queue; then nothing is left waiting."""
    try:
        messages.send(QUEUE, ACTOR, model_id, verb)
    except Exception as error:
        store.cancel(model_id)
        log.warning("message_not_sent", model=model_id, exc_info=True)
        raise StudioError("The queue of the workers did not answer.", code="external_service") from error


def send_again() -> None:
    """Send once more what was asked for before this studio was stopped: its queue went with it, its notes did not."""
    for model_id, verb in store.requeue():
        send(model_id, verb)
